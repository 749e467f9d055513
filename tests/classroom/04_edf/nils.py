# Right, with a cell of his own that never ends.
# begins with: solution

# %% new after sigmoid-hand-in
while True:
    pass

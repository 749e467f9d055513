# Right, with whole arrays, much as the lecture's author would write it.
# begins with: solution

# Right, but cells are missing: one answer with its check, and another exercise's hand-in.
# begins with: solution
# removes: gate gate-check affine-hand-in

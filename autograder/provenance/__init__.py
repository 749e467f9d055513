"""How an answer got its numbers: derived, delegated to who knows the derivative, or by taking differences.

`provenance` looks at one answer and `sources` at a whole notebook; `detours`, `steps`, `places` and `standins` are what
they look for, `syntax` how they read. Nothing of a student's is run here.
"""

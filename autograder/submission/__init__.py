"""One submission, from bytes to a grade: a function of its arguments alone, which runs on any worker.

`submission` is the way through: `submitted` reads the bytes, `sanitise` puts right what is wrong with them, `session`
runs the cells in the jail and asks, `plain_tests` scores tests of other people's, `assemble` makes the graded notebook.
`lecture` is what goes in besides, `grades` what comes out.
"""

"""Where strangers' code runs, and the socket between it and the judge.

Outside: `jail` starts it, with the filter of `seccomp`; `doctor` says what a machine lacks for it. Inside: `zygote` is
the warm process, `worker` runs a notebook in a fork of it, `lecture_cells` the lecture's own cells beside it. `wire` is
on both sides. What runs inside imports nothing else of the autograder, for nothing else of it is there.
"""

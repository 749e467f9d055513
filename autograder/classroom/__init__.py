"""A class: all submissions to a lecture, graded and written down, whatever happens meanwhile.

`classroom` is the way through: `journal` knows what was done, `pool` (or `cluster`) has the workers, `gradebook` is the
one place that writes nbgrader's. `feedback` makes the pages.
"""

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # A small lecture
# It is here to try the machinery of releasing and grading.

# %%
import numpy as np

from edf_course import check, edf, hand_in, yours_or_library
from edf_course.edf import CompNode

# %% [markdown]
# ### Exercise 1 · Sigmoid


# %% nbgrader={"grade_id": "sigmoid", "solution": true, "grade": false, "locked": false}
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        ### BEGIN SOLUTION
        e = np.exp(-np.abs(self.x.value))
        self.value = np.where(self.x.value >= 0, 1, e) / (1 + e)
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        self.x.addgrad(self.grad * self.value * (1 - self.value))
        ### END SOLUTION


# %% nbgrader={"grade_id": "sigmoid-check", "grade": true, "points": 0, "locked": true, "solution": false}
check("edf.sigmoid", Sigmoid)

# %% nbgrader={"grade_id": "sigmoid-hand-in", "grade": true, "points": 1, "locked": true, "solution": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.sigmoid", Sigmoid)
### END HIDDEN TESTS

# %% tags=["skip-grading"]
print("a long training")

# %%
Sigmoid = yours_or_library(Sigmoid, edf.Sigmoid)

# %% [markdown]
# ### Exercise 2 · Gate


# %% nbgrader={"grade_id": "gate", "solution": true, "grade": false, "locked": false}
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self):
        ### BEGIN SOLUTION
        self.open = 1 / (1 + np.exp(-self.b.value))
        self.value = self.a.value * self.open
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        self.a.addgrad(self.grad * self.open)
        self.b.addgrad(self.grad * self.a.value * self.open * (1 - self.open))
        ### END SOLUTION


# %% nbgrader={"grade_id": "gate-check", "grade": true, "points": 0, "locked": true, "solution": false}
check("edf.gate", Gate)

# %% nbgrader={"grade_id": "gate-hand-in", "grade": true, "points": 1, "locked": true, "solution": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.gate", Gate)
### END HIDDEN TESTS

# %% [markdown]
# The end.

# Right, and loud: warnings, prints, a line on stderr, cells of her own, and one with a number as its last line.
# begins with: solution

# %% sigmoid
import logging
import sys
import warnings


class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = 1 / (1 + np.exp(-self.x.value))

    def backward(self):
        warnings.warn("this is my backward")
        logging.warning("and this its log")
        print("hello", file=sys.stderr)
        self.x.addgrad(self.grad * self.value * (1 - self.value))


0

# %% new after sigmoid
print("my own test")
17

# %% new after gate-hand-in
import warnings

warnings.warn("still here")

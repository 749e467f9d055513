# Crashes: a cell that is no Python, a name that does not exist, a division by zero. The rest is right.
# begins with: solution

# %% affine
class Affine(CompNode):
    def __init__(self, Phi, x):
        super().__init__()
        self.Phi = Phi
        self.x = x

    def forward(self):
        self.value = self.x.value @ self.Phi.w.value - self.Phi.b.value

    def backward(self):
        self.x.addgrad(gradient @ self.Phi.w.value.T)

# %% sgd
def sgd(parameters, learning_rate):
    for p in parameters:
        p.value -= learning_rate * p.grad / (1 / 0)

# %% gate
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__(
        self.a = a

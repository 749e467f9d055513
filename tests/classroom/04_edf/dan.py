# Half of it: the first five exercises right, then no more time.

# %% sigmoid
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        z = np.exp(-np.abs(self.x.value))
        self.value = np.where(self.x.value < 0, z, 1.0) / (1.0 + z)

    def backward(self):
        self.x.addgrad(self.grad * (self.value - self.value**2))

# %% addgrad
class MeanParameter(Parameter):
    def addgrad(self, delta):
        self.grad = self.grad + delta.mean(axis=0)

# %% affine
class Affine(CompNode):
    def __init__(self, Phi, x):
        super().__init__()
        self.Phi = Phi
        self.x = x

    def forward(self):
        self.value = self.x.value.dot(self.Phi.w.value) - self.Phi.b.value

    def backward(self):
        self.x.addgrad(self.grad.dot(self.Phi.w.value.T))
        self.Phi.w.addgrad_mean(self.x.value.T.dot(self.grad) / len(self.grad))
        self.Phi.b.addgrad_mean(-self.grad.mean(axis=0))

# %% backward-pass
def backward_pass(nodes, parameters, loss):
    for thing in nodes + parameters:
        thing.grad = np.zeros_like(thing.value)
    loss.grad = np.ones_like(loss.value)
    for node in reversed(nodes):
        node.backward()

# %% sgd
def sgd(parameters, learning_rate):
    for p in parameters:
        p.value -= learning_rate * p.grad

# Signs: a minus lost in Affine's bias, in the loss and in the second path of the norm, and a step uphill.
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
        self.x.addgrad(self.grad @ self.Phi.w.value.T)
        self.Phi.w.addgrad_mean(self.x.value.T @ self.grad / len(self.grad))
        self.Phi.b.addgrad(self.grad)

# %% sgd
def sgd(parameters, learning_rate):
    for p in parameters:
        p.value += learning_rate * p.grad

# %% logloss
class LogLoss(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q = q
        self.y = y

    def forward(self):
        self.value = -np.log(self.q.value[np.arange(len(self.q.value)), self.y.value])

    def backward(self):
        rows = np.arange(len(self.q.value))
        delta = np.zeros_like(self.q.value)
        delta[rows, self.y.value] = self.grad / self.q.value[rows, self.y.value]
        self.q.addgrad(delta)

# %% rms-norm
class RMSNorm(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.r = np.sqrt((self.x.value**2).mean(axis=-1, keepdims=True) + 1e-5)
        self.value = self.x.value / self.r

    def backward(self):
        y, g = self.value, self.grad
        self.x.addgrad((g + y * (g * y).mean(axis=-1, keepdims=True)) / self.r)

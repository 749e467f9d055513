# The derivative at the wrong point: in sigmoid, and in the gate; and log loss forgets to divide by q.
# begins with: solution

# %% sigmoid
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = np.exp(-np.logaddexp(0.0, -self.x.value))

    def backward(self):
        x = self.x.value
        self.x.addgrad(self.grad * x * (1 - x))

# %% logloss
class LogLoss(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q = q
        self.y = y

    def forward(self):
        self.value = -np.log(self.q.value[np.arange(len(self.q.value)), self.y.value])

    def backward(self):
        delta = np.zeros_like(self.q.value)
        delta[np.arange(len(delta)), self.y.value] = -self.grad
        self.q.addgrad(delta)

# %% gate
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a = a
        self.b = b

    def forward(self):
        self.open = np.exp(-np.logaddexp(0.0, -self.b.value))
        self.value = self.a.value * self.open

    def backward(self):
        self.a.addgrad(self.grad * self.open)
        self.b.addgrad(self.grad * self.value * (1 - self.value))

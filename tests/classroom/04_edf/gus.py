# The upstream gradient: forgotten in sigmoid, softmax, log loss and gate.
# begins with: solution

# %% sigmoid
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = np.exp(-np.logaddexp(0.0, -self.x.value))

    def backward(self):
        self.x.addgrad(self.value * (1 - self.value))

# %% softmax
class Softmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        e = np.exp(self.x.value - self.x.value.max(axis=-1, keepdims=True))
        self.value = e / e.sum(axis=-1, keepdims=True)

    def backward(self):
        y = self.value
        self.x.addgrad(y - y * y.sum(axis=-1, keepdims=True))

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
        delta[rows, self.y.value] = -1 / self.q.value[rows, self.y.value]
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
        self.a.addgrad(self.open)
        self.b.addgrad(self.a.value * self.open * (1 - self.open))

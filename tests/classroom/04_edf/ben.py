# Right, in plain loops: slow, and every index in sight.

# %% sigmoid
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def one(self, t):
        if t >= 0:
            return 1.0 / (1.0 + np.exp(-t))
        return np.exp(t) / (1.0 + np.exp(t))

    def forward(self):
        self.value = np.array([[self.one(t) for t in row] for row in self.x.value])

    def backward(self):
        delta = np.zeros(self.value.shape)
        for b in range(delta.shape[0]):
            for i in range(delta.shape[1]):
                s = self.value[b, i]
                delta[b, i] = self.grad[b, i] * s * (1 - s)
        self.x.addgrad(delta)

# %% addgrad
class MeanParameter(Parameter):
    def addgrad(self, delta):
        total = np.zeros(delta.shape[1:])
        for example in delta:
            total = total + example
        self.grad = self.grad + total / len(delta)

# %% affine
class Affine(CompNode):
    def __init__(self, Phi, x):
        super().__init__()
        self.Phi = Phi
        self.x = x

    def forward(self):
        x, w, bias = self.x.value, self.Phi.w.value, self.Phi.b.value
        self.value = np.zeros((len(x), len(bias)))
        for b in range(len(x)):
            for j in range(len(bias)):
                self.value[b, j] = -bias[j]
                for i in range(x.shape[1]):
                    self.value[b, j] += x[b, i] * w[i, j]

    def backward(self):
        x, w = self.x.value, self.Phi.w.value
        dx, dw, db = np.zeros_like(x), np.zeros((len(x), *w.shape)), np.zeros(self.grad.shape)
        for b in range(len(x)):
            for j in range(w.shape[1]):
                db[b, j] = -self.grad[b, j]
                for i in range(w.shape[0]):
                    dx[b, i] += self.grad[b, j] * w[i, j]
                    dw[b, i, j] = self.grad[b, j] * x[b, i]
        self.x.addgrad(dx)
        self.Phi.w.addgrad(dw)
        self.Phi.b.addgrad(db)

# %% backward-pass
def backward_pass(nodes, parameters, loss):
    for p in parameters:
        p.grad = np.zeros(p.value.shape)
    for c in nodes:
        c.grad = np.zeros(c.value.shape)
    loss.grad = np.ones(len(loss.value))
    i = len(nodes) - 1
    while i >= 0:
        nodes[i].backward()
        i -= 1

# %% sgd
def sgd(parameters, learning_rate):
    for p in parameters:
        step = np.empty(p.value.shape)
        for index in np.ndindex(*p.value.shape):
            step[index] = learning_rate * p.grad[index]
        p.value = p.value - step

# %% softmax
class Softmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        rows = []
        for row in self.x.value:
            e = [np.exp(t - max(row)) for t in row]
            rows.append([t / sum(e) for t in e])
        self.value = np.array(rows)

    def backward(self):
        delta = np.zeros(self.value.shape)
        B, n = delta.shape
        for b in range(B):
            for i in range(n):
                for j in range(n):
                    same = 1.0 if i == j else 0.0
                    jacobian = self.value[b, j] * (same - self.value[b, i])
                    delta[b, i] += self.grad[b, j] * jacobian
        self.x.addgrad(delta)

# %% logloss
class LogLoss(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q = q
        self.y = y

    def forward(self):
        self.value = np.array([-np.log(row[label]) for row, label in zip(self.q.value, self.y.value)])

    def backward(self):
        delta = np.zeros(self.q.value.shape)
        for b, label in enumerate(self.y.value):
            delta[b, label] = -self.grad[b] / self.q.value[b, label]
        self.q.addgrad(delta)

# %% mlp
def mlp(Phi, x):
    layers = list(Phi)
    node = x
    while len(layers) > 1:
        node = edf.Sigmoid(edf.Affine(layers.pop(), node))
    return edf.Affine(layers[0], node)

# %% gate
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a = a
        self.b = b

    def sigmoid(self, t):
        return 1.0 / (1.0 + np.exp(-t)) if t >= 0 else np.exp(t) / (1.0 + np.exp(t))

    def forward(self):
        self.open = np.array([[self.sigmoid(t) for t in row] for row in self.b.value])
        self.value = self.a.value * self.open

    def backward(self):
        to_a, to_b = np.zeros(self.value.shape), np.zeros(self.value.shape)
        for b in range(to_a.shape[0]):
            for i in range(to_a.shape[1]):
                to_a[b, i] = self.grad[b, i] * self.open[b, i]
                to_b[b, i] = self.grad[b, i] * self.a.value[b, i] * self.open[b, i] * (1 - self.open[b, i])
        self.a.addgrad(to_a)
        self.b.addgrad(to_b)

# %% rms-norm
class RMSNorm(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.roots = [np.sqrt(sum(t * t for t in row) / len(row) + 1e-5) for row in self.x.value]
        self.value = np.array([[t / r for t in row] for row, r in zip(self.x.value, self.roots)])

    def backward(self):
        x = self.x.value
        B, n = x.shape
        delta = np.zeros((B, n))
        for b in range(B):
            r = self.roots[b]
            for i in range(n):
                for j in range(n):
                    same = 1.0 if i == j else 0.0
                    delta[b, i] += self.grad[b, j] * (same / r - x[b, j] * x[b, i] / (n * r**3))
        self.x.addgrad(delta)

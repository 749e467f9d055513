# Right, as the slides write it: nodes put themselves on the list, an outer product for each example goes through
# addgrad, softmax multiplies by its Jacobian; some of it in float32.

# %% sigmoid
class Sigmoid(CompNode):
    def __init__(self, x):
        edf.CompNodes.append(self)
        self.x = x

    def forward(self):
        x = self.x.value.astype(np.float32)
        self.value = np.float32(0.5) * (np.tanh(x / 2) + 1)

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1.0 - self.value))

# %% addgrad
class MeanParameter(Parameter):
    def addgrad(self, delta):
        nBatch = delta.shape[0]
        self.grad += np.sum(delta, axis=0) / nBatch

# %% affine
class Affine(CompNode):
    def __init__(self, Phi, x):
        edf.CompNodes.append(self)
        self.Phi = Phi
        self.x = x

    def forward(self):
        self.value = np.matmul(self.x.value, self.Phi.w.value) - self.Phi.b.value

    def backward(self):
        self.x.addgrad(np.matmul(self.grad, self.Phi.w.value.transpose()))
        self.Phi.b.addgrad(-self.grad)
        self.Phi.w.addgrad(self.x.value[:, :, np.newaxis] * self.grad[:, np.newaxis, :])

# %% backward-pass
def backward_pass(nodes, parameters, loss):
    for c in nodes + parameters:
        c.grad = 0
    loss.grad = np.ones(loss.value.shape)
    for c in nodes[::-1]:
        c.backward()

# %% sgd
def sgd(parameters, learning_rate):
    for p in parameters:
        p.value = p.value - learning_rate * p.grad

# %% softmax
class Softmax(CompNode):
    def __init__(self, x):
        edf.CompNodes.append(self)
        self.x = x

    def forward(self):
        s = self.x.value - np.max(self.x.value, axis=1).reshape(-1, 1)
        self.value = np.exp(s - np.log(np.sum(np.exp(s), axis=1)).reshape(-1, 1))

    def backward(self):
        q = self.value
        jacobian = np.einsum("bi,ij->bij", q, np.eye(q.shape[1])) - np.einsum("bi,bj->bij", q, q)
        self.x.addgrad(np.einsum("bij,bj->bi", jacobian, self.grad))

# %% logloss
class LogLoss(CompNode):
    def __init__(self, q, y):
        edf.CompNodes.append(self)
        self.q = q
        self.y = y

    def forward(self):
        self.onehot = np.eye(self.q.value.shape[1])[self.y.value]
        self.value = -np.log((self.q.value * self.onehot).sum(axis=1))

    def backward(self):
        self.q.addgrad(-self.grad.reshape(-1, 1) * self.onehot / self.q.value)

# %% mlp
def mlp(Phi, x):
    if len(Phi) == 1:
        return edf.Affine(Phi[0], x)
    return edf.Affine(Phi[0], edf.Sigmoid(mlp(Phi[1:], x)))

# %% gate
class Gate(CompNode):
    def __init__(self, a, b):
        edf.CompNodes.append(self)
        self.a = a
        self.b = b

    def forward(self):
        self.s = 0.5 * (np.tanh(self.b.value / 2) + 1)
        self.value = self.s * self.a.value

    def backward(self):
        self.a.addgrad(self.s * self.grad)
        self.b.addgrad(self.a.value * self.s * (1 - self.s) * self.grad)

# %% rms-norm
class RMSNorm(CompNode):
    def __init__(self, x):
        edf.CompNodes.append(self)
        self.x = x

    def forward(self):
        self.inverse = (np.mean(np.square(self.x.value), axis=1, keepdims=True) + 1e-5) ** -0.5
        self.value = self.x.value * self.inverse

    def backward(self):
        x, n = self.x.value, self.x.value.shape[1]
        along = np.sum(self.grad * x, axis=1, keepdims=True)
        self.x.addgrad(self.grad * self.inverse - x * along * self.inverse**3 / n)

# Right, but for a backward that never ends.
# begins with: solution

# %% softmax
class Softmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        e = np.exp(self.x.value - self.x.value.max(axis=-1, keepdims=True))
        self.value = e / e.sum(axis=-1, keepdims=True)

    def backward(self):
        b = 0
        while b < len(self.value):
            delta = self.value * self.grad
        self.x.addgrad(delta)

# Affine's weights get the transposed gradient, and mlp walks Phi from its start.
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
        self.Phi.b.addgrad(-self.grad)
        self.Phi.w.addgrad_mean(self.grad.T @ self.x.value / len(self.grad))

# %% mlp
def mlp(Phi, x):
    for package in Phi[:-1]:
        x = edf.Sigmoid(edf.Affine(package, x))
    return edf.Affine(Phi[-1], x)

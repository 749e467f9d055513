# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · EDF: backpropagation in 150 lines
#
# **A small net that reads handwritten digits holds 2410 numbers. How does it find good ones? And how could you ever
# know that each of its 2410 slopes is right?**
#
# Here you build the machine that answers both. It is called EDF, the Educational Framework, and David McAllester wrote
# it for his course (EDF slides, TTIC 31230, Autumn 2024): a deep learning framework small enough to hold in your head.
# One line of the slides reads `???`, and a few others need care. You will fill in the first and put the others right.
# At the end a net made of *your* pieces reads more than 95 % of digits that it has never seen.
#
# **How it works.** Each of the ten exercises has three cells: one in which you write, one with `check(...)` that tells
# you at once what is right and what is not, and one that is graded when you hand in. Check as often as you like. You
# may skip any exercise: later cells then take the library's piece instead of yours, and say so. (Three dots in place of
# a cell hide code that only draws a figure. Click them if you are curious.)

# %%
import numpy as np

from edf_course import check, data, edf, hand_in, progress, yours_or_library
from edf_course.edf import CompNode, Input, Parameter

progress("04_edf")

# %% [markdown]
# ## 1 · A net is a graph
#
# Before any formula, the whole story in one picture. Numbers flow to the right until there is a loss. Then one question
# flows back to the left: *how much would the loss change if you changed a little?*

# %% jupyter={"source_hidden": true} tags=["skip-grading"]
import base64
import html
import io

from IPython.display import display
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ORANGE, SKY, GREEN, BLUE, VERMILION, GREY = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#666666"
KINDS = {"Input": (SKY, "round,pad=0,rounding_size=0.3", "-"), "Parameter": (ORANGE, "square,pad=0", "--"),
         "CompNode": (GREEN, "square,pad=0", "-")}  # fmt: skip


def show(figure, alt):
    """Display a figure together with a description in words."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    image = base64.b64encode(png.getvalue()).decode("ascii")
    width = round(100 * figure.get_figwidth())
    tag = f'<img alt="{html.escape(alt)}" style="max-width: 100%" width="{width}" src="data:image/png;base64,{image}">'
    display({"text/html": tag, "image/png": image, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def box(axes, x, y, name, shape, kind):
    """Draw one node: its name, and the shape of its value."""
    colour, style, line = KINDS[kind]
    corner, size = (x - 0.75, y - 0.45), (1.5, 0.9)
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=colour + "33", ec=colour, lw=2, ls=line))
    axes.text(x, y, f"$\\bf{{{name}}}$\n{shape}", ha="center", va="center", fontsize=9, linespacing=1.35)


def arrow(axes, start, end, backward=False):
    """Draw what flows along one edge: a value (solid) or a gradient (dashed)."""
    style = {"color": VERMILION, "linestyle": (0, (3, 1.5))} if backward else {"color": BLUE}
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "lw": 1.8, "shrinkA": 0, "shrinkB": 0, **style})


def draw_net():
    """Draw the digit net of this lecture: nodes with their shapes, values forward, gradients backward."""
    figure = Figure(figsize=(9.4, 2.5), layout="constrained")
    axes = figure.subplots()
    chain = [("x", "(B, 64)"), ("Affine", "(B, 32)"), ("Sigmoid", "(B, 32)"), ("Affine", "(B, 10)"),
             ("Softmax", "(B, 10)"), ("LogLoss", "(B,)")]  # fmt: skip
    for i, (name, shape) in enumerate(chain):
        box(axes, 2.2 * i, 0, name, shape, "CompNode" if i else "Input")
        if i:
            arrow(axes, (2.2 * i - 1.44, 0.15), (2.2 * i - 0.76, 0.15))
        if i > 1:
            arrow(axes, (2.2 * i - 0.76, -0.15), (2.2 * i - 1.44, -0.15), backward=True)
    below = [(1, r"\Phi_1", "w (64, 32)\nb (32,)"), (3, r"\Phi_2", "w (32, 10)\nb (10,)"), (5, "y", "(B,)")]
    for i, name, shape in below:
        box(axes, 2.2 * i, -1.6, name, shape, "Input" if name == "y" else "Parameter")
        arrow(axes, (2.2 * i - 0.15, -1.14), (2.2 * i - 0.15, -0.46))
        if name != "y":
            arrow(axes, (2.2 * i + 0.15, -0.46), (2.2 * i + 0.15, -1.14), backward=True)
    axes.plot([], [], color=BLUE, lw=1.8, label="value, forward")
    axes.plot([], [], color=VERMILION, ls="--", lw=1.8, label="gradient, backward")
    for kind, (colour, _, _) in KINDS.items():
        axes.plot([], [], color=colour, marker="s", linestyle="", markersize=9, label=kind)
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=9)
    axes.set(xlim=(-0.9, 11.9), ylim=(-2.1, 0.5), aspect="equal")
    axes.axis("off")
    show(figure, "A net as a graph, from left to right: input x (B, 64), Affine (B, 32), Sigmoid (B, 32), Affine (B, 10), "
         "Softmax (B, 10), LogLoss (B,). The parameter packages Phi 1 and Phi 2 feed the two Affine nodes from below, and "
         "the input y, the labels, feeds LogLoss. Solid arrows carry values forward. Dashed arrows carry gradients back "
         "to every computed node and to the parameters, but not to the inputs.")  # fmt: skip


draw_net()

# %% [markdown]
# *Figure: the digit net. Values flow forward along the solid arrows; gradients flow back along the dashed ones, to every
# computed node and to the parameters. B is the number of examples that go through at once.*
#
# In EDF you write this picture down as it stands. Each line makes a node and computes nothing yet: Python variables are
# bound to objects, and the objects remember whom they read.

# %% tags=["skip-grading"]
digits = data.digits()  # real handwriting: 8x8 pixels, 64 numbers in 0 (white) to 1 (ink)

with edf.Graph() as net:
    x, y = Input(name="x"), Input(name="y")
    Phi1, Phi2 = edf.AffineParams(64, 32, rng=1), edf.AffineParams(32, 10, rng=2)
    h = edf.Sigmoid(edf.Affine(Phi1, x))
    q = edf.Softmax(edf.Affine(Phi2, h))
    loss = edf.LogLoss(q, y)

x.value, y.value = digits.x_train[:4], digits.y_train[:4]  # four examples: B = 4
net.forward()
print("q.value has shape", q.value.shape, "and each row sums to", q.value.sum(axis=1))
print("one loss for each example:", loss.value.round(3))

# %% [markdown]
# (The slides put one more sigmoid in front of the softmax. Section 8 shows, with a number, why we do not.)
#
# ## 2 · Three kinds of nodes, and one index that matters
#
# Every node is one of three kinds (EDF slides, "Kinds of Nodes"). What tells them apart is who sets the value, and
# whether it has a **batch index** $b$, which counts the examples.
#
# | kind | its value is | batch index? | gets a gradient? |
# |---|---|---|---|
# | `Input` | given: data, labels | yes, `x[b, i]` | no, nobody wants to change the data |
# | `Parameter` | given, then changed by training | no, `W[i, j]` | yes: it is what we are after |
# | `CompNode` | computed by the forward pass | yes, `h[b, i]` | yes, on the way |
#
# A node is an *operation on a whole batch*, not a neuron: `h` above is one node, with 32 neurons for each of 4 examples.
# (Notes on EDF's core, section 1.1, say neurons; the classes show otherwise.)

# %% tags=["skip-grading"]
for kind, nodes in [("Parameter", net.Parameters), ("CompNode", net.CompNodes)]:
    for node in nodes:
        print(f"{kind:10} {type(node).__name__:10} value {node.value.shape}")

assert sum(p.value.size for p in net.Parameters) == 2410  # the number in the title question
assert x not in net.CompNodes  # an input is in neither list
assert not hasattr(x, "forward")

# %% [markdown]
# The last lines settle a slip: the slide "MLP in EDF" calls x and y input *computation nodes*. By the slides' own list
# they are inputs, a kind of their own. They are never computed.
#
# **A trap in notebooks.** A node joins its graph when it is made. Run a cell that makes nodes three times, and you have
# three nets in one graph, all of them computed at every step. With a `with edf.Graph():` of its own, each run starts clean.


# %% tags=["skip-grading"]
def make_net():
    a, t = Input(name="a"), Input(name="t")
    hidden = edf.Sigmoid(edf.Affine(edf.AffineParams(2, 3), a))
    return edf.LogLoss(edf.Softmax(edf.Affine(edf.AffineParams(3, 2), hidden)), t)


with edf.Graph() as crowded:
    for run in range(3):
        make_net()
        print(f"run {run + 1}: {len(crowded.CompNodes):2} nodes, {len(crowded.Parameters):2} parameters")

with edf.Graph() as clean:
    make_net()
assert (len(clean.CompNodes), len(clean.Parameters)) == (5, 4)

# %% [markdown]
# ## 3 · One node: forward, and one step backward
#
# **What does a node have to know to take part in backpropagation?** Surprisingly little: how to compute its value, and
# how to turn the gradient that *arrives* into the gradient that it *passes on*. It never sees the rest of the net.
#
# Take the sigmoid, which squashes any number into (0, 1), entry by entry: $y = \sigma(x) = \dfrac{1}{1 + e^{-x}}$.


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_sigmoid():
    """Draw the sigmoid and its slope, the slope by finite differences."""
    t = np.linspace(-6, 6, 241)
    sigma = 1 / (1 + np.exp(-t))
    figure = Figure(figsize=(7.2, 2.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(t, sigma, color=BLUE, lw=2)
    left.set(xlabel="x", ylabel="y = σ(x)")
    right.plot(t, np.gradient(sigma, t), color=VERMILION, lw=2)
    right.axhline(0.25, color=GREY, lw=0.8, ls=":")
    right.set(xlabel="x", ylabel="slope dy/dx", ylim=(0, 0.28), yticks=[0, 0.1, 0.2, 0.25])
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    show(figure, "Left: the sigmoid rises from 0 to 1 and is one half at x = 0. Right: its slope, a bump that is highest "
         "at x = 0, where it is one quarter, and nearly 0 beyond 5 on either side.")  # fmt: skip


draw_sigmoid()

# %% [markdown]
# *Figure: the sigmoid (left) and its slope (right). The slope is ¼ at most, and almost nothing far out.*
#
# If x grows by a little, y grows by *slope × little*. And if the loss changes by `y.grad` for each unit of y, then
#
# $$\underbrace{x.\text{grad}[b,i]}_{\text{pass on}} \mathrel{+}= \underbrace{y.\text{grad}[b,i]}_{\text{what arrives}}\;\cdot\;\underbrace{\frac{dy}{dx}[b,i]}_{\text{the node's own slope}}$$
#
# The first factor is called the *upstream gradient*. It is easily forgotten, even in print: by the notes on the
# micrograd video, the local derivative is all you need. Test that claim on $L = \tanh(2x)^2$ at $x = 0.5$.


# %% tags=["skip-grading"]
def L(x):
    return np.tanh(2 * x) ** 2


at, h_step = 0.5, 1e-5
measured = (L(at + h_step) - L(at - h_step)) / (2 * h_step)
local = 2 * (1 - np.tanh(2 * at) ** 2)  # of tanh(2x) alone
upstream = 2 * np.tanh(2 * at)  # dL/d tanh, which arrives from the square
print(f"local {local:.3f}    upstream × local {upstream * local:.3f}    measured by nudging x: {measured:.3f}")
assert abs(upstream * local - measured) < 1e-8

# %% [markdown]
# The last column is how we shall know that a slope is right: **nudge** x a little up and a little down, and see what the
# loss does. This *finite difference* is slow, but it knows nothing of your formula. `check` does just that, with a random
# upstream gradient.
#
# ### Exercise 1 · Sigmoid (6 points)
#
# $y[b,i] = \sigma(x[b,i])$ with $\sigma(x) = 1/(1+e^{-x})$. Shapes: x (B, n) → y (B, n).
#
# 1. On paper: show that $dy/dx = e^{-x}/(1+e^{-x})^2$. Then write it with y alone. No x is needed: forward has already
#    done the work.
# 2. Write `forward`. It reads `self.x.value` and sets `self.value`. For example σ(0, 1, −2) = 0.5, 0.7311, 0.1192.
# 3. Write `backward`. The upstream gradient is in `self.grad`; hand your result on with `self.x.addgrad(...)`.
# 4. x = −1000 should give 0 and a gradient of 0, x = 1000 gives 1. No NaN.
#
# <details><summary>Hint for step 1</summary>
#
# $e^{-x}/(1+e^{-x})$ is what is missing from y to 1.
# </details>


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "sigmoid", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        ### BEGIN SOLUTION
        self.value = np.exp(-np.logaddexp(0.0, -self.x.value))  # exp(-log(1 + exp(-x))): nothing overflows
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        y = self.value
        self.x.addgrad(self.grad * y * (1.0 - y))
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "sigmoid-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.sigmoid", Sigmoid)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "sigmoid-hand-in", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.sigmoid", Sigmoid)
### END HIDDEN TESTS

# %% [markdown]
# **Two formulas for one slope.** On the slide "The Sigmoid Class" both of your forms stand below each other. On paper
# they are equal. In a computer only one of them survives x = −1000, because $e^{1000}$ is too large for a float.

# %% tags=["skip-grading"]
far_out = np.array([0.0, -1000.0])
with np.errstate(over="ignore", invalid="ignore"):  # the overflow is the point here
    e = np.exp(-far_out)
    print("first form, at x = 0 and x = -1000:", e / (1 + e) ** 2)

with edf.Graph() as two_points:
    x = edf.Add(Input(far_out), Input(np.zeros(2)))  # a computed node, so that it has a gradient
    y = yours_or_library(Sigmoid, edf.Sigmoid)(x)
two_points.forward()
two_points.backward(y)
print("your node, at the same two points: ", x.grad)

# %% [markdown]
# And one slip: the class on that slide is written without `(CompNode)`. It then has no `addgrad`, and the backward pass
# ends in an AttributeError as soon as a later node wants to hand it a gradient. The base class is where `addgrad` lives:


# %% tags=["skip-grading"]
class Orphan:
    """A node as on the slide, without a base class."""


print("addgrad without the base class:", hasattr(Orphan, "addgrad"), "  with it:", hasattr(CompNode, "addgrad"))

# %% [markdown]
# ## 4 · Used twice: why it says `+=`
#
# **What is the gradient of a when $s = a + a$?** A node that is read twice acts on the loss in two ways, and the effects
# add up. So each reader *adds* its share, which is why nodes hand gradients over with `addgrad` and never set them.
#
# A graph of two nodes answers. (`ReLU` leaves positive numbers as they are; here it only turns a given number into a
# computed node, which has a gradient.)


# %% tags=["skip-grading"]
def number(value):
    """Return a computed node that holds one positive number."""
    return edf.ReLU(Input([value]))


with edf.Graph() as twice:
    a = number(3.0)
    s = edf.Add(a, a)
twice.forward()
twice.backward(s)
print("s = a + a:               ds/da =", a.grad.item())

with edf.Graph() as far_apart:
    a = number(3.0)
    s = edf.Add(edf.Mul(a, a), a)
far_apart.forward()
far_apart.backward(s)
print("s = a·a + a at a = 3:    ds/da =", a.grad.item())
assert a.grad.item() == 2 * 3 + 1

# %% [markdown]
# The second case matters. The notes on the micrograd video ("Gotcha!") speak of adding the same term twice, but *any*
# second use needs `+=`, also when the two uses are of different kinds and far apart.
#
# The same notes leave a question open: a sum hands its gradient on unchanged; is that still so when one term has a
# factor, as in $L = -2\,(a + 3c)$? Yes. The *sum* still hands on what it gets. The factor 3 is a node of its own, and
# that node multiplies.

# %% tags=["skip-grading"]
with edf.Graph() as scaled:
    a, c = number(6.0), number(10.0)
    three_c = edf.Mul(Input([3.0]), c)
    total = edf.Add(a, three_c)
    L = edf.Mul(Input([-2.0]), total)
scaled.forward()
scaled.backward(L)
for name, node in {"the sum": total, "a": a, "3c": three_c, "c": c}.items():
    print(f"gradient at {name:7} {node.grad.item():4.0f}")
assert (total.grad, a.grad, three_c.grad, c.grad) == (-2, -2, -2, -6)

# %% [markdown]
# ## 5 · A batch, and its mean
#
# **Four examples go through the net at once. Each pulls at the weights in its own direction. Where do the weights go?**
#
# In a computed node the examples never meet: row b of every value depends on row b of the data only. So each gradient
# has the batch index, too: `h.grad[b, i]` is the slope of *example b's own loss*. A parameter is different. It has no b,
# all examples pull at it, and EDF lets it follow the **mean**:
#
# $$p.\text{grad} \mathrel{+}= \frac{1}{B}\sum_{b} \texttt{delta}[b], \qquad \texttt{delta}[b] = \text{the gradient of } p \text{ for example } b .$$
#
# Let us work the batch of four from the notes on EDF's core, section 4: two layers, weights $W_1$ and $W_2$, and one
# gradient for each of them from each example. (The notes write $g_i W_1$: that is a name, not a product.) First, each
# example goes through alone; then all four go through together.

# %% tags=["skip-grading"]
X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]])
labels = np.array([0, 1, 1, 0])

with edf.Graph() as small:
    x4, y4 = Input(name="x4"), Input(name="y4")
    layer1, layer2 = edf.AffineParams(2, 3), edf.AffineParams(3, 2)
    hidden = edf.Sigmoid(edf.Affine(layer1, x4))
    loss4 = edf.LogLoss(edf.Softmax(edf.Affine(layer2, hidden)), y4)
layer1.w.value = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -1.0]])
layer2.w.value = np.array([[3.0, -1.0], [-2.0, 2.0], [1.0, -1.0]])


def gradients(rows):
    """Run one Forward and one Backward on these rows of X, and return the gradients of W1 and W2."""
    x4.value, y4.value = X[rows], labels[rows]
    small.forward()
    small.backward(loss4)
    return layer1.w.grad.copy(), layer2.w.grad.copy()


alone = [gradients([b]) for b in range(4)]
together = gradients([0, 1, 2, 3])
average = [sum(g[layer] for g in alone) / 4 for layer in range(2)]

for layer in range(2):
    difference = abs(together[layer] - average[layer]).max()
    print(f"W{layer + 1} {together[layer].shape}: one pass over four = mean of four passes, up to {difference:.0e}")
    assert difference < 1e-15


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_batch():
    """Draw the gradient of W1 for each of the four examples, and their mean, with the numbers."""
    panels = [g[0] for g in alone] + [together[0]]
    colours = LinearSegmentedColormap.from_list("signed", [BLUE, "white", VERMILION])
    figure = Figure(figsize=(9.4, 2.15), layout="constrained")
    for b, (axes, g) in enumerate(zip(figure.subplots(1, 5), panels, strict=True)):
        axes.imshow(g, cmap=colours, vmin=-1.2, vmax=1.2)
        for (i, j), entry in np.ndenumerate(g):
            text = f"{entry:.2f}".replace("-", "−") if entry else "0"
            axes.text(j, i, text, ha="center", va="center", fontsize=9)
        title = "one pass over\nall four"
        if b < 4:
            title = f"example {b + 1}\nx = ({X[b, 0]:.0f}, {X[b, 1]:.0f})".replace("-", "−")
        axes.set_title(title, fontsize=10, fontweight="bold" if b == 4 else "normal")
        axes.set(xticks=range(3), yticks=range(2), xlabel="j")
        axes.set_ylabel("i", rotation=0, va="center")
    show(figure, "Five small matrices, the gradient of W1[i, j] for each of four examples and for all four together; the "
         "last is the mean of the others. Example 1, with x = (1, 0), has zeros in row i = 1; example 2, with x = (0, 1), "
         "in row i = 0. Examples 3 and 4 have opposite signs in row 1.")  # fmt: skip


draw_batch()

# %% [markdown]
# *Figure: the gradient of W₁[i, j] (loss in nats per unit of weight) from each example, and from one pass over all four,
# which is their mean. Orange is positive, blue negative, white 0.*
#
# Two things to see. For $W_1[1, 0]$ the examples disagree: two pull one way, the fourth pulls harder the other way, and
# together they hardly move it. And example 1, with x = (1, 0), has a row of zeros: an input of 0 leaves its weights
# without blame. Keep that in mind for section 6.
#
# **A procedure that fails.** The same notes (sections 3.1 and 4) describe another way: Forward and Backward for the first
# pair, then for the second, and so on, while the gradients add up; divide by four at the end. Try it.

# %% tags=["skip-grading"]
for b in range(4):
    gradients([b])  # one Forward and one Backward for each pair
quarter = layer1.w.grad / 4

error = np.linalg.norm(quarter - average[0]) / np.linalg.norm(average[0])
print(f"off by {100 * error:.0f} % of the right gradient")
print("it is a quarter of the fourth example's gradient:", np.array_equal(quarter, alone[3][0] / 4))

# %% [markdown]
# Nothing added up: `Backward` begins by setting every gradient to zero, so each call wipes out the pairs before. Pair by
# pair works only if you keep a copy after each call, as we did in `alone`. And it is not needed: the notes hold that EDF
# has to be changed for batches, but the batch index has been there all along. One pass does it.
#
# ### Exercise 2 · The mean over the batch (6 points)
#
# Write the `addgrad` of a parameter. `delta` holds one gradient for each example, shape (B, …), where … is the shape of
# `self.value`: (B, 64, 32) for a matrix, (B, 32) for a bias.
#
# 1. Add the mean over the batch to `self.grad`. (Before the backward pass, `self.grad` is the number 0.)
# 2. Add, do not set: a parameter may be used by two nodes.
# 3. Read B from `delta` itself.
#
# Example: value of shape (2,), delta = ((1, 2), (3, 6)) adds (2, 4).


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "addgrad", "locked": false, "schema_version": 3, "solution": true, "task": false}
class MeanParameter(Parameter):
    def addgrad(self, delta):
        ### BEGIN SOLUTION
        self.grad = self.grad + np.mean(delta, axis=0)
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "addgrad-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.addgrad", MeanParameter)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "addgrad-hand-in", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.addgrad", MeanParameter)
### END HIDDEN TESTS

# %% [markdown]
# **Why read B from delta?** On the slide "The Class Parameter" the sum is divided by `nBatch`, a global. Our 1437
# training digits in batches of 32 leave a last batch of 29. A global that still says 32 shortens that step by a tenth,
# and no error is raised. Below, 29 examples each send a gradient of 1, whose mean is 1.

# %% tags=["skip-grading"]
*_, (last_x, last_y) = data.batches(digits.x_train, digits.y_train, 32, rng=0)
nBatch = 32
print("the last batch has", len(last_x), "examples; dividing by nBatch gives", len(last_x) / nBatch)

with edf.Graph():
    p = yours_or_library(MeanParameter, Parameter)(np.zeros(1))
p.grad = 0
p.addgrad(np.ones((len(last_x), 1)))
print("a parameter that reads B from delta gives", p.grad.item())

# %% [markdown]
# ## 6 · Affine, and the line that says `???`
#
# **Which weights are to blame for an error at output j?** $W[i,j]$ carries input i there. The larger that input was, the
# more this weight had to do with it; an input of 0 means no part at all. Hence the zeros in the figure.
#
# The node is $y = xW - C$, written with indices (EDF slides, "The Affine Class"; note the minus sign):
#
# $$y[b,j] = \sum_i x[b,i]\,W[i,j] - C[j]$$
#
# Every path from a number to the loss counts once, so with $g = y.\text{grad}$:
#
# $$\begin{aligned}
# x.\text{grad}[b,i] &\mathrel{+}= \sum_j g[b,j]\,W[i,j] &&= g\,W^{\top} \\
# C.\text{grad}[j] &\mathrel{-}= \tfrac1B \sum_b g[b,j] && \\
# W.\text{grad}[i,j] &\mathrel{+}= \tfrac1B \sum_b g[b,j]\,x[b,i] &&= \;???
# \end{aligned}$$
#
# See how the indices decide. The sum over j in the first line runs over the *inner* index of a matrix product, once W is
# turned over. The slide leaves the third for you.
#
# ### Exercise 3 · Affine and its ??? (10 points)
#
# Shapes: x (B, n), `Phi.w` (n, m), `Phi.b` (m,) → y (B, m). The bias C is `Phi.b`.
#
# 1. Write `forward`. For x = (3, 4), W = ((1, 0, 2), (0, 1, −1)) and b = (0.5, 0, 1) it gives y = (2.5, 4, 1).
# 2. Find ??? on paper: one product of two matrices, and B. Check its shape.
# 3. Write `backward` with three gradients, and no array with three indices. Parameters take a gradient in two ways:
#    `addgrad(delta)` wants one gradient for each example, (B, …), and averages; `addgrad_mean(gradient)` wants what is
#    averaged already, in the shape of the parameter.
#
# <details><summary>Hint for step 2</summary>
#
# A matrix product (p, q) · (q, r) sums over the index in the middle. Over which index does W.grad sum? Which of your two
# matrices has to be turned over so that this index comes to stand in the middle, and (n, m) comes out?
# </details>
# <details><summary>Hint for step 3</summary>
#
# Each gradient is averaged over the batch exactly once. Does your product over the batch give a sum or a mean? And who
# divides for the bias?
# </details>


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "affine", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Affine(CompNode):
    def __init__(self, Phi, x):
        super().__init__()
        self.Phi = Phi
        self.x = x

    def forward(self):
        ### BEGIN SOLUTION
        self.value = self.x.value @ self.Phi.w.value - self.Phi.b.value
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        x, g = self.x.value, self.grad
        self.x.addgrad(g @ self.Phi.w.value.T)  # (B, n)
        self.Phi.b.addgrad(-g)  # (B, m), averaged there
        self.Phi.w.addgrad_mean(x.T @ g / len(g))  # (n, m)
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "affine-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.affine", Affine)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "affine-hand-in", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.affine", Affine)
### END HIDDEN TESTS

# %% [markdown]
# **Why not do it as the slide's code does?** It hands `addgrad` a whole matrix for *each example*, a (B, n, m) array of
# outer products, only to average them away at once. The answer is right. The price is not: measure what your own node
# needs, and compare.

# %% tags=["skip-grading"]
import tracemalloc

B, n, m = 64, 784, 256
draws = np.random.default_rng(0)
with edf.Graph():
    big = edf.AffineParams(n, m, rng=0)
    node = yours_or_library(Affine, edf.Affine)(big, Input(draws.normal(size=(B, n))))
node.forward()
node.grad, big.w.grad, big.b.grad = draws.normal(size=(B, m)), 0, 0

tracemalloc.start()
node.backward()
peak = tracemalloc.get_traced_memory()[1]
tracemalloc.stop()
print(f"the gradient of W itself:         {n * m * 8 / 1e6:6.1f} MB")
print(f"your backward at its peak:        {peak / 1e6:6.1f} MB")
print(f"one matrix for each of {B} examples: {B * n * m * 8 / 1e6:5.1f} MB")

# %% [markdown]
# For this layer and B = 256 we measured the slide's way: 142 times slower, and 413 MB where 1.6 are enough. A product of
# matrices sums over the batch on the way and never stores the terms. Graphics cards are built around that one operation.
#
# ## 7 · The whole graph: Forward, Backward, a step
#
# **You have nodes. In which order do they run?** A node can only be made after the nodes that it reads. So the list in
# which nodes are kept, in order of creation, is an order in which every operand is ready before it is needed. That is all
# of `Forward`: one walk along the list. `Backward` is one walk the other way: when a node's turn comes, everyone who read
# it has already added their share.
#
# Each node runs *once*. The notes on the micrograd video call this a recursion through the graph. Recursion would visit a
# node once for each *path* that leads to it, and count it as often:

# %% tags=["skip-grading"]
with edf.Graph() as diamond:
    w = number(3.0)
    a = edf.Add(w, w)  # 2w = 6
    L = edf.Mul(a, a)  # 4w² = 36, and its slope 8w = 24
diamond.forward()
diamond.backward(L)
print("one walk back along the list:     ", w.grad.item())
assert w.grad.item() == 24


def recurse(node):
    """Do what should not be done: run backward, then go into each operand."""
    node.backward()
    for operand in (node.a, node.b):
        if operand is not w:
            recurse(operand)


w.grad, a.grad = 0, 0
recurse(L)
print("recursion, which comes to a twice:", w.grad.item())

# %% [markdown]
# ### Why `loss.grad = 1`
#
# The walk needs a start. The last node is the loss itself, and $\partial L/\partial L = 1$. More exactly, a loss node has
# one value for *each example*, shape (B,), and example b's loss is a matter of example b alone:
#
# $$\text{loss.grad}[b] = \frac{\partial\,\text{loss}[b]}{\partial\,\text{loss}[b]} = 1 \quad\text{for each } b .$$
#
# So the seed is B ones. And it does not say how the loss changes the parameters, as the notes on EDF's core (section 1.2)
# have it, but the reverse: how the loss changes *when a parameter does*. That is no quibble. Take
# $L = (-6 + c)\cdot(-2)$ at $c = 10$:


# %% tags=["skip-grading"]
def loss_of(c):
    return (-6 + c) * -2


slope = (loss_of(10 + 1e-5) - loss_of(10 - 1e-5)) / 2e-5
print(f"dL/dc = {slope:.2f}, which tells us where to move c;   dc/dL = {1 / slope:.2f}, which does not")
assert abs(slope - -2) < 1e-9

# %% [markdown]
# **And if the loss node takes the mean itself?** In PyTorch it does. In EDF the parameters do the averaging, so the
# batch would be averaged twice, and every gradient would come out B times too small: a learning rate that is secretly
# 0.025 instead of 0.1 for B = 4. The slides' `loss.grad = 1.` lets that happen. Ours refuses:


# %% tags=["skip-grading"]
class MeanLoss(CompNode):
    """The mean over the batch, one number: not what Backward wants."""

    def forward(self):
        self.value = loss4.value.mean()


with edf.Graph() as averaged:
    mean_loss = MeanLoss()
averaged.forward()
try:
    averaged.backward(mean_loss)
except edf.GraphError as error:
    print(error)

seeded_with_a_quarter = [g[0] / 4 for g in alone]  # what such a node would send back
ratio = np.mean(seeded_with_a_quarter, axis=0) / average[0]
print("without that error, each entry of the gradient would come out times", ratio.round(3).max())
assert np.allclose(ratio, 1 / 4)

# %% [markdown]
# **Why are gradients cleared first?** So that yesterday's do not mix with today's. The notes (section 1.2) say that
# gradients pile up over several backward passes and are therefore reset. It is the other way round: the sum is needed
# *within* one pass, for nodes that are used twice; the reset is what makes a second pass give the same answer again.

# %% tags=["skip-grading"]
assert np.array_equal(gradients([0, 1, 2, 3])[0], together[0])
small.backward(loss4)
assert np.array_equal(layer1.w.grad, together[0])
print("Backward a second and a third time: the same gradients, to the last bit")

# %% [markdown]
# **And what does a node get that does not lead to the loss?** On the slide "The Core of EDF" gradients are cleared with the
# *number* 0, and such a node keeps it. When its turn comes, an Affine tries to multiply that number by a matrix:

# %% tags=["skip-grading"]
try:
    np.matmul(0, layer2.w.value.T)
except ValueError as error:
    print("ValueError:", str(error)[:58], "…")

# %% [markdown]
# ### Exercise 4 · The backward pass (8 points)
#
# Write what `Backward(loss)` does, with the lists as arguments. `nodes` are computed nodes in order of creation, and
# `parameters` all parameters; Forward has run, so each has a value. Afterwards each has its gradient in `.grad`.
#
# 1. Clear every gradient, of nodes *and* parameters. A node that does not lead to the loss should end with zeros in the
#    shape of its value.
# 2. Seed the loss, one entry for each example: shape (B,).
# 3. Let each node hand its gradient on, in the right order.
# 4. Calling the function twice must give the same gradients.
#
# Example: for the batch of four above it gives `together`.


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "backward-pass", "locked": false, "schema_version": 3, "solution": true, "task": false}
def backward_pass(nodes, parameters, loss):
    ### BEGIN SOLUTION
    for c in [*nodes, *parameters]:
        c.grad = np.zeros_like(c.value)
    loss.grad = np.ones_like(loss.value)  # (B,)
    for c in reversed(nodes):
        c.backward()
    ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "backward-pass-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.backward_pass", backward_pass)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "backward-pass-hand-in", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.backward_pass", backward_pass)
### END HIDDEN TESTS

# %% [markdown]
# ### The step
#
# A gradient points where the loss *rises*. Training goes the other way, by a small multiple, the learning rate η:
# $p \leftarrow p - \eta\,\partial L/\partial p$.
#
# Does that point to the minimum, as the notes on EDF's core (section 1.3) say? Only to where the loss falls fastest
# *right here*. In a narrow valley that is nearly at right angles to where you want to go:

# %% tags=["skip-grading"]
stretch = np.array([1.0, 100.0])  # L = ½ (p₀² + 100 p₁²), minimum at (0, 0)
p = np.array([10.0, 1.0])
downhill, to_minimum = -stretch * p, -p
cosine = downhill @ to_minimum / (np.linalg.norm(downhill) * np.linalg.norm(to_minimum))
print(f"the step is {np.degrees(np.arccos(cosine)):.1f}° off the way to the minimum")
assert 78 < np.degrees(np.arccos(cosine)) < 79

# %% [markdown]
# ### Exercise 5 · SGD (4 points)
#
# Move every parameter one step: $p.\text{value} \leftarrow p.\text{value} - \eta\,p.\text{grad}$. The gradients stay as
# they are.
#
# Example: value (1, 2), gradient (0.5, −1) and η = 0.1 give (0.95, 2.1).


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "sgd", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sgd(parameters, learning_rate):
    ### BEGIN SOLUTION
    for p in parameters:
        p.value -= learning_rate * p.grad
    ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "sgd-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.sgd", sgd)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "sgd-hand-in", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.sgd", sgd)
### END HIDDEN TESTS

# %% [markdown]
# ## 8 · From scores to a loss
#
# **A net gives ten numbers, one for each digit. How wrong is it?** Two nodes answer that. *Softmax* turns scores into
# probabilities; *LogLoss* measures how surprising the right answer is under them.
#
# $$q[b,i] = \frac{e^{x[b,i]}}{\sum_j e^{x[b,j]}}$$
#
# Unlike the sigmoid, softmax lets the entries of a row feel each other: raise one score, and every other probability
# falls. The slope is no longer a number for each entry but a *matrix* for each row, the Jacobian
# $J[i,j] = \partial q[i]/\partial x[j]$. Here is one, measured by nudging:

# %% tags=["skip-grading"]
from edf_course.calculus import jacobian


def softmax_of(row):
    return np.exp(row) / np.exp(row).sum()


row = np.array([1.0, 2.0, 3.0])
print("probabilities:", softmax_of(row).round(4))
print("J =\n", jacobian(softmax_of, row).round(4))
print("column sums:", np.abs(jacobian(softmax_of, row).sum(axis=0)).round(9))

# %% [markdown]
# Each column sums to 0, for a good reason: what one probability gains, the others lose. This sets a trap for anyone who
# tests. If a gradient of *ones* arrives, the right gradient of softmax is exactly 0, and a `backward` that does nothing
# at all would pass. That is why `check` sends random gradients.
#
# ### Exercise 6 · Softmax (10 points)
#
# Shapes: x (B, n) → y (B, n), each row by itself. With $g = y.\text{grad}$ the chain rule sums over all outputs:
# $x.\text{grad}[b,j] \mathrel{+}= \sum_i g[b,i]\,\partial y[b,i]/\partial x[b,j]$.
#
# 1. Write `forward`: (1, 2, 3) gives 0.0900, 0.2447, 0.6652, and so does (1001, 1002, 1003). What may you subtract from
#    all scores of a row without changing the result?
# 2. On paper, find $\partial y_i/\partial x_j$, first for i = j, then for i ≠ j. Write both with y alone, and compare with
#    the matrix above.
# 3. Put them into the sum and simplify. Then write `backward` without a loop and without building a matrix.
#
# <details><summary>Hint for step 3</summary>
#
# In both cases of step 2 a factor $y_j$ comes out of the sum. Of what is left, one part is a single number for each row.
# <code>keepdims=True</code> keeps a sum over the last axis as a column, (B, 1).
# </details>


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Softmax(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        ### BEGIN SOLUTION
        e = np.exp(self.x.value - self.x.value.max(axis=-1, keepdims=True))  # the largest exponent is 0
        self.value = e / e.sum(axis=-1, keepdims=True)
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        y, g = self.value, self.grad
        self.x.addgrad(y * (g - (g * y).sum(axis=-1, keepdims=True)))
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "softmax-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.softmax", Softmax)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "softmax-hand-in", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.softmax", Softmax)
### END HIDDEN TESTS

# %% [markdown]
# ### How surprised are you?
#
# The loss of one example is $-\log q$ of the right class. Sure and right costs nothing; sure and wrong costs without
# limit. A net that guesses among ten digits pays $\log 10 \approx 2.303$, in *nats*, the unit that comes with the natural
# logarithm. Remember that number: every training curve below starts near it.
#
# To pick one entry of each row, NumPy takes two lists of indices: `table[[0, 1], [2, 0]]` is `table[0, 2], table[1, 0]`.
#
# ### Exercise 7 · LogLoss (8 points)
#
# $\text{value}[b] = -\log q[b, y[b]]$. Shapes: probabilities q (B, n), labels y (B,) → (B,). Logarithms are natural.
# `y.value` holds integers from 0 to n − 1.
#
# 1. Write `forward`: q = (0.5, 0.25, 0.25) with label 0 gives 0.6931, q = (0.1, 0.2, 0.7) with label 1 gives 1.6094.
# 2. Write `backward` for q: an array (B, n). Which entries are not 0? `self.grad` has the shape of the value, (B,).
# 3. Labels get no gradient. Do not average: that is the parameters' job.


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "logloss", "locked": false, "schema_version": 3, "solution": true, "task": false}
class LogLoss(CompNode):
    def __init__(self, q, y):
        super().__init__()
        self.q = q
        self.y = y

    def forward(self):
        ### BEGIN SOLUTION
        q, labels = self.q.value, self.y.value
        self.value = -np.log(q[np.arange(len(q)), labels])
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        q, labels = self.q.value, self.y.value
        rows = np.arange(len(q))
        delta = np.zeros_like(q)
        delta[rows, labels] = -self.grad / q[rows, labels]
        self.q.addgrad(delta)
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "logloss-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.logloss", LogLoss)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "logloss-hand-in", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.logloss", LogLoss)
### END HIDDEN TESTS

# %% [markdown]
# ### No sigmoid before the softmax
#
# The slide "MLP in EDF" sends the last scores through a sigmoid, and only then through the softmax. **How sure can such a
# net be?** The sigmoid squeezes every score into (0, 1). At best the right class comes close to 1 and all n − 1 others to
# 0, so its probability stays below $e/(e + n - 1)$, whatever the weights:

# %% tags=["skip-grading"]
for n_classes in (2, 10, 1000):
    most = softmax_of(np.eye(n_classes)[0])[0]  # of the sigmoids 1, 0, 0, …
    assert np.isclose(most, np.e / (np.e + n_classes - 1))
    print(f"{n_classes:5} classes: at most {most:.4f} sure, so the loss is at least {-np.log(most):.3f} nats "
          f"(guessing: {np.log(n_classes):.3f})")  # fmt: skip


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_ceiling():
    """Draw the probability of the right class of ten, with and without a sigmoid before the softmax."""
    s = np.linspace(0, 8, 161)
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    scores = np.repeat(-s[:, np.newaxis], 10, axis=1)
    scores[:, 0] = s
    for values, colour, line, text in [(scores, BLUE, "-", "softmax of the scores"),
                                       (1 / (1 + np.exp(-scores)), VERMILION, "--", "softmax of their sigmoids")]:  # fmt: skip
        probability = np.exp(values[:, 0]) / np.exp(values).sum(axis=1)
        axes.plot(s, probability, color=colour, ls=line, lw=2, label=text)
    axes.axhline(0.1, color=GREY, lw=0.8, ls=":")
    axes.text(8, 0.115, "guessing", ha="right", color=GREY, fontsize=9)
    axes.set(xlabel="score s of the right class (the nine others have −s)", ylabel="its probability", ylim=(0, 1.02))
    axes.legend(frameon=False, loc="center right")
    axes.spines[["top", "right"]].set_visible(False)
    show(figure, "Probability of the right class of ten against its score. Softmax of the scores rises from 0.1 to nearly 1 "
         "at a score of 4. Softmax of their sigmoids rises from 0.1 and never passes 0.23.")  # fmt: skip


draw_ceiling()

# %% [markdown]
# *Figure: however strong the evidence, a sigmoid before the softmax holds the net at 23 %.*
#
# Such a net can still rank the digits rightly. But it can never say that it is sure, and its loss never falls below 1.46
# nats, not even on digits that it has learnt by heart. So the last layer is affine only.
#
# ## 9 · The whole net
#
# A multi-layer perceptron (MLP) is a stack of layers. The slide "Procedures in EDF" builds it with a recursion over a
# list `Phi` of parameter packages. Three things to know before you write your own:
#
# - **The list runs from the output to the input.** In the slide's recursion `Phi[0]` is applied *last*.
# - Each layer there ends in a sigmoid, the last one too. After the section above, you know better.
# - It is not quite Python: a colon is missing after `def` and `if`, and `=` stands where a comparison is meant.

# %% tags=["skip-grading"]
for line in ("def f(x) return x", "if len([]) == 0 pass", "if len([]) = 0: pass"):
    try:
        compile(line, "slide", "exec")
    except SyntaxError as error:
        print(f"{line:22} -> SyntaxError: {error.msg}")

first, last = edf.AffineParams(64, 32), edf.AffineParams(32, 10)
try:
    edf.MLP([first, last], Input(digits.x_train[:4]))
except edf.ShapeError as error:
    print("\n[first, last]:", error)

# %% [markdown]
# ### Exercise 8 · MLP (6 points)
#
# Build the graph of an MLP and return the node of its scores. `Phi` lists the packages from the output to the input, any
# number from one up; `x` is a node.
#
# $$\text{scores} = \text{Affine}(\Phi[0],\ \text{Sigmoid}(\text{Affine}(\Phi[1],\ \dots\ \text{Sigmoid}(\text{Affine}(\Phi[-1],\ x)))))$$
#
# 1. Use `edf.Affine` and `edf.Sigmoid`, so that a slip in your own nodes costs you nothing here.
# 2. No sigmoid after the last layer. With a single package the result is `Affine(Phi[0], x)`.
# 3. Only make nodes. Nothing is computed before Forward, and `Phi` stays as it was.
#
# Example: packages of shapes (32, 10) and (64, 32), in that order, and x (B, 64) give scores (B, 10).


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "mlp", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mlp(Phi, x):
    ### BEGIN SOLUTION
    for package in reversed(Phi[1:]):
        x = edf.Sigmoid(edf.Affine(package, x))
    return edf.Affine(Phi[0], x)
    ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "mlp-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.mlp", mlp)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "mlp-hand-in", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.mlp", mlp)
### END HIDDEN TESTS

# %% [markdown]
# ## 10 · Training on real digits
#
# 1797 digits, written by hand, scanned, and shrunk to 8×8 pixels (UCI, "Optical recognition of handwritten digits"). 1437
# are for training. 360 are kept aside: they tell whether the net has learnt to read, or only learnt by heart.


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_digits():
    """Draw the first 24 training digits with their labels."""
    figure = Figure(figsize=(9.4, 1.9), layout="constrained")
    for axes, image, label in zip(figure.subplots(2, 12).flat, digits.x_train, digits.y_train, strict=False):
        axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(str(label), fontsize=9, pad=2)
        axes.axis("off")
    show(figure, "24 training digits of 8 by 8 grey pixels, each with its label above. Their labels, row by row: "
         + ", ".join(map(str, digits.y_train[:24])) + ".")  # fmt: skip


draw_digits()

# %% [markdown]
# *Figure: 24 of the training digits, with their labels. Some would puzzle you, too.*
#
# Now the moment all this was for: the net of the first picture, with every piece yours where yours passed its check.


# %% tags=["skip-grading"]
def Backward(nodes, parameters, loss):  # the library's, called as yours are
    digit_net.backward(loss)


def SGD(parameters, learning_rate):
    digit_net.sgd(learning_rate)


MyAffine, MySigmoid = yours_or_library(Affine, edf.Affine), yours_or_library(Sigmoid, edf.Sigmoid)
MySoftmax, MyLogLoss = yours_or_library(Softmax, edf.Softmax), yours_or_library(LogLoss, edf.LogLoss)
MyParameter, my_mlp = yours_or_library(MeanParameter, Parameter), yours_or_library(mlp, edf.MLP)
my_backward, my_sgd = yours_or_library(backward_pass, Backward), yours_or_library(sgd, SGD)


# %% tags=["skip-grading"]
def package(n_in, n_out, rng):
    """Return the parameters of one layer: weights drawn at random, biases 0."""
    Phi = edf.ParameterPackage()
    Phi.w, Phi.b = MyParameter(edf.xavier((n_in, n_out), rng)), MyParameter(np.zeros(n_out))
    return Phi


rng = np.random.default_rng(0)
with edf.Graph() as digit_net:
    x, y = Input(name="x"), Input(name="y")
    Phi1, Phi2 = package(64, 32, rng), package(32, 10, rng)
    scores = MyAffine(Phi2, MySigmoid(MyAffine(Phi1, x)))
    loss = MyLogLoss(MySoftmax(scores), y)

with edf.Graph() as same_net:  # and as your mlp stacks it
    same_scores = my_mlp([Phi2, Phi1], x)

x.value, y.value = digits.x_train[:50], digits.y_train[:50]
digit_net.forward()
same_net.forward()
assert np.allclose(scores.value, same_scores.value)
print(f"mean loss before training {loss.value.mean():.2f} nats; guessing costs {np.log(10):.2f}")

# %% [markdown]
# Before we train: **are the 2410 slopes right?** Nudging each would take 4820 forward passes. Cheaper: draw one random
# direction v, move *all* parameters along it at once, and compare what the mean loss does with
# $\langle v, \text{gradient}\rangle$. A wrong slope anywhere would change the second number and not the first.

# %% tags=["skip-grading"]
my_backward(digit_net.CompNodes, digit_net.Parameters, loss)

direction = [rng.normal(size=p.value.shape) for p in digit_net.Parameters]
predicted = sum((v * p.grad).sum() for v, p in zip(direction, digit_net.Parameters, strict=True))


def mean_loss_along(t):
    """Return the mean loss after a move by t along the direction, and move back."""
    start = [p.value for p in digit_net.Parameters]
    for p, v in zip(digit_net.Parameters, direction, strict=True):
        p.value = p.value + t * v
    digit_net.forward()
    for p, value in zip(digit_net.Parameters, start, strict=True):
        p.value = value
    return loss.value.mean()


measured = (mean_loss_along(1e-5) - mean_loss_along(-1e-5)) / 2e-5
print(f"by backpropagation {predicted:.8f}    by nudging {measured:.8f}")
assert abs(predicted - measured) < 1e-6 * abs(measured)

# %% [markdown]
# Eight digits agree. So much for *is each slope right?* The other question, *how does a net find good numbers?*, has a
# loop for an answer, the same in every framework: take a batch, Forward, Backward, step.

# %% tags=["skip-grading"]
learning_rate, batch_size = 0.5, 32
curve, accuracies = [], []  # mean loss of each batch; test accuracy after each epoch

for epoch in range(15):
    for x_batch, y_batch in data.batches(digits.x_train, digits.y_train, batch_size, rng):
        x.value, y.value = x_batch, y_batch
        digit_net.forward()
        my_backward(digit_net.CompNodes, digit_net.Parameters, loss)
        my_sgd(digit_net.Parameters, learning_rate)
        curve.append(loss.value.mean())

    x.value, y.value = digits.x_test, digits.y_test  # never trained on
    digit_net.forward()
    accuracies.append((scores.value.argmax(axis=1) == digits.y_test).mean())
    print(f"epoch {epoch + 1:2}   loss {np.mean(curve[-45:]):.3f} nats   test accuracy {100 * accuracies[-1]:.1f} %")

assert accuracies[-1] > 0.95


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_training():
    """Draw the loss of each batch and the test accuracy of each epoch."""
    figure = Figure(figsize=(8.4, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(len(curve)), curve, color=SKY, lw=0.8, label="each batch")
    smooth = np.convolve(curve, np.ones(45) / 45, mode="valid")
    left.plot(np.arange(len(smooth)) + 22, smooth, color=BLUE, lw=2, label="mean over an epoch")
    left.axhline(np.log(10), color=GREY, lw=0.8, ls=":")
    left.text(len(curve), np.log(10) - 0.05, "guessing", color=GREY, ha="right", va="top", fontsize=9)
    left.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    left.legend(frameon=False)
    right.plot(np.arange(1, len(accuracies) + 1), 100 * np.array(accuracies), "o-", color=GREEN, ms=4)
    right.axhline(95, color=GREY, lw=0.8, ls=":")
    right.set(xlabel="epoch", ylabel="test accuracy (%)", ylim=(None, 100))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    show(figure, f"Left: the loss falls from about {curve[0]:.1f} nats to {np.mean(curve[-45:]):.2f}, fast at first, noisy "
         f"from batch to batch. Right: test accuracy rises to {100 * accuracies[-1]:.1f} percent.")  # fmt: skip


draw_training()

# %% [markdown]
# *Figure: the loss of each batch, and the test accuracy after each epoch. The noise is real: no two batches are alike.*
#
# ### Drive it yourself
#
# The same net, alive, with your Sigmoid in it. Press Play, and turn the knobs *while it trains*. Predict first, then try:
#
# 1. Learning rate 0.01. What will the curve look like after 500 steps?
# 2. Reset. Learning rate 10. Does the loss go to infinity, or something else?
# 3. Batch size 1, then all 1437. Which curve is noisy, which is smooth, and which needs fewer *steps*? Fewer *examples*?
# 4. The digits on the right that stay wrong: can *you* read them?
#
# (`desk.train(45)` takes the first epoch, so that there is something to see. Reset goes back to the start.)

# %% tags=["skip-grading"]
from edf_course.explore import TrainingDesk

desk = TrainingDesk(activation=yours_or_library(Sigmoid, edf.Sigmoid))
desk.train(45)
desk

# %% [markdown]
# The first two questions once more, as a still picture: the same start, the same batches, three learning rates.


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_rates():
    """Train three nets that differ in the learning rate only, and draw their losses."""
    figure = Figure(figsize=(6.4, 2.9), layout="constrained")
    axes = figure.subplots()
    ends, saturated = {}, {}
    for rate, colour, line in [(0.01, SKY, "-."), (0.5, BLUE, "-"), (10.0, VERMILION, "--")]:
        classifier, draws = edf.Classifier(), np.random.default_rng(0)
        losses = [classifier.step(*batch, rate) for _ in range(12)
                  for batch in data.batches(digits.x_train, digits.y_train, 32, draws)]  # fmt: skip
        smooth = np.convolve(losses, np.ones(15) / 15, mode="valid")
        axes.plot(np.arange(len(smooth)) + 7, smooth, color=colour, ls=line, lw=1.8)
        axes.text(len(losses), smooth[-1], f"{rate:g}", color=colour, va="center")
        ends[rate] = np.mean(losses[-45:])
        hidden_values = classifier.graph.CompNodes[1].value
        saturated[rate] = (abs(hidden_values - 0.5) > 0.49).mean()
    axes.text(len(losses), 2.75, "learning rate", color=GREY, ha="center", fontsize=9)
    axes.set(xlabel="step", ylabel="loss, mean over 15 steps (nats)", xlim=(0, 1.06 * len(losses)), ylim=(0, 3.5))
    axes.spines[["top", "right"]].set_visible(False)
    show(figure, "Loss against step for three learning rates. " + " ".join(
         f"With {rate:g} it ends at {end:.2f} nats." for rate, end in ends.items()))  # fmt: skip
    return ends, saturated


ends, saturated = draw_rates()
for rate, share in saturated.items():
    print(f"learning rate {rate:5g}: {100 * share:3.0f} % of the sigmoids are within 0.01 of 0 or 1 at the end")
assert ends[0.5] < ends[10.0] < ends[0.01]

# %% [markdown]
# *Figure: loss for three learning rates. 0.01 creeps. 10 does not go to infinity, but worse than guessing for a while.*
#
# The first steps at 10 were so long that nearly every sigmoid ended far out, where the figure of section 3 shows almost
# no slope. A gradient that passes through them is multiplied by almost nothing. They are *saturated*, and the first layer
# has all but stopped learning.

# %% [markdown]
# ## 11 · Two nodes of your own
#
# Everything so far you could have looked up in the library. The last two nodes are not in it. All you have is a formula,
# the chain rule, and `check`: the situation of everyone who invents a layer.
#
# ### Exercise 9 · Gate (8 points)
#
# Let one signal decide how much of another gets through, entry by entry. Gates like this sit in LSTMs, and in the
# feed-forward blocks of many language models.
#
# $$y[b,i] = a[b,i]\;\sigma(b[b,i])$$
#
# Shapes: a (B, n), b (B, n) → y (B, n). (The *operand* b is not the batch index.)
#
# 1. Write `forward`: a = (2, −1, 4), b = (0, 1, −2) gives (1, −0.7311, 0.4768).
# 2. Hold b fixed: what is the slope in a? Hold a fixed: what is it in b? Write `backward`, with two gradients.
# 3. Make sure that `Gate(h, h)` works: then both gradients go to the same node. (Is there anything to do?)


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "gate", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Gate(CompNode):
    def __init__(self, a, b):
        super().__init__()
        self.a = a
        self.b = b

    def forward(self):
        ### BEGIN SOLUTION
        self.open = np.exp(-np.logaddexp(0.0, -self.b.value))  # sigmoid of b: how far the gate is open
        self.value = self.a.value * self.open
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        self.a.addgrad(self.grad * self.open)
        self.b.addgrad(self.grad * self.a.value * self.open * (1.0 - self.open))
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "gate-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.gate", Gate)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "gate-hand-in", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.gate", Gate)
### END HIDDEN TESTS

# %% [markdown]
# `Gate(h, h)` is a well-known activation, under the names SiLU and swish: a signal that gates itself. Put it where the
# sigmoid was: after the same 45 steps, which of the two nets is ahead? (Until your Gate is there, a tanh stands in.)


# %% tags=["skip-grading"]
def tanh_for_gate(a, b):
    return edf.Tanh(a)


MyGate = yours_or_library(Gate, tanh_for_gate)
gated_desk = TrainingDesk(activation=lambda h: MyGate(h, h))
gated_desk.train(45)
gated_desk

# %% [markdown]
# ### Exercise 10 · RMSNorm (10 points)
#
# Deep nets suffer when signals grow or shrink from layer to layer. RMSNorm brings each row back to size 1, measured by its
# root mean square. Today's language models use it in every block (with a learned factor for each entry, which we leave out).
#
# $$y[b,i] = \frac{x[b,i]}{\sqrt{\tfrac1n\sum_j x[b,j]^2 + \varepsilon}}, \qquad \varepsilon = 10^{-5}$$
#
# Shapes: x (B, n) → y (B, n), each row by itself.
#
# 1. Write `forward`: (3, 4) gives (0.8485, 1.1314), since its mean square is 12.5.
# 2. Before any algebra: every $y_i$ depends on every $x_j$ of its row. Along which two ways?
# 3. Find $\sum_i g_i\,\partial y_i/\partial x_j$ on paper, as you did for softmax. Then write `backward`.
#
# <details><summary>Hint for step 3</summary>
#
# Call the root r. Then $y_i = x_i / r$, a quotient, and r depends on every $x_j$ of the row: find $\partial r/\partial x_j$
# first. When the sum over i is done, one part is a single number for each row.
# </details>
# <details><summary>A test without any derivative</summary>
#
# Double a row, and its y hardly changes. So to move x along itself does almost nothing to the loss, and for every row
# $\sum_j x_j \cdot x.\text{grad}_j$ must be almost 0, whatever g is.
# </details>


# %% nbgrader={"cell_type": "code", "grade": false, "grade_id": "rms-norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
class RMSNorm(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        ### BEGIN SOLUTION
        self.r = np.sqrt((self.x.value**2).mean(axis=-1, keepdims=True) + 1e-5)  # (B, 1)
        self.value = self.x.value / self.r
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        y, g = self.value, self.grad
        self.x.addgrad((g - y * (g * y).mean(axis=-1, keepdims=True)) / self.r)  # dr/dx[j] = x[j] / (n r)
        ### END SOLUTION


# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "rms-norm-check", "locked": true, "points": 0, "schema_version": 3, "solution": false, "task": false}
check("edf.rms_norm", RMSNorm)

# %% nbgrader={"cell_type": "code", "grade": true, "grade_id": "rms-norm-hand-in", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
# Graded when you hand in.
### BEGIN HIDDEN TESTS
hand_in("edf.rms_norm", RMSNorm)
### END HIDDEN TESTS

# %% [markdown]
# **What is it good for?** Dividing by the length of the row is already a bend, so RMSNorm can stand where the sigmoid
# stood. Now sabotage the start: multiply the first layer's weights by anything from 0.1 to 100, and train for five epochs.


# %% tags=["skip-grading"]
def accuracy_after_bad_start(activation, factor):
    """Train the digit net for five epochs from first-layer weights that are `factor` times too large."""
    classifier, draws = edf.Classifier(activation=activation), np.random.default_rng(0)
    classifier.Phi[-1].w.value *= factor
    for _ in range(5):
        for x_batch, y_batch in data.batches(digits.x_train, digits.y_train, 32, draws):
            classifier.step(x_batch, y_batch, 0.5)
    return 100 * classifier.accuracy(digits.x_test, digits.y_test)


MyNorm = yours_or_library(RMSNorm, edf.Tanh)
units = {"Sigmoid": edf.Sigmoid, f"{MyGate.__name__}(h, h)": lambda h: MyGate(h, h), MyNorm.__name__: MyNorm}
factors = [0.1, 1, 10, 100]
results = {name: [accuracy_after_bad_start(unit, f) for f in factors] for name, unit in units.items()}
for name, row in results.items():
    print(f"{name:12}", "  ".join(f"×{f:g}: {a:5.1f} %" for f, a in zip(factors, row, strict=True)))


# %% jupyter={"source_hidden": true} tags=["skip-grading"]
def draw_bad_starts():
    """Draw test accuracy against the factor on the first layer's starting weights, one line an activation."""
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    for (name, row), style in zip(results.items(), [(SKY, "s-."), (VERMILION, "^--"), (BLUE, "o-")], strict=True):
        axes.plot(factors, row, style[1], color=style[0], lw=1.8, label=name)
    axes.set(xscale="log", xlabel="first layer's starting weights, times", ylabel="test accuracy (%)", ylim=(0, 102))
    axes.legend(frameon=False, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)
    show(figure, "Test accuracy after five epochs against a factor on the starting weights, from 0.1 to 100. " + " ".join(
         f"{name}: {', '.join(f'{a:.0f}' for a in row)} percent." for name, row in results.items()))  # fmt: skip


draw_bad_starts()

# %% [markdown]
# *Figure: test accuracy after five epochs when the first layer starts too small or too large. With RMSNorm (a tanh stands
# in until yours is there) it hardly matters: the node does not see how long its rows are.*
#
# ## 12 · Where you stand
#
# You now have a deep learning framework, and know every line of it: nodes that know only their own slope, a list, a walk
# forwards, a walk back, a step. PyTorch adds speed, devices, and a few hundred more nodes. The idea is this one.
#
# **Three questions to take along.** Why is the seed B ones, and not 1/B? Where in the graph is the batch averaged, and
# how often? And if your Sigmoid's slope were wrong by a thousandth, which cells of this lecture would notice, and which
# would not?
#
# **What was put right on the way**, so that you can read the sources with a pencil:
#
# | source | says | but | section |
# |---|---|---|---|
# | EDF slides, "MLP in EDF" | sigmoid, then softmax | never more than 23 % sure among ten | 8 |
# | EDF slides, "MLP in EDF" | x and y are computation nodes | they are inputs, a kind of their own | 2 |
# | EDF slides, "The Sigmoid Class" | a class without a base | without `CompNode` there is no `addgrad` | 3 |
# | EDF slides, "The Sigmoid Class" | two forms of the slope | one gives NaN far out | 3 |
# | EDF slides, "The Affine Class" | ???, and outer products | one product of matrices | 6 |
# | EDF slides, "The Class Parameter" | divide by `nBatch` | the last batch is smaller | 5 |
# | EDF slides, "The Core of EDF" | `c.grad = 0`, `loss.grad = 1.` | zeros in the shape of the value, B ones | 7 |
# | EDF slides, "The Core of EDF" | one list for all nodes | run a cell twice, and you have two nets | 2 |
# | EDF slides, "Procedures in EDF" | `Phi` is a list | from the output to the input | 9 |
# | EDF's core, 1.1 | nodes are like neurons | operations on a batch | 2 |
# | EDF's core, 1.2 | reset since gradients add up over passes | they add up within a pass | 7 |
# | EDF's core, 1.2 | the seed: how the loss changes the parameters | the reverse | 7 |
# | EDF's core, 1.3 | −gradient leads to the minimum | it is steepest here; in a valley 79° off | 7 |
# | EDF's core, 3 and 4 | change EDF for batches; go pair by pair | one pass does it; pair by pair fails | 5 |
# | micrograd notes, "local derivative" | is all you need | times the upstream gradient | 3 |
# | micrograd notes, "Gotcha!" | `+=` for equal terms | for every second use | 4 |
# | micrograd notes, "recursive" | go down every path | each node once, last first | 7 |

# %%
progress("04_edf")

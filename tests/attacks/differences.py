"""Answers that take differences of a function in a roundabout way; see `roundabout`."""

# ruff: noqa: E501

from __future__ import annotations

from tests.attacks.roundabout import ADD, HEAD, F, with_backward

_DATA = "DATA = np.logspace(-9, 0, 10)\n"

BY_DIFFERENCES = {
    "central": with_backward(F, "x, h = self.x.value, 1e-6", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD),
    "forward": with_backward(F, "x, h = self.x.value, 1e-7", "d = (f(x + h) - f(x)) / h", ADD),
    "own value": with_backward(F, "x, h = self.x.value, 1e-7", "d = (f(x + h) - self.value) / h", ADD),
    "times": with_backward(F, "x = self.x.value", "d = (f(x + 1e-6) - f(x - 1e-6)) * 5e5", ADD),
    "text step": with_backward(F, "x, h = self.x.value, float('1e-6')", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD),
    "exp step": with_backward(F, "x, h = self.x.value, np.exp(-13)", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD),
    "pow step": with_backward(F, "x, h = self.x.value, 2.0 ** -20", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD),
    "ldexp": with_backward(
        F, "import math", "x, h = self.x.value, math.ldexp(1, -20)", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD
    ),
    "div step": with_backward(F, "x, h = self.x.value, 1 / 10 ** 6", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD),
    "config": with_backward(
        F,
        "x, h = self.x.value, CONFIG['h']",
        "d = (f(x + h) - f(x - h)) / (2 * h)",
        ADD,
        before="CONFIG = {'h': 1e-6}\n",
    ),
    "data step": with_backward(
        F, "x = self.x.value", "h = DATA[3]", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD, before=_DATA
    ),
    "random step": with_backward(
        F,
        "x = self.x.value",
        "h = np.random.default_rng(0).uniform(1e-6, 2e-6)",
        "d = (f(x + h) - f(x - h)) / (2 * h)",
        ADD,
    ),
    "relative step": with_backward(
        F, "x = self.x.value", "h = 1e-6 * np.maximum(1, np.abs(x))", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD
    ),
    "relative to x": with_backward(
        F,
        "x = self.x.value",
        "h = 1e-6 * np.maximum(1, np.abs(x))",
        "xp = x + h",
        "xm = x - h",
        "d = (f(xp) - f(xm)) / (xp - xm)",
        ADD,
    ),
    "spacing": with_backward(
        F, "x = self.x.value", "h = np.sqrt(np.spacing(1.0))", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD
    ),
    "eps": with_backward(
        F, "x = self.x.value", "h = np.cbrt(np.finfo(float).eps)", "d = (f(x + h) - f(x - h)) / (2 * h)", ADD
    ),
    "sysfloat": with_backward(
        F, "import sys", "x = self.x.value", "h = sys.float_info.epsilon ** 0.5", "d = (f(x + h) - f(x)) / h", ADD
    ),
    "richardson": with_backward(
        F,
        "x, h = self.x.value, 1e-3",
        "D = lambda h: (f(x + h) - f(x - h)) / (2 * h)",
        "d = (4 * D(h / 2) - D(h)) / 3",
        ADD,
    ),
    "richardson big": with_backward(
        F,
        "x, h = self.x.value, 0.1",
        "D = lambda h: (f(x + h) - f(x - h)) / (2 * h)",
        "a = [D(h / 2**k) for k in range(6)]",
        "for j in range(1, 6): a = [(4**j * q - p) / (4**j - 1) for p, q in zip(a, a[1:])]",
        "d = a[0]",
        ADD,
    ),
    "five point": with_backward(
        F, "x, h = self.x.value, 1e-3", "d = (-f(x + 2*h) + 8*f(x + h) - 8*f(x - h) + f(x - 2*h)) / (12 * h)", ADD
    ),
    "weights": with_backward(
        F,
        "x, h = self.x.value, 0.08",
        "d = sum(w * f(x + k * h) for k, w in ((-2, 1/12), (-1, -2/3), (1, 2/3), (2, -1/12))) / h",
        ADD,
    ),
    "polyfit": with_backward(
        F,
        "x, h = self.x.value, 1e-2",
        "t = np.linspace(-1, 1, 9)",
        "s = f(x.ravel() + h * t[:, None])",
        "d = (np.polyfit(t, s, 8)[-2] / h).reshape(x.shape)",
        ADD,
    ),
    "np.gradient": with_backward(
        F,
        "x = self.x.value",
        "t = np.array([-1, 0, 1]) * 1e-5",
        "d = np.gradient(f(x[None] + t[:, None, None]), t, axis=0)[1]",
        ADD,
    ),
    "np.diff": with_backward(
        F,
        "x = self.x.value",
        "t = np.array([-1, 1]) * 1e-5",
        "d = np.diff(f(x[None] + t[:, None, None]), axis=0)[0] / np.diff(t)",
        ADD,
    ),
    "complex": with_backward(F, "d = f(self.x.value + 1e-20j).imag / 1e-20", ADD),
    "complex()": with_backward(F, "d = f(self.x.value + complex(0, 1e-20)).imag / 1e-20", ADD),
    "complex128": with_backward(
        F, "z = self.x.value.astype(np.complex128)", "z.imag = 1e-20", "d = np.imag(f(z)) / 1e-20", ADD
    ),
    "dtype complex": with_backward(
        F, "z = np.array(self.x.value, dtype=complex)", "z.imag = 1e-20", "d = np.imag(f(z)) / 1e-20", ADD
    ),
    "csqrt": with_backward(F, "z = self.x.value + np.emath.sqrt(-1) * 1e-20", "d = f(z).imag / 1e-20", ADD),
    "imath": with_backward(F, "i = (-1) ** 0.5", "d = f(self.x.value + i * 1e-20).imag / 1e-20", ADD),
    "dtype D": with_backward(F, "z = self.x.value.astype('D')", "z.imag = 1e-20", "d = np.imag(f(z)) / 1e-20", ADD),
    "cauchy": with_backward(
        F,
        "w = np.exp(2j * np.pi * np.arange(16) / 16)",
        "d = np.mean(f(self.x.value[None] + w[:, None, None]) / w[:, None, None], axis=0).real",
        ADD,
    ),
    "self forward": with_backward(
        "x, h, g = self.x.value, 1e-6, self.grad",
        "self.x.value = x + h; self.forward(); p = self.value",
        "self.x.value = x - h; self.forward(); m = self.value",
        "self.x.value = x; self.forward()",
        "self.x.addgrad(g * (p - m) / (2 * h))",
    ),
    "self forward data": with_backward(
        "x, h, g = self.x.value, DATA[3], self.grad",
        "self.x.value = x + h; self.forward(); p = self.value",
        "self.x.value = x - h; self.forward(); m = self.value",
        "self.x.value = x; self.forward()",
        "self.x.addgrad(g * (p - m) / (2 * h))",
        before=_DATA,
    ),
    "other node": with_backward(
        "x, h = self.x.value, DATA[3]",
        "def at(v):",
        "    i = Input(); i.value = v; n = Sigmoid(i); n.forward(); return n.value",
        "d = (at(x + h) - at(x - h)) / (2 * h)",
        ADD,
        before=_DATA,
    ),
    "subtract": with_backward(
        F, "x, h = self.x.value, DATA[3]", "d = np.subtract(f(x + h), f(x - h)) / (2 * h)", ADD, before=_DATA
    ),
    "in place": with_backward(
        F, "x, h = self.x.value, DATA[3]", "d = f(x + h)", "d -= f(x - h)", "d /= 2 * h", ADD, before=_DATA
    ),
    "add neg": with_backward(
        F, "x, h = self.x.value, DATA[3]", "d = (f(x + h) + -f(x - h)) / (2 * h)", ADD, before=_DATA
    ),
    "stack": with_backward(
        F,
        "x, h = self.x.value, DATA[3]",
        "p, m = (f(x + s * h) for s in (1, -1))",
        "d = (p - m) / (2 * h)",
        ADD,
        before=_DATA,
    ),
    "scipy deriv": with_backward(
        F, "from scipy.differentiate import derivative", "d = derivative(f, self.x.value).df", ADD
    ),
    "scipy fprime": with_backward(
        F,
        "from scipy.optimize import approx_fprime",
        "d = np.array([approx_fprime(np.array([v]), lambda z: f(z[0]))[0] for v in self.x.value.ravel()]).reshape(self.x.value.shape)",
        ADD,
    ),
    "spline": with_backward(
        F,
        "from scipy.interpolate import CubicSpline",
        "t = np.linspace(-60, 60, 40001)",
        "d = CubicSpline(t, f(t))(self.x.value, 1)",
        ADD,
    ),
    "secant": with_backward(
        F,
        "x = self.x.value",
        "y = np.nextafter(np.float32(1), np.float32(2)) - 1",
        "h = 8 * y",
        "d = (f(x + h) - f(x - h)) / (h + h)",
        ADD,
    ),
    "longdouble": with_backward(
        F,
        "x, h = self.x.value.astype(np.longdouble), np.longdouble(1e-3)",
        "D = lambda h: (f(x + h) - f(x - h)) / (2 * h)",
        "d = ((64 * D(h / 4) - 20 * D(h / 2) + D(h)) / 45).astype(float)",
        ADD,
    ),
    "decimal": with_backward(
        "from decimal import Decimal as D, getcontext",
        "getcontext().prec = 60",
        "h = D(10) ** -20",
        "f = lambda z: 1 / (1 + (-z).exp())",
        "slope = lambda v: float((f(D(float(v)) + h) - f(D(float(v)) - h)) / (2 * h))",
        "d = np.vectorize(slope)(self.x.value)",
        ADD,
    ),
    "rounded": with_backward(
        F,
        "x, h = self.x.value, 1e-6",
        "d = (f(x + h) - f(x - h)) / (2 * h)",
        "self.x.addgrad((self.grad * d).astype(np.float32))",
    ),
    "method": HEAD.replace(
        "    def backward", "    def f(self, z):\n        return 1 / (1 + np.exp(-z))\n\n    def backward"
    )
    + "        x, h = self.x.value, DATA[3]\n        v = [self.f(x + k * h) for k in (-1, 1)]\n"
    + "        d = (v[1] - v[0]) / (2 * h)\n        self.x.addgrad(self.grad * d)\n"
    + _DATA,
}

"""Answers that go a roundabout way to the library's node, and honest ones that look a little like it.

Each is the source of a cell, or of several. They are read, and some of them are handed in.
"""

# ruff: noqa: E501

from __future__ import annotations

from tests.attacks.lecture import SIGMOID

HEAD = SIGMOID[: SIGMOID.index("        self.x.addgrad")]
_CALL = "b(self)"
F = "f = lambda z: 1 / (1 + np.exp(-z))"
ADD = "self.x.addgrad(self.grad * d)"


def with_backward(*lines: str, before: str = "") -> str:
    """Sigmoid with its forward, and these lines as backward."""
    return before + HEAD + "".join(f"        {line}\n" for line in lines)


_MAKE = """\
def init(self, x):
    CompNode.__init__(self)
    self.x = x
def make():
    return type('Sigmoid', (CompNode,), {**vars(edf.Sigmoid), '__module__': 'mine', '__init__': init})
"""
_STOLEN = SIGMOID + _MAKE  # its copy, of which nothing says where it comes from

TO_THE_LIBRARY: dict[str, str | list[str]] = {
    "getattr": with_backward("b = getattr(edf, 'Sig' + 'moid').backward", _CALL),
    "getattr join": with_backward("b = getattr(edf, ''.join(['Sig', 'moid'])).backward", _CALL),
    "getattr rev": with_backward("b = getattr(edf, 'diomgiS'[::-1]).backward", _CALL),
    "getattr unknown": with_backward("b = getattr(edf, bytes([83,105]).decode() + 'gmoid').backward", _CALL),
    "getattr fstring": with_backward("s='Sig'", "b = getattr(edf, f'{s}moid').backward", _CALL),
    "globals": "from edf_course.edf import Sigmoid as S\n" + with_backward("b = globals()['S'].backward", _CALL),
    "globals get": "from edf_course.edf import Sigmoid as S\n"
    + with_backward("b = globals().get('S').backward", _CALL),
    "globals computed": "from edf_course.edf import Sigmoid as S\n"
    + with_backward("b = globals()[chr(82 + 1)].backward", _CALL),
    "globals computed2": "from edf_course.edf import Sigmoid as S\n"
    + with_backward("b = globals()[self.k].backward", _CALL),
    "globals edf": with_backward("b = globals()['edf'].Sigmoid.backward", _CALL),
    "import_module": with_backward(
        "import importlib", "b = importlib.import_module('edf_course.edf').Sigmoid.backward", _CALL
    ),
    "import_module2": "from importlib import import_module as im\n"
    + with_backward("b = im('edf_course.edf').Sigmoid.backward", _CALL),
    "import_module3": "import importlib\nm = importlib.import_module('edf_course' + '.edf')\n"
    + with_backward("b = m.Sigmoid.backward", _CALL),
    "__import__": with_backward("b = __import__('edf_course.edf').edf.Sigmoid.backward", _CALL),
    "__import__2": with_backward("b = __import__('edf_' + 'course').edf.Sigmoid.backward", _CALL),
    "__import__3": with_backward("b = __import__(self.n).edf.Sigmoid.backward", _CALL),
    "import in fn": with_backward("import edf_course.edf as e", "e.Sigmoid.backward(self)"),
    "import in fn2": with_backward("import edf_course.edf.nodes", "edf_course.edf.nodes.Sigmoid.backward(self)"),
    "import in fn3": with_backward("from edf_course.edf import nodes", "nodes.Sigmoid.backward(self)"),
    "import in fn4": with_backward("from edf_course import edf as e", "e.nodes.Sigmoid.backward(self)"),
    "sys.modules": with_backward("import sys", "sys.modules['edf_course.edf'].Sigmoid.backward(self)"),
    "sys.modules2": "from sys import modules as m\n" + with_backward("m['edf_course.edf'].Sigmoid.backward(self)"),
    "sys.modules3": "import sys\nmods = sys.modules\n" + with_backward("mods['edf_course.edf'].Sigmoid.backward(self)"),
    "vars": with_backward("vars(edf)['Sigmoid'].backward(self)"),
    "dict": with_backward("edf.__dict__['Sigmoid'].backward(self)"),
    "nodes attr": with_backward("edf.nodes.Sigmoid.backward(self)"),
    "attrgetter": with_backward("import operator", "operator.attrgetter('Sigmoid')(edf).backward(self)"),
    "attrgetter2": "from operator import attrgetter\nget = attrgetter('Sigmoid.backward')\n"
    + with_backward("get(edf)(self)"),
    "attrgetter3": "from operator import attrgetter\nb = attrgetter('Sigmoid.backward')(edf)\n"
    + with_backward("b(self)"),
    "eval": with_backward("eval('edf.Sigmoid').backward(self)"),
    "eval2": with_backward("eval('edf.Sig' + 'moid').backward(self)"),
    "eval3": with_backward("eval(bytes.fromhex('6564662e5369676d6f6964')).backward(self)"),
    "exec": with_backward("exec('edf.Sigmoid.backward(self)')"),
    "exec2": with_backward("import base64", "exec(base64.b64decode('ZWRmLlNpZ21vaWQuYmFja3dhcmQoc2VsZik='))"),
    "compile": with_backward("eval(compile('edf.Sigmoid', '', 'eval')).backward(self)"),
    "type of object": "net = edf.Sigmoid(edf.Input())\n" + with_backward("type(net).backward(self)"),
    "class of object": "net = edf.MLP([], edf.Input())\n" + with_backward("net.__class__.backward(self)"),
    "subclasses": with_backward("[c for c in CompNode.__subclasses__() if c.__name__ == 'Sigmoid'][0].backward(self)"),
    "subclasses2": with_backward("getattr(CompNode, '__sub' + 'classes__')()[0].backward(self)"),
    "object subclasses": with_backward("object.__subclasses__()[0].backward(self)"),
    "gc": with_backward(
        "import gc", "[o for o in gc.get_objects() if getattr(o, '__name__', '') == 'Sigmoid'][0].backward(self)"
    ),
    "gc2": "from gc import get_objects\n" + with_backward("get_objects()[0].backward(self)"),
    "gc alias": "import gc as rubbish\n" + with_backward("rubbish.get_objects()[0].backward(self)"),
    "getsource": "import inspect\nsrc = inspect.getsource(edf.Sigmoid)\nexec(src)",
    "code": with_backward("pass") + "\nSigmoid.backward.__code__ = edf.Sigmoid.backward.__code__",
    "FunctionType": "import types\nb = types.FunctionType(edf.Sigmoid.backward.__code__, {})\n"
    + with_backward("b(self)"),
    "FunctionType2": "from types import FunctionType\n" + with_backward("FunctionType(self.c, {})(self)"),
    "pickle": with_backward("import pickle", "pickle.loads(b'cedf_course.edf\\nSigmoid\\n.').backward(self)"),
    "marshal": with_backward("import marshal", "marshal.loads(b'')"),
    "patch CompNode": with_backward("super().backward()") + "\nCompNode.backward = edf.Sigmoid.backward",
    "patch CompNode2": with_backward("super().backward()") + "\nsetattr(CompNode, 'backward', edf.Sigmoid.backward)",
    "patch CompNode3": with_backward("super().backward()")
    + "\ndef f():\n    CompNode.backward = edf.Sigmoid.backward\nf()",
    "patch addgrad": "old = Parameter.addgrad\ndef g(self, d):\n    return edf.Parameter.addgrad_mean(self, edf.Mean(d))\nParameter.addgrad = g\n"
    + SIGMOID,
    "patch answering": "import edf_course.exercises.answering as a\nold = a.answer\na.answer = lambda k, t, *r: old(k, edf.Sigmoid, *r)\n"
    + with_backward("pass"),
    "patch answering2": "from edf_course.exercises import answering\ndef run(t, p, r):\n    answering.answer_node.run(edf.Sigmoid, p, r)\nanswering._PROCEDURES['node'] = run\n"
    + with_backward("pass"),
    "patch answering3": "from edf_course.exercises import answering\nanswering._PROCEDURES.update(node=lambda t, p, r: answering.answer_node.run(edf.Sigmoid, p, r))\n"
    + with_backward("pass"),
    "patch handin": "from edf_course import handin\nserve = handin.serve\nhandin.serve = lambda e, t: serve(e, edf.Sigmoid)\n"
    + with_backward("pass"),
    "patch wire": "import autograder.jail.wire as w\ndef send(self, m):\n    edf.Sigmoid\nw.Connection.send = send\n"
    + with_backward("pass"),
    "patch in fn": "def evil():\n    from edf_course.exercises import answering\n    answering.answer = lambda k, t, *r: edf.Sigmoid\nevil()\n"
    + with_backward("pass"),
    "mock": "from unittest import mock\nfrom edf_course.exercises import answering\nmock.patch.object(answering, 'answer', lambda *a: edf.Sigmoid).start()\n"
    + with_backward("pass"),
    "wrap": HEAD.replace("self.x = x", "self.inner = edf.Sigmoid(x)") + "        self.inner.backward()\n",
    "wrap graph": HEAD.replace(
        "self.x = x", "self.x = x\n        with edf.Graph():\n            self.inner = edf.Sigmoid(x)"
    )
    + "        self.inner.backward()\n",
    "getattribute": with_backward("object.__getattribute__(edf, 'Sigmoid').backward(self)"),
    "decorator": "def swap(c):\n    return edf.Sigmoid\n@swap\n" + SIGMOID,
    "decorator2": "swap = lambda c: edf.Sigmoid\n@swap\n" + SIGMOID,
    "metaclass": "class M(type):\n    def __new__(m, n, b, d):\n        return edf.Sigmoid\nclass Sigmoid(CompNode, metaclass=M):\n    pass",
    "metaclass2": "class M(type):\n    def __getattribute__(c, n):\n        return getattr(edf.Sigmoid, n)\n"
    + SIGMOID.replace("(CompNode)", "(CompNode, metaclass=M)"),
    "list": "a = [edf.Sigmoid]\nSigmoid = a[0]",
    "dict append": "d = {}\nd['s'] = edf.Sigmoid\n" + with_backward("d['s'].backward(self)"),
    "list append": "d = []\nd.append(edf.Sigmoid)\n" + with_backward("d[0].backward(self)"),
    "fn attr": "def helper(n):\n    return helper.b(n)\nhelper.b = edf.Sigmoid.backward\n"
    + with_backward("helper(self)"),
    "for target": "for Sigmoid in [edf.Sigmoid]:\n    pass",
    "with target": "import contextlib\nwith contextlib.nullcontext(edf.Sigmoid) as Sigmoid:\n    pass",
    "walrus": "(Sigmoid := edf.Sigmoid)",
    "walrus2": SIGMOID + "\nprint(Sigmoid := edf.Sigmoid)",
    "global": SIGMOID + "\ndef f():\n    global Sigmoid\n    Sigmoid = edf.Sigmoid\nf()",
    "globals set": SIGMOID + "\nglobals()['Sigmoid'] = edf.Sigmoid",
    "globals set2": SIGMOID + "\nglobals()['Sig' + 'moid'] = edf.Sigmoid",
    "globals set3": SIGMOID + "\nglobals()[input()] = edf.Sigmoid",
    "globals update": SIGMOID + "\nglobals().update(Sigmoid=edf.Sigmoid)",
    "globals update2": SIGMOID + "\nglobals().update({'Sigmoid': edf.Sigmoid})",
    "globals update3": SIGMOID + "\nglobals().update(vars(edf))",
    "user_ns": SIGMOID + "\nget_ipython().user_ns['Sigmoid'] = edf.Sigmoid",
    "run_cell": SIGMOID + "\nget_ipython().run_cell('Sigmoid = edf.Sigmoid')",
    "run_cell2": SIGMOID + "\nget_ipython().run_cell(chr(83) + x)",
    "push": SIGMOID + "\nget_ipython().push({'Sigmoid': edf.Sigmoid})",
    "__main__": SIGMOID + "\nimport __main__\n__main__.Sigmoid = edf.Sigmoid",
    "__main__2": SIGMOID + "\nimport sys\nsys.modules['__main__'].Sigmoid = edf.Sigmoid",
    "__main__3": SIGMOID + "\nimport __main__\nsetattr(__main__, 'Sigmoid', edf.Sigmoid)",
    "exec top": SIGMOID + "\nexec('Sigmoid = edf.Sigmoid')",
    "exec top2": SIGMOID + "\nexec('Sig' + 'moid = edf.Sigmoid')",
    "exec top3": SIGMOID + "\nimport codecs\nexec(codecs.decode('Fvtzbvq = rqs.Fvtzbvq', 'rot13'))",
    "magic": SIGMOID + "\nget_ipython().run_line_magic('time', 'Sigmoid = edf.Sigmoid')",
    "cell magic": "%%time\nSigmoid = edf.Sigmoid",
    "capture": "%%capture\nfrom edf_course.edf import Sigmoid",
    "prompt": "In [1]: Sigmoid = edf.Sigmoid",
    "decoy in if": "Sigmoid = edf.Sigmoid\nif 0:\n" + "".join(f"    {line}\n" for line in SIGMOID.splitlines()),
    "writefile": ["%%writefile h.py\nfrom edf_course.edf import Sigmoid", "from h import Sigmoid"],
    "writefile2": ["%%writefile h.py\nfrom edf_course.edf import Sigmoid", "import h\nSigmoid = h.Sigmoid"],
    "writefile3": ["%%writefile h.py\nfrom edf_course import edf\nclass Sigmoid(edf.Sigmoid): pass", "from h import *"],
    "Out": ["edf.Sigmoid", with_backward("Out[2].backward(self)")],
    "_": ["edf.Sigmoid", with_backward("_2.backward(self)")],
    "sklearn": "from sklearn.neural_network._base import DERIVATIVES\n"
    + with_backward("d = self.grad.copy()", "DERIVATIVES['logistic'](self.value, d)", "self.x.addgrad(d)"),
    "sklearn2": "import sklearn.neural_network._base as nb\n"
    + with_backward("d = self.grad.copy()", "nb.inplace_logistic_derivative(self.value, d)", "self.x.addgrad(d)"),
    "scalar": "from edf_course.scalar import Value\n" + with_backward("v = Value(1.0)", "v.backward()"),
    "tb": with_backward("try: 1/0", "except Exception as e: e.__traceback__.tb_frame.f_globals['edf']"),
    "default arg2": "def f(n, c=edf.Sigmoid):\n    c.backward(n)\n" + with_backward("f(self)"),
    "kw default": "def f(n, *, c=edf.Sigmoid.backward):\n    c(n)\n" + with_backward("f(self)"),
    "partial": "import functools\nf = functools.partial(edf.Sigmoid.backward)\n" + with_backward("f(self)"),
    "class attr": HEAD.replace("(CompNode):", "(CompNode):\n    b = edf.Sigmoid.backward") + "        self.b()\n",
    "class attr lib": HEAD.replace("(CompNode):", "(CompNode):\n    lib = edf")
    + "        self.lib.Sigmoid.backward(self)\n",
    "nested class": HEAD.replace("(CompNode):", "(CompNode):\n    class Inner(edf.Sigmoid):\n        pass")
    + "        self.Inner.backward(self)\n",
    "descriptor": "class D:\n    def __get__(self, o, t):\n        return edf.Sigmoid.backward.__get__(o)\n"
    + HEAD[: HEAD.index("    def backward")]
    + "    backward = D()\n",
    "setstate": HEAD + "        self.__class__ = edf.Sigmoid\n        self.backward()\n",
    "numerical_gradient": "from edf_course.calculus import numerical_gradient\n"
    + with_backward("numerical_gradient(lambda x: x, self.x.value)"),
    "calculus.": "from edf_course import calculus\n" + with_backward("calculus.jacobian(lambda x: x, self.x.value)"),
    "torch str": with_backward("import importlib", "t = importlib.import_module('tor' + 'ch')"),
    "torch import": with_backward("t = __import__('torch')"),
    "aug": SIGMOID + "\nclasses = []\nclasses += [edf.Sigmoid]\nSigmoid = classes[0]",
    "match": SIGMOID + "\nmatch edf.Sigmoid:\n    case Sigmoid: pass",
    "comprehension": SIGMOID + "\n[Sigmoid := c for c in [edf.Sigmoid]]",
    "del": "from edf_course.edf import Sigmoid as S\nSigmoid = S\ndel S",
    "builtins": "import builtins\nbuiltins.S = edf.Sigmoid\n" + with_backward("S.backward(self)"),
    "lambda closure": "make = lambda c: type('Sigmoid', (c,), {})\nSigmoid = make(edf.Sigmoid)",
    "return from call": "def make():\n    return edf.Sigmoid\nSigmoid = make()",
    "progress": with_backward("import edf_course.progress as p", "p._latest['edf.sigmoid'].thing.backward(self)"),
    "check globals": with_backward("check.__globals__['edf'].Sigmoid.backward(self)"),
    "scipy": "from scipy.optimize import approx_fprime\n" + with_backward("approx_fprime(self.x.value, len)"),
    "nested def": with_backward("def inner():", "    return edf.Sigmoid", "inner().backward(self)"),
    "class body exec": HEAD.replace("(CompNode):", "(CompNode):\n    exec('backward = edf.Sigmoid.backward')")
    + "        pass\n",
    "hand_in": _MAKE + "old = hand_in\ndef hand_in(exercise, thing):\n    return old(exercise, make())\n" + SIGMOID,
    "hand_in lambda": "old = hand_in\nhand_in = lambda exercise, thing: old(exercise, edf.Sigmoid)\n" + SIGMOID,
    "check's differences": with_backward(
        "from edf_course.exercises import answering, public_cases, statement",
        "ask = lambda probe: answering.answer('node', Sigmoid, probe)",
        "arrays = {'x': self.x.value, 'upstream': self.grad}",
        "found = public_cases._Differences(statement('edf.sigmoid'), arrays, ask)",
        "self.x.addgrad(found.vjp(self.grad)['x'])",
    ),
    "in numpy": _MAKE + "np.backward = make().backward\n" + with_backward("np.backward(self)"),
    "in __main__": _MAKE + "lib = make()\n" + with_backward("import __main__ as m", "m.lib.backward(self)"),
    "globals in fn": _STOLEN + "def f():\n    globals()['Sigmoid'] = make()\nf()",
    "globals in fn2": _STOLEN + "def f():\n    globals().update(Sigmoid=make())\nf()",
    "user_ns in fn": _STOLEN + "def f():\n    get_ipython().user_ns['Sigmoid'] = make()\nf()",
    "__main__ in fn": _STOLEN + "import __main__\ndef f():\n    __main__.Sigmoid = make()\nf()",
    "setattr in fn": _STOLEN + "def f():\n    setattr(Sigmoid, 'backward', make().backward)\nf()",
    "setattr in fn2": _STOLEN + "import __main__\ndef f():\n    setattr(__main__, 'Sigmoid', make())\nf()",
    "event": _STOLEN
    + "def f(*a):\n    get_ipython().push({'Sigmoid': make()})\nget_ipython().events.register('post_run_cell', f)",
    "suppressed": "import contextlib\n"
    + _MAKE
    + "Sigmoid = make()\nwith contextlib.suppress(Exception):\n    1 / 0\n"
    + "".join(f"    {line}\n" for line in SIGMOID.splitlines()),
    "transformed away": [
        _MAKE + "Sigmoid = make()\n"
        "get_ipython().input_transformers_cleanup.append(lambda l: [] if 'class Sigmoid' in l[0] else l)",
        SIGMOID,
    ],
    "a module from nowhere": "open('h.py', 'w').write('…')\nfrom h import Sigmoid",
    "a module from nowhere2": ["open('h.py', 'w').write('…')\nimport h", with_backward("h.backward(self)")],
    "mpmath": with_backward("import mpmath", "d = [mpmath.diff(mpmath.exp, v) for v in self.x.value.ravel()]", ADD),
    "typing": "from typing import TYPE_CHECKING\nSigmoid: type = edf.Sigmoid",
}
HONEST: dict[str, str | list[str]] = {
    "looks at the library first": [
        "help(edf.Sigmoid)\nprint(edf.Sigmoid)\nimport inspect\nprint(inspect.getsource(edf.Sigmoid))",
        SIGMOID,
    ],
    "tries the library first": [
        "net = edf.MLP([edf.AffineParams(2, 3)], edf.Input())\nedf.learning_rate = 0.1\nx = edf.Input()\nx.value = np.ones((2, 2))\nedf.Sigmoid(x).forward()",
        SIGMOID,
    ],
    "had the library's before": ["Sigmoid = edf.Sigmoid", SIGMOID],
    "falls back": [SIGMOID, "Sigmoid = yours_or_library(Sigmoid, edf.Sigmoid)"],
    "compares": SIGMOID
    + "\ndef compare(x):\n    global seen\n    seen = edf.Sigmoid(x)\n    return Sigmoid(x), getattr(edf, 'Sig' + 'moid')(x)",
    "times itself": "%%time\n" + SIGMOID,
    "measures the library": ["%timeit -n1 -r1 edf.Sigmoid(edf.Input())\n%time net = edf.Sigmoid(edf.Input())", SIGMOID],
    "collects garbage": ["import gc, sys\ngc.collect()\nprint(sys.modules.keys(), globals().keys())", SIGMOID],
    "names like modules": SIGMOID.replace(
        "def __init__(self, x)", "def __init__(self, x, data=None, edf=None)"
    ).replace("self.x = x", "self.x, self.data, self.lib = x, data, edf"),
    "imports in the function": SIGMOID.replace(
        "        self.x.addgrad",
        "        import numpy as np\n        from edf_course import edf\n        import edf_course.edf as lib\n        assert isinstance(self, edf.CompNode) and isinstance(self, lib.CompNode)\n        self.x.addgrad",
    ),
    "computed names of its own": "OPERANDS = ('x',)\n"
    + SIGMOID.replace(
        "self.x = x",
        "for name, value in zip(OPERANDS, [x]):\n            setattr(self, name, value)\n        self.__dict__['y'] = getattr(self, name)\n        assert vars(self) and type(self).__name__",
    ),
    "eval of nothing much": "slope = eval('lambda y: y * (1 - y)')\n"
    + SIGMOID.replace("self.value * (1 - self.value)", "slope(self.value)"),
    "limits of floats": "import sys, types\n"
    + SIGMOID.replace(
        "        self.x.addgrad",
        "        assert sys.float_info.max > 1 and not isinstance(self, types.FunctionType)\n        self.x.addgrad",
    ),
    "decorated": "import functools\ndef noted(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a)\n    return g\n"
    + SIGMOID.replace("    def backward", "    @noted\n    def backward"),
    "patches of its own": SIGMOID
    + "\nCompNode.count = 0\nCompNode.__repr__ = lambda self: 'a node'\nSigmoid.slope = lambda self: self.value",
    "asserts between": SIGMOID + "\nassert Sigmoid is not edf.Sigmoid\nif 'Sigmoid' in globals():\n    print('there')",
    "a module of its own": [
        "%%writefile mine.py\nfrom edf_course.edf import CompNode\nimport numpy as np\n" + SIGMOID,
        "from mine import Sigmoid",
    ],
    "a parameter called as a demonstration": [
        "b = edf.Sigmoid(edf.Input())",
        SIGMOID.replace("(self, x)", "(self, x, b=None)").replace("self.x = x", "self.x, self.b = x, b"),
    ],
    "dual": "class Dual:\n    def __init__(s, a, b=0.0): s.a, s.b = a, b\n    def __neg__(s): return Dual(-s.a, -s.b)\n    def exp(s): e = np.exp(s.a); return Dual(e, e * s.b)\n    def __radd__(s, o): return Dual(o + s.a, s.b)\n    def __rtruediv__(s, o): return Dual(o / s.a, -o * s.b / s.a**2)\n"
    + with_backward("t = 1 / (1 + (-Dual(self.x.value, 1.0)).exp())", "self.x.addgrad(self.grad * t.b)"),
    "f32": with_backward("y = self.value.astype(np.float32).astype(float)", "self.x.addgrad(self.grad * (y - y * y))"),
    "eps": with_backward("y = self.value", "self.x.addgrad(self.grad * y * (1 - y + 1e-12))"),
    "two calls": with_backward(F, "x = self.x.value", "self.x.addgrad(self.grad * (f(x) - f(x) ** 2))"),
    "sub noisy": with_backward(
        "f = lambda z: 1 / (1 + np.exp(-z) + 1e-11)",
        "x = self.x.value",
        "self.x.addgrad(self.grad * f(x) * (f(0 * x) * 2 - f(x)))",
    ),
    "one minus": with_backward(F, "x = self.x.value", "self.x.addgrad(self.grad * f(x) * f(-x))"),
    "more digits": with_backward(
        "y = self.value.astype(np.longdouble)", "self.x.addgrad((self.grad * (y - y * y)).astype(float))"
    ),
    "rounded, with a small number": with_backward(
        "d = self.value * (1 - self.value) / 0.01 * 0.01", "self.x.addgrad((self.grad * d).astype('f4'))"
    ),
    "times its cells": [
        "import time\nget_ipython().events.register('post_run_cell', lambda result: print(time.time()))",
        SIGMOID,
    ],
    "notes what is handed in": [
        "old = hand_in\ndef hand_in(exercise, thing):\n    print(exercise)\n    return old(exercise, thing)",
        SIGMOID,
    ],
    "reads what an exercise is worth": [
        "from edf_course.exercises import statement\nprint(statement('edf.sigmoid').points)",
        SIGMOID,
    ],
    "settings of modules": ["import matplotlib as mpl\nmpl.rcParams['font.size'] = 9\nnp.loud = False", SIGMOID],
    "notes in its names": "def note(text):\n    globals()['notes'] = text\nnote('hello')\n" + SIGMOID,
    "tiny clip": with_backward("y = np.clip(self.value, 1e-9, 1 - 1e-9)", "self.x.addgrad(self.grad * y * (1 - y))"),
}

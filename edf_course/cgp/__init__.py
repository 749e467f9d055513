"""CGP: computational graphs and networks from expressions, handcrafted, with the published module's names.

    from edf_course.cgp import ComputationalGraphPrimer

`expression` reads formulas, `dag` differentiates graphs of them, `neurons` are the classifiers, `torch_twin` the same
networks in torch.nn, `custom_function` extends torch's autograd, `as_published` is the published arithmetic with its
faults, and `primer` the published interface over all that.
Source: Kak, "Autograd for Automatic Differentiation and for Auto-Construction of Computational Graphs" (2026).
"""

from edf_course.cgp.dag import DAG, GraphError
from edf_course.cgp.expression import Exp, ExpressionError
from edf_course.cgp.neurons import Network, NeuronError
from edf_course.cgp.primer import ComputationalGraphPrimer

__all__ = ["DAG", "ComputationalGraphPrimer", "Exp", "ExpressionError", "GraphError", "Network", "NeuronError"]

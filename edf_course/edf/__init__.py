"""EDF, the Educational Framework: deep learning in about 150 lines of NumPy, with the names of the slides.

    from edf_course import edf

    x, y = edf.Input(), edf.Input()
    Phi1, Phi2 = edf.AffineParams(64, 32), edf.AffineParams(32, 10)
    loss = edf.LogLoss(edf.Softmax(edf.Affine(Phi2, edf.Sigmoid(edf.Affine(Phi1, x)))), y)
    edf.learning_rate = 0.5

    x.value, y.value = images, labels
    edf.Forward(); edf.Backward(loss); edf.SGD()

`graph` holds the core (three kinds of nodes, Forward, Backward, SGD), `nodes` and `losses` the nodes, `mlp` the
multi-layer perceptron, `classifier` a whole digit net in one object.
Source: EDF slides (McAllester, TTIC 31230, Autumn 2024).
"""

from edf_course.edf.classifier import Classifier
from edf_course.edf.errors import DataError, GraphError, NotComputed, ShapeError
from edf_course.edf.graph import CompNode, Graph, Input, Parameter, as_operand, current_graph
from edf_course.edf.losses import CrossEntropy, LogLoss, SquaredError
from edf_course.edf.mlp import MLP, AffineParams, ParameterPackage, xavier
from edf_course.edf.nodes import Add, Affine, Mul, ReLU, Sigmoid, Softmax, Softplus, Tanh
from edf_course.edf.program import SGD, Backward, CompNodes, Forward, Parameters, clear, clear_compgraph, install

__all__ = [
    "MLP", "SGD", "Add", "Affine", "AffineParams", "Backward", "Classifier", "CompNode", "CompNodes", "CrossEntropy",
    "DataError", "Forward", "Graph", "GraphError", "Input", "LogLoss", "Mul", "NotComputed", "Parameter",
    "ParameterPackage", "Parameters", "ReLU", "ShapeError", "Sigmoid", "Softmax", "Softplus", "SquaredError", "Tanh",
    "as_operand", "clear", "clear_compgraph", "current_graph", "xavier",
]  # fmt: skip

learning_rate: float = 0.1  #: read by `SGD()` when it is called; the slides call it `eta`

install(__name__)

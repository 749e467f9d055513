"""EDF, the Educational Framework: deep learning in about 150 lines of NumPy, with the names of the slides.

    from edf_course import edf

    x, y = edf.Input(), edf.Input()
    Phi1, Phi2 = edf.AffineParams(64, 32), edf.AffineParams(32, 10)
    loss = edf.LogLoss(edf.Softmax(edf.Affine(Phi2, edf.Sigmoid(edf.Affine(Phi1, x)))), y)
    edf.learning_rate = 0.5

    x.value, y.value = images, labels
    edf.Forward(); edf.Backward(loss); edf.SGD()

`graph` holds the core (three kinds of nodes), `program` Forward, Backward and SGD as the slides call them, `nodes` and
`losses` the nodes, `mlp` the multi-layer perceptron, `classifier` a whole digit net in one object. Further nodes:
`shaping` (sums, reshapes, tables), `images` (convolution, pooling), `regularizing` (normalization, dropout).
Source: EDF slides (McAllester, TTIC 31230, Autumn 2024).
"""

from edf_course.edf.classifier import Classifier
from edf_course.edf.errors import DataError, GraphError, NotComputed, ShapeError
from edf_course.edf.graph import CompNode, Graph, Input, Parameter, as_operand, current_graph
from edf_course.edf.images import Conv2D, ConvParams, MaxPool
from edf_course.edf.losses import BCE, CrossEntropy, LogLoss, SquaredError
from edf_course.edf.mlp import MLP, AffineParams, ParameterPackage, xavier
from edf_course.edf.nodes import Add, Affine, Mul, ReLU, Sigmoid, Softmax, Softplus, Tanh
from edf_course.edf.program import (
    SGD,
    Backward,
    CompNodes,
    Forward,
    Parameters,
    UpdateParameters,
    clear,
    clear_compgraph,
    install,
)
from edf_course.edf.regularizing import BatchNorm, Dropout, LayerNorm, NormParams
from edf_course.edf.shaping import Concat, Embedding, Mean, Reshape, Sum

BCELoss, CrossEntropyLoss = BCE, CrossEntropy  # their names in another dialect

__all__ = [
    "BCE", "MLP", "SGD", "Add", "Affine", "AffineParams", "BCELoss", "Backward", "BatchNorm", "Classifier", "CompNode",
    "CompNodes", "Concat", "Conv2D", "ConvParams", "CrossEntropy", "CrossEntropyLoss", "DataError", "Dropout",
    "Embedding", "Forward", "Graph", "GraphError", "Input", "LayerNorm", "LogLoss", "MaxPool", "Mean", "Mul",
    "NormParams", "NotComputed", "Parameter", "ParameterPackage", "Parameters", "ReLU", "Reshape", "ShapeError",
    "Sigmoid", "Softmax", "Softplus", "SquaredError", "Sum", "Tanh", "UpdateParameters", "as_operand", "clear",
    "clear_compgraph", "current_graph", "xavier",
]  # fmt: skip

learning_rate: float = 0.1  #: read by `SGD()` when it is called; the slides call it `eta`

install(__name__)

"""The exercises on EDF: what they ask. The withheld nodes (gate, rms_norm) are stated here and written nowhere."""

from __future__ import annotations

from edf_course.exercises.statement import Example, Operand, Statement

X = Operand("x", "B n")
A, B = Operand("a", "B n"), Operand("b", "B n")
SMALL = Operand("x", "B n", low=-0.3, high=0.3)  # so small that the 1e-5 under the root of rms_norm is felt

STATEMENTS = (
    Statement(
        "edf.sigmoid",
        "Sigmoid",
        "Sigmoid(x)",
        "node",
        6,
        (X,),
        examples=(
            Example({"x": [[0.0, 1.0, -2.0]]}, [[0.5, 0.7311, 0.1192]], "sigmoid(0, 1, -2) = 0.5, 0.7311, 0.1192"),
            Example({"x": [[1000.0, -1000.0]]}, [[1.0, 0.0]], "sigmoid(1000) = 1 and sigmoid(-1000) = 0, without nan"),
        ),
    ),
    Statement(
        "edf.tanh",
        "Tanh",
        "Tanh(x)",
        "node",
        6,
        (X,),
        examples=(
            Example({"x": [[0.0, 1.0, -2.0]]}, [[0.0, 0.7616, -0.9640]], "tanh(0, 1, -2) = 0, 0.7616, -0.9640"),
            Example({"x": [[1000.0, -1000.0]]}, [[1.0, -1.0]], "tanh(1000) = 1 and tanh(-1000) = -1, without nan"),
        ),
    ),
    Statement(
        "edf.relu",
        "ReLU",
        "ReLU(x)",
        "node",
        6,
        (X,),
        away_from=0.0,
        examples=(Example({"x": [[0.0, 1.5, -2.0]]}, [[0.0, 1.5, 0.0]], "relu(0, 1.5, -2) = 0, 1.5, 0"),),
    ),
    Statement(
        "edf.softplus",
        "Softplus",
        "Softplus(x)",
        "node",
        8,
        (X,),
        examples=(
            Example(
                {"x": [[0.0, 1.0, -2.0]]}, [[0.6931, 1.3133, 0.1269]], "softplus(0, 1, -2) = 0.6931, 1.3133, 0.1269"
            ),
            Example(
                {"x": [[1000.0, -1000.0]]},
                [[1000.0, 0.0]],
                "softplus(1000) = 1000 and softplus(-1000) = 0, without inf",
            ),
        ),
    ),
    Statement(
        "edf.softmax",
        "Softmax",
        "Softmax(x)",
        "node",
        10,
        (X,),
        examples=(
            Example(
                {"x": [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]},
                [[0.3333, 0.3333, 0.3333], [0.0900, 0.2447, 0.6652]],
                "softmax(1, 2, 3) = 0.0900, 0.2447, 0.6652, each row by itself",
            ),
            Example(
                {"x": [[1000.0, 1000.0], [-1000.0, -1001.0]]},
                [[0.5, 0.5], [0.7311, 0.2689]],
                "softmax(1000, 1000) = 0.5, 0.5 and softmax(-1000, -1001) = 0.7311, 0.2689, without nan",
            ),
        ),
    ),
    Statement(
        "edf.affine",
        "Affine",
        "Affine(Phi, x)",
        "node",
        10,
        (Operand("Phi.w", "n m", "parameter"), Operand("Phi.b", "m", "parameter"), X),
        output_axes="B m",
        examples=(
            Example(
                {"Phi.w": [[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]], "Phi.b": [0.5, 0.0, 1.0], "x": [[3.0, 4.0]]},
                [[2.5, 4.0, 1.0]],
                "x = (3, 4), W = ((1, 0, 2), (0, 1, -1)), b = (0.5, 0, 1) gives y = (2.5, 4, 1)",
            ),
        ),
    ),
    Statement(
        "edf.logloss",
        "LogLoss",
        "LogLoss(q, y)",
        "node",
        8,
        (Operand("q", "B n", "probability"), Operand("y", "B", "label")),
        output_axes="B",
        examples=(
            Example(
                {"q": [[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], "y": [0, 1]},
                [0.6931, 1.6094],
                "q = (0.5, 0.25, 0.25) with label 0 gives 0.6931, q = (0.1, 0.2, 0.7) with label 1 gives 1.6094",
            ),
        ),
    ),
    Statement(
        "edf.squared_error",
        "SquaredError",
        "SquaredError(p, t)",
        "node",
        6,
        (Operand("p", "B n"), Operand("t", "B n", "target")),
        output_axes="B",
        examples=(
            Example(
                {"p": [[1.0, 2.0, 0.5]], "t": [[0.0, 4.0, 0.5]]}, [5.0], "p = (1, 2, 0.5), t = (0, 4, 0.5) gives 5"
            ),
        ),
    ),
    Statement(
        "edf.mul",
        "Mul",
        "Mul(a, b)",
        "node",
        6,
        (A, B),
        examples=(
            Example(
                {"a": [[2.0, -1.0, 0.5]], "b": [[3.0, 4.0, 2.0]]},
                [[6.0, -4.0, 1.0]],
                "(2, -1, 0.5) times (3, 4, 2) = (6, -4, 1)",
            ),
        ),
    ),
    Statement(
        "edf.add",
        "Add",
        "Add(a, b)",
        "node",
        4,
        (A, B),
        examples=(
            Example(
                {"a": [[2.0, -1.0, 0.5]], "b": [[3.0, 4.0, 2.0]]},
                [[5.0, 3.0, 2.5]],
                "(2, -1, 0.5) plus (3, 4, 2) = (5, 3, 2.5)",
            ),
        ),
    ),
    Statement(
        "edf.gate",
        "Gate",
        "Gate(a, b)",
        "node",
        8,
        (A, B),
        examples=(
            Example(
                {"a": [[2.0, -1.0, 4.0]], "b": [[0.0, 1.0, -2.0]]},
                [[1.0, -0.7311, 0.4768]],
                "a = (2, -1, 4), b = (0, 1, -2) gives (1, -0.7311, 0.4768)",
            ),
            Example(
                {"a": [[3.0, 3.0]], "b": [[1000.0, -1000.0]]},
                [[3.0, 0.0]],
                "a = (3, 3), b = (1000, -1000) gives (3, 0), without nan",
            ),
        ),
    ),
    Statement(
        "edf.rms_norm",
        "RMSNorm",
        "RMSNorm(x)",
        "node",
        10,
        (SMALL,),
        examples=(
            Example(
                {"x": [[3.0, 4.0], [-1.0, 1.0]]},
                [[0.8485, 1.1314], [-1.0, 1.0]],
                "x = (3, 4) gives (0.8485, 1.1314): its mean square is 12.5",
                digits=3,
            ),
            Example(
                {"x": [[0.003, 0.004]]},
                [[0.6325, 0.8433]],
                "x = (0.003, 0.004) gives (0.6325, 0.8433): here 0.00001 is nearly half of what is under the root",
            ),
        ),
    ),
    Statement("edf.addgrad", "addgrad", "MeanParameter(value)", "parameter", 6),
    Statement("edf.backward_pass", "Backward", "backward_pass(nodes, parameters, loss)", "backward_pass", 8),
    Statement("edf.sgd", "SGD", "sgd(parameters, learning_rate)", "sgd", 4),
    Statement("edf.mlp", "MLP", "mlp(Phi, x)", "mlp", 6),
)

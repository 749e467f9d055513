"""Step sizes: SGD, momentum, Nesterov, AdaGrad, RMSProp and Adam, and a schedule that lowers the learning rate.

One interface for everything in the course that has parameters:

    optimizer = Adam(graph.Parameters, lr=0.01)           # EDF: reads p.grad, changes p.value
    optimizer = Adam(model.parameters(), lr=0.01)         # scalar Values: reads v.grad, changes v.data
    optimizer = Adam(vals_for_learnable_params, lr=0.01)  # CGP: a dictionary from names to numbers
    optimizer.step()                                      # dictionaries and bare arrays: step(gradients)

Formulas, defaults and options are those of torch.optim. The slides' formulas differ in places; an option that is named
after the difference selects what they print, so that a lecture can compare: `minus_of_eq_33`, `take_root`,
`eps_inside_root`, `plain_mean`, `bias_correction`.
Source: Kak, slides 106-118, Eq. (31)-(40).
"""

from edf_course.optim.optimizer import Optimizer
from edf_course.optim.rules import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSProp
from edf_course.optim.schedule import StepDecay

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "Optimizer", "RMSProp", "StepDecay"]

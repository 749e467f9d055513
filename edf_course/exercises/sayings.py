"""What is said of a mistake in the exercises that are no nodes, where the usual sentence would not do."""

from __future__ import annotations

OF_ADDGRAD = {
    "zero": "Nothing arrives in self.grad: addgrad should add to it.",
    "returns": "Your addgrad returns the gradient, but nobody takes it: add it to self.grad.",
    "overwrites": "The second call wipes out the first: self.grad is overwritten (=) where it should be added to (+=).",
    "no-accumulation": "After a second call self.grad should hold the sum of both means.",
    "stale-state": "The batch size of the first call is used for all: read it from each delta.",
    "broadcast": "self.grad keeps one gradient for each example: average them over the batch, the first axis.",
    "mutates-grad": "Your addgrad changes delta, which belongs to who handed it over: make a new array instead.",
    "mutates-value": "Your addgrad changes the value; it should only add to self.grad, the step comes later.",
}

OF_BACKWARD = {
    "order-reversed": "The walk goes from the inputs to the loss, where no node has its gradient yet: go backwards.",
    "missing-node": "The walk leaves nodes out: each node of the list is to have its backward called, the first one too.",
    "mutates-grad": "The gradients of the computed nodes are gone afterwards: leave them where they are.",
    "double-count": "A node's backward is called more than once, so it hands its gradient on again: once for each node.",
    "batch-mean-twice": "Each example's loss starts with gradient 1, not 1/B: parameters do the averaging.",
    "sign": "The walk starts with loss.grad = 1, not -1: the step goes downhill later.",
    "zero": "At the end no gradient is left: clear them before the walk, not after it.",
    "topo-order": "A node's turn comes before all who read it have added their share: walk the list from its end.",
    "mutates-input": "Your function changes the parameters; it should only compute gradients, the step comes later.",
}

OF_BACKWARD_AGAIN = {
    "mutates-input": "Your function turns round the list that it is handed: walk over reversed(nodes), which leaves it be.",
}

OF_SGD = {
    "sign": "The step goes uphill: subtract the gradient, do not add it.",
    "factor-missing": "The learning rate is missing: p.value - learning_rate * p.grad.",
    "zero": "Nothing moves: the new value must be put into p.value.",
    "returns": "Your function returns something, but no parameter moves: put the new value into p.value.",
    "overwrites": "The old value is lost: subtract from it, p.value - learning_rate * p.grad.",
    "double-count": "The step is taken more than once.",
    "missing-param-grad": "Only the first parameter moves: go through all of them.",
    "mutates-grad": "Your function changes the gradients; only p.value should move.",
}

OF_MLP = {
    "squashed-output": "The last layer is squashed too; scores should come straight from Affine.",
    "no-activation": "There is no sigmoid between the layers: a stack of affine maps is one affine map.",
    "order-reversed": "The layers are in the wrong order: Phi runs from the output to the input, so Phi[0] comes last.",
    "missing-node": "A layer is left out: each package of Phi makes one.",
    "wrong-function": "Between the layers there should be Sigmoid, no other function.",
    "mutates-input": "Your function changes the list Phi: reversed(Phi), or a slice, leaves it as it was.",
    "stale-state": "The scores do not follow x: only make nodes, and leave it to Forward to compute.",
    "missing-param-grad": "Its slope does not reach Phi: let the nodes read the very packages of Phi, no copies of them.",
}

OF_DIFFERENCES = {
    "sign": "The sign is turned around.",
    "factor-extra": "There is a factor too much: f(x + h) - f(x - h) is divided by 2h.",
    "factor-missing": "A factor is missing: f(x + h) - f(x) is divided by h, and only f(x + h) - f(x - h) by 2h.",
    "coarse-step": "The step h is too coarse for the digits asked for: central differences with h = 1e-5 give ten.",
    "perturbs-all": "All entries are nudged at once; each needs a nudge of its own.",
    "forgets-restore": "An entry keeps its nudge while the next ones get theirs: put each back first, or nudge a copy.",
    "transposed": "It is transposed: a gradient has the shape of x, a Jacobian a row for each output.",
    "zero": "It is zero everywhere: put each quotient into its place.",
    "int-truncation": "Something is cut down to integers: x and the result both should hold floats.",
}

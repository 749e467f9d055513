"""The smallest inputs on which an answer goes wrong, as a cell to paste below it: `smallest` finds and writes it."""

"""Backpropagation, learned by building it: the library, the exercises and the figures of the course."""

"""Still pictures: graphs, and how a training went.

    from edf_course import draw

    draw.graph(loss)                  # an EDF graph, a Value or a CGP graph, with values and gradients
    draw.curves({"SGD": losses})      # the loss over the steps
    draw.surface(loss, {"GD": path})  # its contours over two parameters, with the paths that were taken

Each returns a Drawing: a picture with the same in words, which belongs to no window.
"""

from edf_course.draw.curve_picture import curves
from edf_course.draw.drawing import Drawing
from edf_course.draw.graph_picture import graph
from edf_course.draw.surface_picture import surface

__all__ = ["Drawing", "curves", "graph", "surface"]

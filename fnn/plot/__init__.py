"""Pictures of what the rest of the package computes. Each function draws onto the axes that it is given, and no more.

    lines    : curves, activation, tangent                       plane : decision_boundary, gradient_field, descent
    pictures : images, filters          cells : confusion, attention          networks : diagram

Each takes a matplotlib ``ax`` first and gives it back. It sets no style and opens no window, and the layout is yours:

    figure = Figure(layout="constrained")        # from matplotlib.figure; "compressed" for square pictures in a row
    fnn.plot.curves(figure.subplots(), {"adam": losses})
    figure.savefig("losses.png")
"""

try:
    import matplotlib as _matplotlib  # noqa: F401 (only to say clearly that it is missing)
except ImportError as error:
    raise ImportError('fnn.plot needs matplotlib: pip install "fnn[plot]"') from error

from fnn.plot.cells import attention, confusion
from fnn.plot.lines import activation, curves, tangent
from fnn.plot.networks import diagram
from fnn.plot.pictures import filters, images
from fnn.plot.plane import decision_boundary, descent, gradient_field

# fmt: off
__all__ = [
    "curves", "activation", "tangent",
    "decision_boundary", "gradient_field", "descent",
    "images", "filters",
    "confusion", "attention",
    "diagram",
]

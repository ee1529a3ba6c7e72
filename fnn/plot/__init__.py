"""Pictures of what the rest of the package computes; needs matplotlib and is loaded when asked for.

    picture : ax, values -> ax

Each function draws onto the matplotlib ``ax`` that it is given, and returns it. It sets no style and opens no window,
and the layout is yours:

    figure = Figure(layout="constrained")        # from matplotlib.figure; "compressed" for square pictures in a row
    fnn.plot.curves(figure.subplots(), {"adam": losses})
    figure.savefig("losses.png")

Read ``lines`` first; after it any file can be read by itself:

1. ``lines``: ``curves`` of a training, ``activation``, ``tangent``.
2. ``plane``: ``decision_boundary``, ``gradient_field``, ``descent``.
3. ``pictures``: ``images``, ``filters``.
4. ``cells``: ``confusion``, ``attention``.
5. ``networks``: ``diagram``.
6. ``intervals``: ``comparison`` of two configurations, pair by pair.
7. ``watching``: ``watched``, what each layer did over a run.
8. ``rates``: ``roc``, ``precision_recall``, ``calibration``.

``_style`` is what they share: colors, labels, legends, and the checks of what can be drawn.
"""

try:
    import matplotlib as _matplotlib  # noqa: F401 (only to say clearly that it is missing)
except ImportError as _error:
    raise ImportError('fnn.plot needs matplotlib: pip install "fnn[plot]"') from _error

from fnn.plot.cells import attention, confusion
from fnn.plot.intervals import comparison
from fnn.plot.lines import activation, curves, tangent
from fnn.plot.networks import diagram
from fnn.plot.pictures import filters, images
from fnn.plot.plane import decision_boundary, descent, gradient_field
from fnn.plot.rates import calibration, precision_recall, roc
from fnn.plot.watching import watched

# fmt: off
__all__ = [
    "curves", "activation", "tangent",
    "decision_boundary", "gradient_field", "descent",
    "images", "filters",
    "confusion", "attention",
    "diagram",
    "comparison",
    "watched",
    "roc", "precision_recall", "calibration",
]

"""What is drawn in the tests of pictures, and on what."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fnn import Key
from fnn.core.keys import normals, uniforms

BLUE, ORANGE = "#0072B2", "#D55E00"


def read_only(array):
    array.setflags(write=False)
    return array


IMAGES = read_only(uniforms(Key(2), (10, 8, 8)))
KERNELS = read_only(normals(Key(3), (3, 3, 2, 4)))
POINTS = read_only(2 * uniforms(Key(1), (40, 2)) - 1)
LABELS = read_only((POINTS[:, 0] > 0.3).astype(int))
COUNTS = read_only(np.array([[9, 1, 0], [2, 7, 1], [0, 0, 5]]))
SEQUENCE = read_only(normals(Key(4), (7, 8)))


def axes(size=(6, 4), **layout):
    return Figure(figsize=size, **layout).subplots()


def bowl(x):
    return x[0] ** 2 + 3 * x[1] ** 2


def mixed(color, strength):
    """Return a color mixed into white."""
    return 1 - strength * (1 - np.array(to_rgb(color)))

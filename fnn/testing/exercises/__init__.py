"""All exercises, by the name under which ``fnn.testing.grade`` takes a function.

Read ``exercise`` (what an exercise is), then any topic: ``activations``, ``losses``, ``layers`` (dense, recurrent),
``images`` (convolution, pooling, dropout, batch norm), ``updates`` (steps of optimizers) and ``data`` (first weights,
shuffles, batches, scores).
"""

from fnn.testing.exercises import activations, data, images, layers, losses, updates
from fnn.testing.exercises.exercise import Exercise

EXERCISES: dict[str, Exercise] = {
    name: exercise
    for module in (activations, losses, layers, images, updates, data)
    for name, exercise in module.EXERCISES.items()
}

"""All exercises, by the name under which ``fnn.testing.grade`` takes a function.

Read ``exercise`` (what an exercise is), then any topic: ``activations``, ``losses``, ``layers`` (dense, recurrent),
``images`` (convolution, pooling, dropout, batch norm), ``updates`` (steps of optimizers) and ``data`` (first weights,
shuffles, batches, scores). Their signatures are in ``tables.toml``.
"""

from fnn.testing.exercises import activations, data, images, layers, losses, updates

TOPICS = (activations, losses, layers, images, updates, data)
EXERCISES = {each.name: each for topic in TOPICS for each in topic.EXERCISES}

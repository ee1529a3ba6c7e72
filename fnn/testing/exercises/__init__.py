"""All exercises, by the name under which ``fnn.testing.grade`` takes a function."""

from fnn.testing.exercises import activations, data, images, layers, losses, updates
from fnn.testing.exercises.exercise import Exercise

EXERCISES: dict[str, Exercise] = {
    name: exercise
    for module in (activations, losses, layers, images, updates, data)
    for name, exercise in module.EXERCISES.items()
}

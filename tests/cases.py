"""What the laws are tried on: every public layer and loss, found from ``fnn.__all__``, with inputs that fit."""

import numpy as np

import fnn
from fnn import Dense, Key, Reshape, Serial, dense, mlp, serial
from fnn.initializers import normal
from fnn.keys import normals
from fnn.records import is_record

VALUES = {name: getattr(fnn, name) for name in fnn.__all__ if is_record(getattr(fnn, name))}
LOSSES = {name: value for name, value in VALUES.items() if "error" in name or "entropy" in name or name == "mse"}
ACTIVATIONS = {name: value for name, value in VALUES.items() if name not in LOSSES and name != "flatten"}


def numbers(*shape, seed=0, dtype=np.float64):
    """Random numbers, none of them near 0, where most kinks are."""
    x = normals(Key(seed, (1,)), shape)
    return (x + 0.1 * np.sign(x)).astype(dtype)


def random_dense(n_in, units, seed=0, dtype=np.float64):
    return dense(units, normal, normal)(Key(seed), np.zeros((1, n_in), dtype))


def random_network(seed):
    """Equal and distinct widths, any depth, any smooth or bent activation between."""
    choose = np.random.Generator(np.random.PCG64(seed))
    names = sorted(set(ACTIVATIONS) - {"step"})
    parts = []
    for _ in range(choose.integers(1, 4)):
        parts += [dense(int(choose.choice([1, 3, 3, 5])), normal, normal), ACTIVATIONS[str(choose.choice(names))]]
    nested = serial(serial(*parts[:2]), *parts[2:])
    return nested(Key(seed), np.zeros((1, 3)))


LAYERS = {
    **{name: (layer, (5, 3)) for name, layer in ACTIVATIONS.items()},
    **{f"{name}, one row": (layer, (1, 7)) for name, layer in ACTIVATIONS.items()},
    **{f"{name}, sequences": (layer, (2, 3, 4)) for name, layer in ACTIVATIONS.items()},
    "leaky_relu, steep": (fnn.LeakyRelu(slope=1.5), (5, 3)),
    "elu, alpha 0.3": (fnn.Elu(alpha=0.3), (5, 3)),
    "flatten": (fnn.flatten, (3, 2, 5)),
    "reshape": (Reshape((3, 2)), (4, 6)),
    "dense": (random_dense(3, 5), (7, 3)),
    "dense, one row": (random_dense(3, 5), (1, 3)),
    "dense, square": (random_dense(3, 3), (3, 3)),
    "dense, one unit": (random_dense(4, 1), (5, 4)),
    "dense, sequences": (random_dense(3, 5), (2, 4, 3)),
    "dense, ensemble": (Dense(numbers(2, 3, 5), numbers(2, 5)), (2, 4, 3)),
    "serial, empty": (Serial(()), (4, 3)),
    "serial, leading flatten": (serial(fnn.flatten, dense(2))(Key(0), np.zeros((1, 2, 3))), (4, 2, 3)),
    "serial, nothing to learn": (Serial((fnn.tanh, fnn.sigmoid)), (4, 3)),
    "mlp": (mlp(4, 3)(Key(0), np.zeros((1, 5))), (3, 5)),
    **{f"random network {seed}": (random_network(seed), (4, 3)) for seed in range(25)},
}

LABELS = np.array([0, 2, 1, 2, 0])
SOFT = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3]])
WEIGHTS = np.array([1.0, 2.0, 0.0, 0.5, 3.0])


def _loss_cases():
    for name in LOSSES:
        kinds = {"labels": LABELS, "soft": SOFT} if name == "cross_entropy" else {"": SOFT}
        for kind, target in kinds.items():
            yield f"{name} {kind}".strip(), (LOSSES[name], numbers(5, 3), target)
            yield f"{name} {kind}, weights", (LOSSES[name], numbers(5, 3), target, WEIGHTS)
            yield f"{name} {kind}, one row", (LOSSES[name], numbers(1, 3), target[1:2])
            sequences = LOSSES[name], numbers(5, 2, 3), np.stack([target, target], 1)
            yield f"{name} {kind}, sequences", sequences
            if target.ndim == 1:
                yield f"{name} {kind}, sequences, weights", (*sequences, WEIGHTS)
        if name != "cross_entropy":
            yield f"{name}, one axis", (LOSSES[name], numbers(5), SOFT[:, 0])


LOSS_CASES = dict(_loss_cases())

"""fnn: neural networks from scratch on NumPy, as immutable values and pure functions.

Six concepts: record, tree, key, vjp, transform, stream. To read the package, follow the imports:

    errors, arrays, records, structure, layout, tree, keys, core, initializers, special, layers/, compose, modes,
    losses, metrics, optim, data/, train, streams, check, describe
"""

from fnn import data, initializers, metrics, tree
from fnn.check import check_vjp
from fnn.compose import Serial, mlp, serial
from fnn.core import forward, grad, value_and_grad, vjp
from fnn.describe import summary
from fnn.errors import FormatError
from fnn.keys import Key, fold_in, split
from fnn.layers.activations import (
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    LogSoftmax,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Step,
    Tanh,
    elu,
    gelu,
    identity,
    leaky_relu,
    log_softmax,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    step,
    tanh,
)
from fnn.layers.dense import Dense, dense
from fnn.layers.shape import Flatten, Reshape, flatten, reshape
from fnn.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    MeanSquaredError,
    SumSquaredError,
    binary_cross_entropy,
    cross_entropy,
    mse,
    sum_squared_error,
)
from fnn.modes import inference
from fnn.optim import Transform, adam, chain, clip_by_global_norm, descend, scale_by_adam, sgd, trace, update
from fnn.records import record
from fnn.streams import tap, until
from fnn.train import Diverged, State, fit, start, states, train_step

__version__ = "0.1.0"

# fmt: off
__all__ = [
    # record: a frozen value that can be called
    "record",
    "Dense", "dense",
    "Identity", "Step", "Sigmoid", "Tanh", "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus", "Softmax",
    "LogSoftmax",
    "identity", "step", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softmax",
    "log_softmax",
    "Flatten", "Reshape", "flatten", "reshape",
    "Serial", "serial", "mlp",
    "inference", "summary", "initializers",
    # tree: records and tuples of arrays as one thing
    "tree",
    # key: a seed with an address
    "Key", "fold_in", "split",
    # vjp: evaluate, and remember how to pull a gradient back
    "vjp", "forward", "grad", "value_and_grad", "check_vjp",
    "MeanSquaredError", "SumSquaredError", "CrossEntropy", "BinaryCrossEntropy",
    "mse", "sum_squared_error", "cross_entropy", "binary_cross_entropy",
    # transform: one step of an optimizer
    "Transform", "chain", "trace", "scale_by_adam", "clip_by_global_norm", "descend", "sgd", "adam", "update",
    # stream: training as a lazy stream of states
    "State", "start", "train_step", "states", "fit", "Diverged", "tap", "until",
    # around it
    "data", "metrics", "FormatError",
]

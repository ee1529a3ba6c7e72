"""fnn: neural networks from scratch on NumPy, as immutable values and pure functions.

Six concepts: record, tree, key, vjp, transform, stream. To read the package, follow the imports:

    errors, arrays, records, structure, layout, tree, keys, core, initializers, special, layers/, compose, branches,
    modes, directions, transformer, sequences, losses/, schedules, transforms, optim, data/, metrics/, train,
    safetensors, durable, environment, catalogue, forms, checkpoint, streams, reports, experiments, causes, check,
    numeric, describe, findings, diagnosis, allocator; and, only where they are asked for, testing/ and plot/
"""

from fnn import data, initializers, metrics, schedules, tree
from fnn.train.allocator import keep_freed_memory as _keep_freed_memory
from fnn.networks.branches import Add, Concatenate, Parallel, Pick, Residual, add, concatenate, parallel, pick, residual
from fnn.diagnostics.check import check_vjp
from fnn.checkpoint.files import load, save
from fnn.networks.mlp import mlp
from fnn.networks.serial import Serial, serial
from fnn.core.grad import grad, value_and_grad
from fnn.core.vjp import forward, vjp
from fnn.diagnostics.summary import summary
from fnn.diagnostics.diagnose import diagnose
from fnn.networks.bidirectional import Bidirectional, bidirectional
from fnn.core._errors import FormatError
from fnn.train.experiments import Summary, Trial, repeat, summarise, sweep
from fnn.core.keys import Key, fold_in, split
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
from fnn.layers.attention import Attention, attention
from fnn.layers.conv import Conv, conv
from fnn.layers.dense import Dense, dense
from fnn.layers.dropout import Dropout, dropout
from fnn.layers.embedding import Embedding, embedding
from fnn.layers.norm import BatchNorm, LayerNorm, Scale, batch_norm, layer_norm
from fnn.layers.pool import AvgPool, GlobalAvgPool, MaxPool, avg_pool, global_avg_pool, max_pool
from fnn.layers.positional import Positional, Sinusoidal, positional
from fnn.layers.recurrent import Gru, Lstm, Rnn, gru, lstm, rnn
from fnn.layers.shape import Flatten, Reshape, flatten, reshape
from fnn.layers._sequences import LastStep, last_step
from fnn.losses import (
    L1,
    L2,
    BinaryCrossEntropy,
    Combined,
    CrossEntropy,
    Hinge,
    Huber,
    KLDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
    Penalised,
    SumSquaredError,
    binary_cross_entropy,
    combined,
    cross_entropy,
    hinge,
    huber,
    kl_divergence,
    l1,
    l2,
    mae,
    mse,
    penalised,
    sum_squared_error,
)
from fnn.networks.inference import inference
from fnn.diagnostics.numeric import derivative, gradient, gradient_field, tangent
from fnn.optim.optimizers import adagrad, adam, adamw, rmsprop, sgd
from fnn.optim.rules import clip, clip_by_global_norm, decay, descend, scale_by_adagrad, scale_by_adam, scale_by_rms, trace
from fnn.core.record import Record
from fnn.train.progress import progress
from fnn.networks.decoding import advance
from fnn.checkpoint.checkpointed import checkpointed
from fnn.train.streams import averaged, history, patient, tap, until
from fnn.train.step import Diverged, State, fit, start, states, train_step
from fnn.networks.transformer import transformer_block
from fnn.optim.transform import Transform, chain, update
from fnn.optim.wrappers import accumulate_gradients, freeze

__version__ = "0.1.0"

_keep_freed_memory()


def __getattr__(name: str):
    """Load ``fnn.plot``, which needs matplotlib, and ``fnn.testing`` when somebody first asks for them."""
    if name == "plot":
        import fnn.plot as module
    elif name == "testing":
        import fnn.testing as module
    else:
        raise AttributeError(f"module 'fnn' has no attribute {name!r}")
    return module


# fmt: off

__all__ = [
    # record: a frozen value that can be called
    "record",
    "Dense", "dense", "Dropout", "dropout", "Embedding", "embedding",
    "BatchNorm", "batch_norm", "LayerNorm", "layer_norm", "Scale",
    "Identity", "Step", "Sigmoid", "Tanh", "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus", "Softmax",
    "LogSoftmax",
    "identity", "step", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softmax",
    "log_softmax",
    "Flatten", "Reshape", "flatten", "reshape",
    "Conv", "conv", "MaxPool", "max_pool", "AvgPool", "avg_pool", "GlobalAvgPool", "global_avg_pool",
    "Rnn", "rnn", "Gru", "gru", "Lstm", "lstm", "Bidirectional", "bidirectional", "LastStep", "last_step", "advance",
    "Attention", "attention", "Sinusoidal", "Positional", "positional", "transformer_block",
    "Serial", "serial", "mlp",
    "Parallel", "parallel", "Pick", "pick", "Concatenate", "concatenate", "Add", "add", "Residual", "residual",
    "inference", "summary", "initializers",
    # tree: records and tuples of arrays as one thing
    "tree",
    # key: a seed with an address
    "Key", "fold_in", "split",
    # vjp: evaluate, and remember how to pull a gradient back
    "vjp", "forward", "grad", "value_and_grad", "check_vjp",
    "MeanSquaredError", "SumSquaredError", "MeanAbsoluteError", "Huber", "CrossEntropy", "BinaryCrossEntropy",
    "KLDivergence", "Hinge",
    "mse", "sum_squared_error", "mae", "huber", "cross_entropy", "binary_cross_entropy", "kl_divergence", "hinge",
    "L1", "l1", "L2", "l2", "Penalised", "penalised", "Combined", "combined",
    "derivative", "gradient", "tangent", "gradient_field",
    # transform: one step of an optimizer
    "Transform", "chain", "freeze", "accumulate_gradients", "update",
    "trace", "scale_by_adam", "scale_by_rms", "scale_by_adagrad", "clip", "clip_by_global_norm", "decay", "descend",
    "sgd", "adagrad", "rmsprop", "adam", "adamw", "schedules",
    # stream: training as a lazy stream of states
    "State", "start", "train_step", "states", "fit", "Diverged",
    "tap", "until", "patient", "averaged", "progress", "history", "checkpointed", "save", "load", "diagnose",
    "repeat", "sweep", "Trial", "summarise", "Summary",
    # around it
    "data", "metrics", "FormatError",
]

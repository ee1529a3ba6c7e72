"""fnn: neural networks from scratch on NumPy, as immutable values and pure functions.

Six concepts: record, tree, key, vjp, transform, stream. Each is a room or a file of one, and imports run one way:

    core <- layers, optim, data <- networks <- losses <- metrics <- train <- checkpoint, diagnostics
         <- interop, plot, programs <- testing

Each room's ``__init__`` says what is in it and in which order to read it. Start with ``fnn/core``.
"""

from types import ModuleType as _ModuleType

from fnn import data, metrics
from fnn.checkpoint.checkpointed import checkpointed
from fnn.checkpoint.files import load, save
from fnn.core import tree
from fnn.core._errors import FormatError
from fnn.core.grad import grad, value_and_grad
from fnn.core.keys import Key, fold_in, split
from fnn.core.record import Record
from fnn.core.vjp import forward, vjp
from fnn.diagnostics import numeric
from fnn.diagnostics.check import check_vjp
from fnn.diagnostics.diagnose import diagnose
from fnn.diagnostics.input_gradient import input_gradient
from fnn.diagnostics.summary import summary
from fnn.diagnostics.watch import watch
from fnn.layers import initializers
from fnn.layers.activations import (
    Heaviside,
    Identity,
    LeakyRelu,
    Relu,
    Sigmoid,
    Tanh,
    heaviside,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    tanh,
)
from fnn.layers.attention import Attention, attention
from fnn.layers.conv import Conv, conv
from fnn.layers.conv_transpose import ConvTranspose, conv_transpose
from fnn.layers.dense import Dense, dense
from fnn.layers.dot_product import DotProductAttention, dot_product_attention
from fnn.layers.dropout import Dropout, dropout
from fnn.layers.embedding import Embedding, embedding
from fnn.layers.gated import Glu, SwiGlu, glu, swiglu
from fnn.layers.global_pool import GlobalAvgPool, GlobalMaxPool, global_avg_pool, global_max_pool
from fnn.layers.group_norm import GroupNorm, group_norm, instance_norm
from fnn.layers.gru import Gru, gru
from fnn.layers.hard import HardSigmoid, HardSwish, HardTanh, hard_sigmoid, hard_swish, hard_tanh, relu6
from fnn.layers.layer_norm import LayerNorm, RMSNorm, layer_norm, rms_norm
from fnn.layers.lstm import Lstm, lstm
from fnn.layers.margins import Crop, Pad, crop, pad
from fnn.layers.noise import GaussianNoise, gaussian_noise
from fnn.layers.norm import BatchNorm, Scale, batch_norm
from fnn.layers.pool import AvgPool, MaxPool, avg_pool, max_pool
from fnn.layers.positional import Positional, Sinusoidal, positional
from fnn.layers.prelu import PRelu, prelu
from fnn.layers.recurrent import LastStep, Rnn, last_step, rnn
from fnn.layers.response import LocalResponseNorm, local_response_norm
from fnn.layers.rotary import Rotary, rotary
from fnn.layers.shape import Flatten, Permute, Reshape, flatten, permute, reshape
from fnn.layers.smooth import (
    Elu,
    Gelu,
    Mish,
    Selu,
    Silu,
    Softplus,
    Softsign,
    elu,
    gelu,
    mish,
    selu,
    silu,
    softplus,
    softsign,
)
from fnn.layers.softmax import LogSoftmax, Softmax, log_softmax, softmax
from fnn.layers.upsample import Upsample, upsample
from fnn.losses import _members as _members  # which tells value_and_grad of ensembles
from fnn.losses.binary import BinaryCrossEntropy, Hinge, binary_cross_entropy, hinge
from fnn.losses.classification import CrossEntropy, cross_entropy
from fnn.losses.divergence import KLDivergence, kl_divergence
from fnn.losses.focal import BinaryFocal, Focal, binary_focal, focal
from fnn.losses.likelihood import NLL, GaussianNLL, PoissonNLL, gaussian_nll, nll, poisson_nll
from fnn.losses.multitask import Combined, combined
from fnn.losses.regression import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    SumSquaredError,
    huber,
    log_cosh,
    mae,
    mse,
    sum_squared_error,
)
from fnn.losses.regularization import L1, L2, Regularized, l1, l2, regularized
from fnn.losses.rows import Rows, rows
from fnn.losses.similarity import CosineDistance, Triplet, cosine_distance, triplet
from fnn.networks.bidirectional import Bidirectional, bidirectional
from fnn.networks.branches import Parallel, Pick, Residual, parallel, pick, residual
from fnn.networks.decoding import advance
from fnn.networks.ensemble import Ensemble, ensemble, members, replicate
from fnn.networks.graph import Graph, Node, subgraph
from fnn.networks.inference import inference
from fnn.networks.joins import Add, Concatenate, Multiply, add, concatenate, multiply
from fnn.networks.mlp import mlp
from fnn.networks.separable import separable_conv
from fnn.networks.serial import Serial, serial
from fnn.networks.transformer import decoder_block, transformer_block
from fnn.optim import schedules
from fnn.optim.adaptive import (
    scale_by_adadelta,
    scale_by_adagrad,
    scale_by_adamax,
    scale_by_lion,
    scale_by_nadam,
    scale_by_rms,
)
from fnn.optim.masked import masked
from fnn.optim.optimizers import adadelta, adagrad, adam, adamax, adamw, lion, nadam, rmsprop, sgd
from fnn.optim.rules import clip, clip_by_global_norm, descend, scale_by_adam, trace, weight_decay
from fnn.optim.transform import Transform, chain, update
from fnn.optim.wrappers import accumulate_gradients, freeze
from fnn.train.allocator import keep_freed_memory
from fnn.train.best import best
from fnn.train.comparison import Comparison, compare
from fnn.train.experiments import Trial, repeat, sweep
from fnn.train.logs import logged
from fnn.train.minimize import Minimum, minimize
from fnn.train.plateau import plateau
from fnn.train.processes import processes
from fnn.train.progress import progress
from fnn.train.run import fit, restart, states
from fnn.train.sharded import Sharded, sharded
from fnn.train.state import Diverged, State, start
from fnn.train.step import differentiated, finite, train_step, updated
from fnn.train.streams import early_stopping, ema, history, tap, time_limit, until
from fnn.train.summaries import Summary, summarize
from fnn.train.threads import threads
from fnn.train.together import together

__version__ = "0.2.0"


def __getattr__(name: str) -> _ModuleType:
    """Load ``fnn.plot``, which needs matplotlib, ``fnn.interop`` and ``fnn.testing`` when somebody asks for them."""
    if name == "plot":
        import fnn.plot as module
    elif name == "interop":
        import fnn.interop as module
    elif name == "testing":
        import fnn.testing as module
    else:
        raise AttributeError(f"module 'fnn' has no attribute {name!r}")
    return module


# fmt: off

__all__ = [
    # record: a frozen value that can be called
    "Record",
    "Dense", "dense", "Dropout", "dropout", "Embedding", "embedding",
    "BatchNorm", "batch_norm", "LayerNorm", "layer_norm", "RMSNorm", "rms_norm",
    "GroupNorm", "group_norm", "instance_norm", "Scale",
    "LocalResponseNorm", "local_response_norm",
    "Identity", "Heaviside", "Sigmoid", "Tanh", "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus",
    "Mish", "Softsign", "Softmax", "LogSoftmax", "HardTanh", "HardSigmoid", "HardSwish", "Glu", "SwiGlu", "PRelu",
    "identity", "heaviside", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
    "mish", "softsign", "softmax", "log_softmax", "hard_tanh", "relu6", "hard_sigmoid", "hard_swish", "glu", "swiglu",
    "prelu",
    "Flatten", "Reshape", "Permute", "flatten", "reshape", "permute",
    "Conv", "conv", "ConvTranspose", "conv_transpose", "separable_conv",
    "Upsample", "upsample", "Pad", "pad", "Crop", "crop", "GaussianNoise", "gaussian_noise",
    "MaxPool", "max_pool", "AvgPool", "avg_pool", "GlobalAvgPool", "global_avg_pool",
    "GlobalMaxPool", "global_max_pool",
    "Rnn", "rnn", "Gru", "gru", "Lstm", "lstm", "Bidirectional", "bidirectional", "LastStep", "last_step", "advance",
    "Attention", "attention", "DotProductAttention", "dot_product_attention",
    "Sinusoidal", "Positional", "positional", "Rotary", "rotary", "transformer_block",
    "decoder_block",
    "Serial", "serial", "mlp",
    "Parallel", "parallel", "Pick", "pick", "Concatenate", "concatenate", "Add", "add", "Multiply", "multiply",
    "Residual", "residual",
    "Ensemble", "ensemble", "members", "replicate",
    "Graph", "Node", "subgraph",
    "inference", "summary", "initializers",
    # tree: records and tuples of arrays as one thing
    "tree",
    # key: a seed with an address
    "Key", "fold_in", "split",
    # vjp: evaluate, and remember how to pull a gradient back
    "vjp", "forward", "grad", "value_and_grad", "input_gradient", "check_vjp", "numeric",
    "MeanSquaredError", "SumSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "CrossEntropy",
    "BinaryCrossEntropy", "KLDivergence", "Hinge", "NLL", "PoissonNLL", "GaussianNLL", "Focal",
    "BinaryFocal", "CosineDistance", "Triplet",
    "mse", "sum_squared_error", "mae", "huber", "log_cosh", "cross_entropy", "binary_cross_entropy", "kl_divergence",
    "hinge", "nll", "poisson_nll", "gaussian_nll", "focal", "binary_focal", "cosine_distance", "triplet",
    "Rows", "rows",
    "L1", "l1", "L2", "l2", "Regularized", "regularized", "Combined", "combined",
    # transform: one step of an optimizer
    "Transform", "chain", "masked", "freeze", "accumulate_gradients", "update",
    "trace", "scale_by_adam", "scale_by_rms", "scale_by_adagrad", "clip", "clip_by_global_norm", "weight_decay",
    "descend", "scale_by_nadam", "scale_by_adamax", "scale_by_adadelta", "scale_by_lion",
    "sgd", "adagrad", "rmsprop", "adam", "adamw", "nadam", "adamax", "adadelta", "lion", "schedules",
    # stream: training as a lazy stream of states
    "Minimum", "minimize",
    "State", "start", "restart", "train_step", "differentiated", "finite", "updated", "states", "fit", "Diverged",
    "tap", "until", "time_limit", "early_stopping", "best", "plateau", "ema", "progress", "logged", "history",
    "checkpointed", "save", "load", "diagnose", "watch",
    "Sharded", "sharded", "threads", "processes",
    "repeat", "sweep", "together", "Trial", "summarize", "Summary", "compare", "Comparison",
    # around it
    "data", "metrics", "FormatError", "keep_freed_memory",
]

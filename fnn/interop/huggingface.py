"""A pretrained language model, read from its folder as it lies on the Hugging Face Hub, in NumPy alone.

    bert             : folder -> params     ids (n, time), or (ids, lengths) -> a vector for each token (n, time, d)
    sentence_encoder : folder -> params     ids (n, time), or (ids, lengths) -> a vector for each row   (n, d)
    embed            : params, rows of ids -> a vector for each row, in batches of rows about as long

A folder holds ``config.json`` and ``model.safetensors``. What comes of it is a network of the usual records, which can
be looked at, cut, trained and saved. What splits a text into tokens, and these into ids, is the ``tokenizers`` package,
with the folder's ``tokenizer.json``.

The encoder is that of BERT (Devlin et al., 2018): the embedding of each token, plus one of its position and one of its
segment, normalized; then blocks in which the norm comes last, z = norm(x + attention(x)), y = norm(z + feed(z)).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fnn.checkpoint.safetensors import unpack
from fnn.core._arrays import read_only
from fnn.core._errors import FormatError, MissingFile, describe, file_path, number
from fnn.interop._embedding import embed
from fnn.interop._weights import filled
from fnn.layers.activations import relu, tanh
from fnn.layers.attention import Attention
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.global_pool import global_avg_pool
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.positional import Positional
from fnn.layers.smooth import Gelu, gelu, silu
from fnn.networks.branches import Parallel, Pick, Residual
from fnn.networks.joins import Add
from fnn.networks.serial import Serial

__all__ = ["bert", "embed", "sentence_encoder"]

ACTIVATIONS: dict[str, Any] = {
    "gelu": gelu, "gelu_new": Gelu("tanh"), "gelu_pytorch_tanh": Gelu("tanh"), "relu": relu, "silu": silu,
    "swish": silu, "tanh": tanh,
}  # fmt: skip
# Families with the layers of BERT, and the position of a row's first token.
FIRST_POSITION = {"bert": 0, "roberta": 2, "xlm-roberta": 2, "camembert": 2}
# What stands beside the encoder: the heads of its training, and numbers that follow from the config.
BESIDE = ("pooler.", "cls.", "classifier.", "qa_outputs.", "lm_head.", "embeddings.position_ids")
SIZES = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings", "type_vocab_size",
)  # fmt: skip
NOTHING = np.zeros(0)  # stands for the parameters of a layer that is about to be filled


def bert(
    folder: str | os.PathLike[str], token_types: bool = False, dropout: float = 0.0, dtype: Any = np.float32
) -> Any:
    """Read the encoder of a BERT: a ``Serial`` of embeddings, positions and a norm, and then of its blocks.

    The network returns a vector for each token, the last hidden state. A batch of rows that are not equally long is
    the pair (ids, lengths), and gives what each row gives alone. Families: bert, roberta, xlm-roberta and camembert.

    Args:
        folder: where ``config.json`` and ``model.safetensors`` are; nothing outside of it is read.
        token_types: whether the network takes (ids, types), each of them perhaps with lengths, instead of ids whose
            type is 0.
        dropout: the rate of ``Dropout`` layers behind the embeddings and each half of a block, to train further with.
        dtype: of the parameters, whatever the file has.

    Raises ``FileNotFoundError`` for a folder that lacks a file, ``FormatError`` for a model of another family, a
    setting or an array that this encoder does not have, and for damaged files.
    """
    folder, rate = file_path("bert", folder), number("bert: dropout", dropout, below=1)
    config = _config(folder)
    first = FIRST_POSITION[config["model_type"]]
    state = _Arrays(folder / "model.safetensors", dtype)
    drop = (Dropout(rate),) if rate else ()
    width, epsilon = config["hidden_size"], config["layer_norm_eps"]
    norm = LayerNorm(NOTHING, NOTHING, epsilon)
    types = state.table("embeddings.token_type_embeddings", config["type_vocab_size"], width)
    words = Embedding(state.table("embeddings.word_embeddings", config["vocab_size"], width))
    places = state.table("embeddings.position_embeddings", config["max_position_embeddings"], width)[first:]
    if token_types:
        both = Parallel((Serial((Pick(0), words)), Serial((Pick(1), Embedding(types)))))
        begin = both, Add(), Positional(read_only(places))
    else:  # the embedding of type 0 is added at every position, and so it may as well be a part of that of the position
        begin = words, Positional(read_only(places + types[0]))
    layers = [*begin, state.layer(norm, "embeddings.LayerNorm", weight=(width,), bias=(width,)), *drop]
    for place in range(config["num_hidden_layers"]):
        layers += _block(state, f"encoder.layer.{place}", config, drop)
    state.require_all_read()
    return Serial(tuple(layers))


def sentence_encoder(folder: str | os.PathLike[str], dtype: Any = np.float32) -> Any:
    """Read an encoder of sentences, as the ``sentence-transformers`` library keeps it: one vector for each row.

    It is ``Serial((bert, mean over the tokens, norm))``, the last of which makes vectors of length 1, if the model has
    it: the similarity of two sentences is then the product of their vectors.

    Args:
        folder: as in ``bert``, with ``modules.json`` and the configuration of the pooling.
        dtype: of the parameters, whatever the file has.

    Raises ``FileNotFoundError`` and ``FormatError`` as ``bert`` does, and for another pooling than the mean.
    """
    folder = file_path("sentence_encoder", folder)
    modules = _json(folder / "modules.json", list)
    kinds = [str(each.get("type", "")).rpartition(".")[2] if isinstance(each, dict) else "" for each in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise FormatError(f"{folder / 'modules.json'}: expected Transformer, Pooling and Normalize, found {kinds}")
    pooling = _json(folder / "1_Pooling" / "config.json", dict)
    modes = sorted(name for name, value in pooling.items() if name.startswith("pooling_mode") and value is True)
    if modes != ["pooling_mode_mean_tokens"]:
        raise FormatError(f"{folder}: expected the pooling pooling_mode_mean_tokens alone, found {', '.join(modes)}")
    encoder = bert(folder, dtype=dtype)
    width = encoder.layers[0].weight.shape[1]
    # x over its root mean square, over the root of their number, is x over its length.
    norm = RMSNorm(read_only(np.full(width, width**-0.5, dtype)), 1e-12)
    return Serial((encoder, global_avg_pool, *((norm,) if "Normalize" in kinds else ())))


def _block(state: _Arrays, path: str, config: Mapping[str, Any], drop: tuple[Any, ...]) -> list[Any]:
    """Return the layers of a block: each half is a residual, and then its norm."""
    width, hidden, epsilon = config["hidden_size"], config["intermediate_size"], config["layer_norm_eps"]
    dense = partial(state.layer, Dense(NOTHING, NOTHING))
    norm = partial(state.layer, LayerNorm(NOTHING, NOTHING, epsilon), weight=(width,), bias=(width,))
    feed = (
        dense(f"{path}.intermediate.dense", weight=(hidden, width), bias=(hidden,)),
        ACTIVATIONS[config["hidden_act"]],
        dense(f"{path}.output.dense", weight=(width, hidden), bias=(width,)),
    )
    attend = state.attention(f"{path}.attention", width, config["num_attention_heads"])
    return [
        Residual(Serial((attend, *drop)) if drop else attend),
        norm(f"{path}.attention.output.LayerNorm"),
        Residual(Serial((*feed, *drop))),
        norm(f"{path}.output.LayerNorm"),
    ]


class _Arrays:
    """The arrays of a file, each of which is asked for once, by its name and with the shape that the config says."""

    def __init__(self, path: Path, dtype: Any):
        if not path.exists():
            raise MissingFile(f"bert: there is no {path}{_instead(path.parent)}")
        self.where, self.dtype = str(path), np.dtype(dtype)
        if self.dtype.kind != "f":
            raise TypeError(f"bert: dtype must be one of floats, got {describe(dtype)}")
        arrays, _ = unpack(path.read_bytes(), self.where)
        ending = "embeddings.word_embeddings.weight"
        prefix = next((name.removesuffix(ending) for name in arrays if name.endswith(ending)), "")
        # Older files call the parameters of a norm gamma and beta.
        names = {
            name: name.removeprefix(prefix).replace(".gamma", ".weight").replace(".beta", ".bias") for name in arrays
        }
        self.left = {names[name]: array for name, array in arrays.items()}

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in self.left:
            raise FormatError(f"{self.where}: expected an array {name!r} {shape}, found none")
        array = self.left.pop(name)
        if array.shape != shape or array.dtype.kind != "f":
            raise FormatError(f"{self.where}: entry {name!r}: expected floats {shape}, found {describe(array)}")
        return array.astype(self.dtype, copy=False)

    def table(self, path: str, rows: int, width: int) -> np.ndarray:
        return read_only(self.take(f"{path}.weight", (rows, width)))

    def layer(self, like: Any, path: str, **shapes: tuple[int, ...]) -> Any:
        return filled(like, {name: self.take(f"{path}.{name}", shape) for name, shape in shapes.items()})

    def attention(self, path: str, width: int, heads: int) -> Attention:
        parts = ("self.query", "self.key", "self.value", "output.dense")
        weights = [self.take(f"{path}.{part}.weight", (width, width)) for part in parts]
        biases = [self.take(f"{path}.{part}.bias", (width,)) for part in parts]
        state = {"in_proj_weight": np.concatenate(weights[:3]), "in_proj_bias": np.concatenate(biases[:3])}
        out = {"out_proj.weight": weights[3], "out_proj.bias": biases[3]}
        return filled(Attention(NOTHING, NOTHING, NOTHING, NOTHING, heads), state | out)

    def require_all_read(self) -> None:
        others = sorted(name for name in self.left if not name.startswith(BESIDE))
        if others:
            names = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
            raise FormatError(f"{self.where}: holds what the encoder of a BERT does not have: {names}")


def _config(folder: Path) -> dict[str, Any]:
    """Return what a config says of an encoder, each value checked."""
    path = folder / "config.json"
    config = _json(path, dict)
    family = config.get("model_type")
    if family not in FIRST_POSITION:
        raise FormatError(f"{path}: expected a model_type out of {', '.join(FIRST_POSITION)}, found {describe(family)}")
    missing = [name for name in SIZES if name not in config]
    if missing:
        raise FormatError(f"{path}: lacks {', '.join(missing)}")
    for name in SIZES:
        if type(config[name]) is not int or not 1 <= config[name] < 2**31:
            raise FormatError(f"{path}: {name}: expected an integer from 1, found {describe(config[name])}")
    if config["hidden_size"] % config["num_attention_heads"]:
        heads = f"{config['num_attention_heads']} heads"
        raise FormatError(f"{path}: hidden_size: expected a multiple of {heads}, found {config['hidden_size']}")
    epsilon = config.setdefault("layer_norm_eps", 1e-12)
    if type(epsilon) is not float or not 0 < epsilon < 1:
        raise FormatError(f"{path}: layer_norm_eps: expected a number above 0, found {describe(epsilon)}")
    if config.setdefault("hidden_act", "gelu") not in list(ACTIVATIONS):
        names = ", ".join(ACTIVATIONS)
        raise FormatError(f"{path}: hidden_act: expected one of {names}, found {describe(config['hidden_act'])}")
    for name, usual in (("position_embedding_type", "absolute"), ("is_decoder", False)):
        if config.get(name, usual) not in (usual, None):
            raise FormatError(f"{path}: {name}: expected {usual!r}, found {describe(config[name])}")
    return config


def _json(path: Path, kind: type) -> Any:
    if not path.exists():
        raise MissingFile(f"bert: there is no {path}{_instead(path.parent) if path.name == 'config.json' else ''}")
    try:
        found = json.loads(path.read_bytes().decode())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: expected JSON in UTF-8, found what is none ({error})") from None
    if not isinstance(found, kind):
        raise FormatError(f"{path}: expected a JSON {'object' if kind is dict else 'list'}, found another value")
    return found


def _instead(folder: Path) -> str:
    """Return the end of a message: what a folder holds that might have been meant, and what to do with it."""
    if not folder.is_dir():
        return f": there is no folder {folder}"
    if (folder / "model.safetensors.index.json").exists():
        return ", but parts of one; join them: safetensors.numpy.load_file each, and save_file all arrays together"
    if (folder / "pytorch_model.bin").exists():
        return (
            ", but pytorch_model.bin, a pickle, which can run any code when it is read. Where you trust it, convert it "
            'once: safetensors.torch.save_file(torch.load("pytorch_model.bin", weights_only=True), "model.safetensors")'
        )
    return "; a model's folder on the Hugging Face Hub has it"

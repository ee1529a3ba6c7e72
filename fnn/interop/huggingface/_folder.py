"""What a model's folder says of an encoder: its config, each value checked, and its arrays, each asked for once.

config_in : folder -> settings by name     Arrays  : arrays.take(name, shape), arrays.layer(like, path, name=shape, ...)
json_in   : path, kind -> its value
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fnn.checkpoint.safetensors import unpack
from fnn.core._arrays import read_only
from fnn.core._errors import FormatError, MissingFile, describe
from fnn.interop._weights import filled
from fnn.layers.activations import relu, tanh
from fnn.layers.attention import Attention
from fnn.layers.smooth import Gelu, gelu, silu

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


class Arrays:
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


def config_in(folder: Path) -> dict[str, Any]:
    """Return what a config says of an encoder, each value checked."""
    path = folder / "config.json"
    config = json_in(path, dict)
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


def json_in(path: Path, kind: type) -> Any:
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

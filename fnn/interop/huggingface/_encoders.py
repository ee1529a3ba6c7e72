"""The encoder of a BERT, and one of sentences, as networks of the usual records.

    bert             : folder -> params          sentence_encoder : folder -> params

The encoder is that of BERT (Devlin et al., 2018): the embedding of each token, plus one of its position and one of its
segment, normalized; then blocks in which the norm comes last, z = norm(x + attention(x)), y = norm(z + feed(z)).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from fnn.core._arrays import read_only
from fnn.core._errors import FormatError, file_path, number
from fnn.interop.huggingface._folder import ACTIVATIONS, FIRST_POSITION, NOTHING, Arrays, config_in, json_in
from fnn.layers.dense import Dense
from fnn.layers.dropout import Dropout
from fnn.layers.embedding import Embedding
from fnn.layers.global_pool import global_avg_pool
from fnn.layers.layer_norm import LayerNorm, RMSNorm
from fnn.layers.positional import Positional
from fnn.networks.branches import Parallel, Pick, Residual
from fnn.networks.joins import Add
from fnn.networks.serial import Serial


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
    config = config_in(folder)
    first = FIRST_POSITION[config["model_type"]]
    state = Arrays(folder / "model.safetensors", dtype)
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
    modules = json_in(folder / "modules.json", list)
    kinds = [str(each.get("type", "")).rpartition(".")[2] if isinstance(each, dict) else "" for each in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise FormatError(f"{folder / 'modules.json'}: expected Transformer, Pooling and Normalize, found {kinds}")
    pooling = json_in(folder / "1_Pooling" / "config.json", dict)
    modes = sorted(name for name, value in pooling.items() if name.startswith("pooling_mode") and value is True)
    if modes != ["pooling_mode_mean_tokens"]:
        raise FormatError(f"{folder}: expected the pooling pooling_mode_mean_tokens alone, found {', '.join(modes)}")
    encoder = bert(folder, dtype=dtype)
    width = encoder.layers[0].weight.shape[1]
    # x over its root mean square, over the root of their number, is x over its length.
    norm = RMSNorm(read_only(np.full(width, width**-0.5, dtype)), 1e-12)
    return Serial((encoder, global_avg_pool, *((norm,) if "Normalize" in kinds else ())))


def _block(state: Arrays, path: str, config: Mapping[str, Any], drop: tuple[Any, ...]) -> list[Any]:
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

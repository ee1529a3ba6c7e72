"""A pretrained language model, read from its folder as it lies on the Hugging Face Hub, in NumPy alone.

    bert             : folder -> params     ids (n, time), or (ids, lengths) -> a vector for each token (n, time, d)
    sentence_encoder : folder -> params     ids (n, time), or (ids, lengths) -> a vector for each row   (n, d)
    embed            : params, rows of ids -> a vector for each row, in batches of rows about as long

A folder holds ``config.json`` and ``model.safetensors``. What comes of it is a network of the usual records, which can
be looked at, cut, trained and saved. What splits a text into tokens, and these into ids, is the ``tokenizers`` package,
with the folder's ``tokenizer.json``.

``_encoders`` has the first two, ``_folder`` what they read and how it is checked, and ``_embedding`` the last.
"""

from fnn.interop.huggingface._embedding import embed
from fnn.interop.huggingface._encoders import bert, sentence_encoder

__all__ = ["bert", "embed", "sentence_encoder"]

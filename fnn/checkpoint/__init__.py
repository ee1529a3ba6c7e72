"""Runs that outlive their process: a tree in a file, whole or not at all, and back to the bit.

Read ``files`` (``save``, ``load``, ``notes``) and ``checkpointed`` (a stream that is saved as it goes by). Below them,
``_codec`` writes a tree as plain text and arrays, ``safetensors`` packs these into bytes, ``_atomic`` replaces a file,
and ``_fingerprint`` records what the bits of a run depend on.
"""

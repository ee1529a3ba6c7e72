"""Runs that outlive their process: a tree in a file, whole or not at all, and back to the bit.

Read ``files`` (``save``, ``load``, ``notes``) and ``checkpointed`` (a stream that saves itself). ``safetensors`` is the
format of the bytes, ``_codec`` a tree as plain text and arrays, ``_atomic`` how a file is replaced, ``_fingerprint``
what the bits of a run depend on.
"""

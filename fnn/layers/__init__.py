"""Layers that hold no other layer, a family a file; needs ``core/`` alone.

Read ``dense`` first, then ``activations``; after these any file can be read by itself: ``dropout``, ``norm``,
``embedding``, ``shape``; ``conv`` and ``pool`` for images; ``recurrent`` (with ``lstm`` and ``gru``), ``attention`` and
``positional`` for sequences. ``initializers`` is where weights start.

``_constructor`` is what a constructor is, ``_stable`` has the functions that overflow when typed as in the textbook,
``_windows`` and ``_sequences`` what images and sequences share.
"""

"""Layers that hold no other layer, a family a file; needs ``core/`` alone.

Read ``dense`` first, then ``activations``; after these any file can be read by itself: ``smooth``, ``hard``,
``softmax``, ``gated`` and ``prelu``, which are further activation functions; ``dropout``, ``noise``; ``norm``,
``layer_norm``, ``group_norm`` and ``response``; ``embedding``, ``shape``; ``conv``, ``conv_transpose``, ``pool``,
``global_pool``, ``upsample`` and ``margins`` for images; ``recurrent``, ``lstm``, ``gru``, ``attention``,
``dot_product``, ``positional`` and ``rotary`` for sequences. ``initializers`` is how weights start.

A file has the record, its registered function, and its constructor, in this order. ``_constructor`` is what a
constructor is; ``_stable`` has the functions that overflow when they are typed as in the textbook. Norms share
``_normalization``, images ``_windows``, ``_windows_by_length`` and ``_convolution``, sequences ``_sequences``,
recurrent layers ``_recurrent`` and ``_gates``, and attention with parameters and without ``_attending`` and
``_weighing``; ``_projections`` is for the former, and ``_looking_back``, which decodes.
"""

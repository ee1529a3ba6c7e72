"""Layers made of layers, and what folds over them; needs ``core/`` and ``layers/``.

Read ``serial`` first: composition is two folds. Then ``mlp``; ``branches`` (``parallel``, ``residual``, joins);
``bidirectional`` and ``transformer``, which are written with these; ``inference``, the network to evaluate with; and
``decoding``, one step of a sequence at a time. ``_parts`` is what they share.
"""

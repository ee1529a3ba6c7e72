"""Networks are layers made of layers; built on ``core/`` and ``layers/``.

Read ``serial`` first: composition is two folds. Then ``mlp``; ``branches`` (``parallel``, ``residual``, ``pick``) and
``joins``; ``inference``, which returns the network to evaluate with; ``bidirectional``; ``transformer``, which is
written with the others; and ``decoding``, one step of a sequence at a time. ``_parts`` has what they share.
"""

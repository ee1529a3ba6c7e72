"""Networks are layers made of layers; built on ``core/`` and ``layers/``.

Read ``serial`` first: composition is two folds. Then ``mlp``; ``branches`` (``parallel``, ``residual``, ``pick``) and
``joins``; ``separable``; ``inference``, which returns the network to evaluate with; ``graph``, in which values have
names; ``bidirectional``; ``transformer``, which is written with the others; ``decoding``, one step of a sequence at a
time; and ``ensemble``, many networks as one, whose layers compute all members at once or one after the other
(``_together``, and ``_side_by_side`` for norms and recurrent layers). ``_parts`` has what they share.
"""

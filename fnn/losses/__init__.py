"""A loss says in one number how wrong a network is, so that there is something to descend.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

Losses average over rows; sums have ``sum`` in their names. There is one weight for each row: weight 2 counts as the row
twice, weight 0 as the row left out. Shapes must match exactly: ``(n,)`` against ``(n, 1)`` would broadcast to
``(n, n)``.

Read ``regression``, then ``classification`` (losses that take logits), ``regularization`` (penalties on parameters)
and ``multitask`` (several losses at once). ``_reduction`` has what becomes of the rows.
"""

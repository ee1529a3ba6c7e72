"""A loss says in one number how wrong a network is, so that there is something to descend.

    loss : prediction, target, weights? -> value          pullback : dvalue -> loss, dprediction

A loss is a number for each row, and then their mean; sums have ``sum`` in their names. Shapes must match exactly:
``(n,)`` against ``(n, 1)`` would broadcast to ``(n, n)``.

Weights say how much a row matters: (n,), or (n, time) for the steps of sequences. The value is sum(weight * loss) over
the number of rows, whatever the weights add up to, so that the gradients of an epoch's minibatches average to the full
batch's. Of mean 1, as ``fnn.data.normalized`` and ``balanced`` make them, they do not change how large a step is:

    fit(cross_entropy, adam(), state, (x, labels, balanced(labels)), steps=1000, key=key)

>>> import numpy as np
>>> from fnn import mse
>>> mse(np.array([1.0, 3.0]), np.zeros(2), np.array([1.0, 0.0]))
0.5

What is not there costs nothing and is not counted among the rows: labels that ``CrossEntropy(ignore=-1)`` ignores, and
steps beyond the lengths of a prediction ``(y, lengths)``, as layers over time return it.

Read ``regression``, then ``classification``, ``binary`` and ``divergence`` (losses that take logits), ``likelihood``
(of distributions that a network describes), ``focal`` and ``similarity``, ``rows`` (the losses one by one),
``regularization`` (penalties on parameters) and ``multitask`` (several losses at once). ``_reduction`` has what becomes
of the rows, ``_rows`` which of them are there, ``_classes`` what losses of classes share, ``_several`` what those of
several predictions do, ``_terms`` how the losses of parts of a batch add up, ``_members`` the losses of an ensemble,
``_records`` what to write where a function came and a record belongs.
"""

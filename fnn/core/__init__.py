"""The values and the one idea; nothing here imports anything above.

Read in this order:

1. ``vjp``: evaluate, and remember how to pull a gradient back.
2. ``record``: a frozen value that can be called.
3. ``tree``: records and tuples of arrays as one thing.
4. ``keys``: randomness as a value.
5. ``grad``: the gradient of a loss with respect to a network.

``_structure`` (paths, differences), ``_flat`` (a tree as one vector) and ``_members`` (many trees as one) are the
machinery of ``tree``; ``_errors``, ``_numbers``, ``_arrays`` and ``_foreign`` are what everybody shares: how an error
is worded, what is a number or one for each member of an ensemble, what may be done to an array, and which arrays are
other libraries'.
"""

"""Is it right, and where does it go wrong?

Read ``check`` (is a gradient right?), ``numeric`` (slopes of any function), ``summary`` (a network as a table) and
``diagnose`` (what flows through a network on a batch). ``_hints`` are likely causes of a wrong gradient, ``_sentences``
what the numbers of a diagnosis mean.
"""

"""Training as a stream of states; needs ``core/``, ``optim/`` and ``data/``.

Read ``step`` (a step is a composition of three functions, training a fold over batches), then ``streams`` (callbacks
are functions on the stream of states). ``progress`` is one of them. ``experiments`` repeats whole runs; ``_maps`` says
which maps it takes. ``allocator`` makes steps with large arrays faster on Linux.
"""

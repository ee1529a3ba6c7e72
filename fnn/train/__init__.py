"""Training as a stream of states; needs all rooms that come before it.

Read ``state``, ``step`` (a composition of three functions), ``run`` (training is a fold over batches), then ``streams``
(callbacks are functions on the stream of states). So are ``progress`` and ``logged``, in ``logs``; ``best`` ends one.
``plateau`` makes a step that lowers its learning rate. ``minimize`` has no stream: SciPy goes down a loss of all rows.
``sharded`` cuts a step's batch into parts for several cores or machines, ``experiments`` repeats whole runs; who does
the work is a map: ``threads`` and ``processes`` make one of this machine's cores, ``_maps`` holds any to its word.
``together`` runs groups of an experiment's configurations as ensembles, by what they have in common (``_settings``).
``summaries`` has the figures of results, ``comparison`` asks whether two configurations differ, by the arithmetic in
``_intervals``. ``_members`` has what is each member's own in a step of an ensemble. ``allocator`` makes steps with
large arrays faster on Linux.
"""

"""Optimizers: one step downhill as a value; needs ``core/`` alone.

Read ``transform`` (what a transform is, and how transforms chain), then ``rules`` (clipping, decay, the way down,
momentum, Adam), ``adaptive`` (RMSprop, Adagrad, NAdam, Adamax, Adadelta, Lion), ``optimizers`` (the usual
chains by their usual names), ``wrappers`` (``freeze``, ``accumulate_gradients``), ``masked`` (a transform for each
group of leaves) and ``schedules`` (learning rates as functions of the step). ``_memory`` tells whose memory a training
state holds, ``_members`` what a rule does with a number for each member of an ensemble.
"""

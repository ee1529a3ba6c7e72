"""Is a gradient right, and where does a run go wrong?

Read ``numeric`` (the slope of any function), ``check`` (is the gradient of a layer or a loss right?), ``summary`` (a
network as a table), ``diagnose`` (what flows through a network on a batch, and what comes back), ``watch`` (the same
over a run) and ``input_gradient`` (what a network looks at).

Below them are ``_differences`` (central differences, which all checks of a gradient use), ``_hints`` (the likely cause
of a wrong gradient), ``_sentences`` (what the figures of a diagnosis mean) and ``_table`` (text in columns, or HTML);
``_svg`` draws two arrays side by side and a curve, as text.
"""

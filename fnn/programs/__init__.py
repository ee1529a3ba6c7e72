"""Programs that others wrote: they run within limits, what their loops do is seen, and their functions are recognized.

Read ``confined`` (a process with limits of time, memory and files), ``running`` (a file or a notebook, a statement at
a time), ``loops`` (what a training loop does), ``discovery`` (which function is which, by the words in ``names.toml``)
and ``training`` (what trains is called, and its loops are seen).
``fnn.testing`` grades with them; nothing here is a public name.
"""

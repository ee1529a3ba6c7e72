"""Networks from PyTorch and to PyTorch, with their weights, as modules or by names.

    from_torch      : module, x -> params          layer_of  : module, x -> layer, for modules of your own
    to_torch        : params    -> module          module_of : layer -> module, for layers of your own
    from_state_dict : params, arrays by name or a safetensors file -> params
    to_state_dict   : params -> arrays by name

Read ``_kinds``: what each kind of module and of layer becomes, one by one. They are registered both ways, a family a
file: ``_layers``, ``_activations``, ``_norms``, ``_windows`` and ``_sequences``. Two folds go through whole networks:
``_reading`` carries a ``_sample`` through modules, and reads a forward of one's own as it is ``_traced``, call by call
(``_calls``); ``_writing`` carries where the ``_axes`` are. ``_own`` has the modules that PyTorch lacks, and ``_state``
weights by name.
"""

try:
    import torch as _torch  # noqa: F401 (only to say clearly that it is missing)
except ImportError as _error:
    raise ImportError('fnn.interop.torch needs PyTorch: pip install "fnn[torch]"') from _error

from fnn.interop.torch._kinds import layer_of, module_of
from fnn.interop.torch._reading import from_torch
from fnn.interop.torch._state import from_state_dict, to_state_dict
from fnn.interop.torch._writing import to_torch

__all__ = ["from_torch", "layer_of", "to_torch", "module_of", "from_state_dict", "to_state_dict"]

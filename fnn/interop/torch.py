"""Networks from PyTorch and to PyTorch, with their weights, as modules or by names.

from_torch      : module, x -> params          layer_of  : module, x -> layer, for modules of your own
to_torch        : params    -> module          module_of : layer -> module, for layers of your own
from_state_dict : params, arrays by name or a safetensors file -> params
"""

# pyright: reportMissingImports=false
# (PyTorch may be missing where types are checked.)

try:
    import torch as _torch  # noqa: F401 (only to say clearly that it is missing)
except ImportError as _error:
    raise ImportError('fnn.interop.torch needs PyTorch: pip install "fnn[torch]"') from _error

from fnn.interop._torch_from import from_torch
from fnn.interop._torch_layer_of import layer_of
from fnn.interop._torch_module_of import module_of
from fnn.interop._torch_state import from_state_dict, to_state_dict
from fnn.interop._torch_to import to_torch

__all__ = ["from_torch", "layer_of", "to_torch", "module_of", "from_state_dict", "to_state_dict"]

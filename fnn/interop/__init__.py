"""What comes in from other libraries and goes out to them; each file is loaded when asked for, and needs its library.

    onnx    : a network as the graph that other runtimes compute, and such a graph as a network
    sklearn : networks as estimators of scikit-learn, on arrays and tables
    torch   : networks as PyTorch's modules, and these as networks

    huggingface : pretrained language models, read from their folders

Any file can be read by itself.

Those that begin with ``_onnx`` are the parts of ``onnx``: ``_onnx_writer``, a graph that grows node by node, and
``_onnx_layers``, ``_onnx_windows``, ``_onnx_sequences``, ``_onnx_attention`` and ``_onnx_networks``, what each layer
adds to it; the other way ``_onnx_file``, ``_onnx_inputs``, ``_onnx_in`` and ``_onnx_reader``, a network that grows as a
graph is read, and ``_onnx_operators``, ``_onnx_arranging``, ``_onnx_scanning``, ``_onnx_attention_in`` and
``_onnx_resizing``, which layer each operator is. An operator that is none is read by ``_onnx_generic`` as what it makes
of arrays, which ``_onnx_arrays`` holds and ``_onnx_arithmetic``, ``_onnx_sums``, ``_onnx_rearranging`` and
``_onnx_resize`` say, or by ``_onnx_bodies`` as the operators that it stands for.
Those of ``torch``: ``_torch_from`` and ``_torch_to``, the two folds, ``_torch_sample``, what the first carries,
``_torch_layer_of`` and ``_torch_module_of``, what becomes of each module and layer, both ways a family a file in
``_torch_layers``, ``_torch_activations``, ``_torch_windows``, ``_torch_norms`` and ``_torch_sequences``,
``_torch_traced``, what a forward of one's own calls, ``_torch_state``, weights by name, and ``_torch_own``, modules
that PyTorch lacks; ``_weights`` says how either keeps the same weights.
``_embedding``, many rows in batches of about one length, is of ``huggingface``.
Those of ``sklearn``: ``_sklearn_estimator``, what both estimators are, ``_sklearn_settings``, what their settings
stand for, ``_sklearn_epochs``, a stream of training states seen an epoch at a time, and ``_sklearn_targets``, what a
loss makes of labels.
"""

from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Load the file of a library when somebody first asks for it."""
    if name == "onnx":
        import fnn.interop.onnx as module
    elif name == "sklearn":
        import fnn.interop.sklearn as module
    elif name == "torch":
        import fnn.interop.torch as module
    elif name == "huggingface":
        import fnn.interop.huggingface as module
    else:
        raise AttributeError(f"module 'fnn.interop' has no attribute {name!r}")
    return module

"""Arrays of other libraries, known by what they offer: refused as parameters with the remedy, taken as data."""

import numpy as np
import pytest

from fnn import Dense, Key, Serial, dense, relu, save, sgd, start, tree
from fnn.core._arrays import as_array, conversion, floats
from fnn.core._errors import describe
from fnn.core._flat import flat
from tests.each_of import each_of


class Jax:
    """What offers an array, as those of JAX do."""

    shape, ndim, dtype = (2, 1), 2, np.dtype(np.float32)

    def __array__(self, dtype=None, copy=None):
        return np.ones((2, 1), np.float32)


class Torch(Jax):
    """What PyTorch follows for its own gradients refuses."""

    def detach(self):
        return self

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


class Cupy:
    """What lies on a GPU refuses too."""

    shape, ndim = (2, 1), 2
    __cuda_array_interface__ = None

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")


class Pandas(Jax):
    def to_numpy(self):
        return np.ones((2, 1), np.float32)


class Pure:
    """What offers no more than DLPack, or an interface."""

    def __dlpack__(self):
        raise AssertionError


FOREIGN = {
    Jax: "np.asarray(weight)",
    Torch: "np.asarray(weight.detach().cpu())",
    Cupy: "np.asarray(weight.get())",
    Pandas: "weight.to_numpy()",
    Pure: "np.asarray(weight)",
}


def raised(call):
    with pytest.raises(TypeError) as caught:
        call()
    return str(caught.value)


@each_of("kind", FOREIGN)
def test_a_parameter_that_is_not_numpys_is_an_error_with_its_path_and_the_remedy(kind, tmp_path):
    net = Serial((Dense(np.ones((2, 2)), np.zeros(2)), relu, Dense(kind(), np.zeros(1))))
    calls = {
        "start": lambda: start(net, sgd(0.1)),
        "save": lambda: save(tmp_path / "net.fnn", net),
        "leaves": lambda: tree.leaves(net),
        "paths": lambda: tree.paths(net),
        "map": lambda: tree.map(np.negative, net),
        "reduce": lambda: tree.reduce(lambda n, leaf: n, net, 0),
        "zeros_like": lambda: tree.zeros_like(net),
        "ravel": lambda: tree.ravel(net),
        "equal": lambda: tree.equal(net, net),
        "add": lambda: tree.add(net, net),
        "allclose": lambda: tree.allclose(net, net),
    }
    for name, call in calls.items():
        message = raised(call)
        assert "layers[2].weight must be an array" in message, name
        assert message.endswith(f"; write {FOREIGN[kind]}"), name
    assert list(tmp_path.iterdir()) == []


def test_the_whole_message():
    message = raised(lambda: start(Dense(Jax(), np.zeros(1)), sgd(0.1)))
    assert message == "start: weight must be an array of NumPy's, got tests Jax (2, 1); write np.asarray(weight)"


@pytest.mark.parametrize("rows", [[[1.0], [2.0]], [1, 2]])
def test_a_parameter_that_is_a_list_of_numbers(rows):
    message = raised(lambda: start(Dense(rows, np.zeros(1)), sgd(0.1)))
    assert message == "start: weight is a list, no part of a tree; write np.asarray(weight)"


@each_of("setting", [None, 1, 0.5, "text", True, len, int, np.float32(1.0), Key(0), range(3), {1}, b"x"])
def test_settings_are_no_arrays(setting):
    assert conversion(setting, "it") == ""
    assert flat((np.ones(1), setting))[0].size == 1


@pytest.mark.parametrize("take", [as_array, floats])
def test_data_of_other_libraries_are_taken_or_refused_with_the_remedy(take):
    for kind in (Jax, Pandas):
        np.testing.assert_array_equal(take("relu", kind()), np.ones((2, 1)))
        assert dense(3)(Key(0), kind()).weight.shape == (1, 3)
    assert raised(lambda: take("relu", Torch())) == (
        "relu expects an array of NumPy's, got tests Torch (2, 1); write np.asarray(x.detach().cpu())"
    )
    assert raised(lambda: take("relu", Cupy())).endswith("got tests Cupy (2, 1); write np.asarray(x.get())")


def test_those_of_jax():
    numpy = pytest.importorskip("jax.numpy")
    array = numpy.ones((2, 3))
    assert raised(lambda: start(Dense(array, np.zeros(3)), sgd(0.1))).endswith("; write np.asarray(weight)")
    assert start(Dense(np.asarray(array), np.zeros(3, np.float32)), sgd(0.1)).params.weight.dtype == np.float32
    assert floats("relu", array).shape == (2, 3)
    assert describe(array).endswith("(2, 3)")


def test_those_of_torch():
    torch = pytest.importorskip("torch")
    array = torch.ones((2, 3), requires_grad=True)
    assert raised(lambda: start(Dense(array, np.zeros(3)), sgd(0.1))).endswith("np.asarray(weight.detach().cpu())")
    assert raised(lambda: floats("relu", array)).endswith("got torch Tensor (2, 3); write np.asarray(x.detach().cpu())")
    assert floats("relu", array.detach()).shape == (2, 3)


def test_those_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert raised(lambda: start(Dense(table, np.zeros(2)), sgd(0.1))).endswith("; write weight.to_numpy()")
    assert floats("relu", table).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert floats("relu", table["a"]).tolist() == [1.0, 2.0]

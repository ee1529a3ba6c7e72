"""Layers and networks give PyTorch's outputs and gradients, from the same parameters and the same dy, in float64."""

from functools import partial

import numpy as np
import pytest

import fnn
from fnn import (
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Key,
    LayerNorm,
    Parallel,
    Serial,
    add,
    combined,
    concatenate,
    cross_entropy,
    dense,
    inference,
    mse,
    parallel,
    pick,
    residual,
    serial,
    tree,
    value_and_grad,
    vjp,
)
from tests.laws import cases
from tests.laws.cases import made, numbers, random_dense, random_like

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# Zero is where slopes jump, and at 1e4 an exponential overflows.
SIZES = [1e-12, 1e-3, 0.5, 1.0, 3.0, 21.0, 40.0, 800.0, 1e4]
GRID = np.array([[-size for size in SIZES] + [0.0] + SIZES])
SHAPES = [(1, 7), (5, 3), (6, 1), (2, 3, 4), (3, 2, 5, 3)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)

# Those of one name in both, and those that have another there. PyTorch's softplus is x itself from its threshold on, by
# default 20, which is 2e-9 off; from 40 on that is exact.
ACTIVATIONS = {
    **{name: (layer, getattr(functional, name, None)) for name, layer in cases.ACTIVATIONS.items()},
    "identity": (fnn.identity, torch.clone),
    "heaviside": (fnn.heaviside, None),  # whose slope PyTorch does not have
    "leaky_relu, slope 0.2": (fnn.LeakyRelu(slope=0.2), partial(functional.leaky_relu, negative_slope=0.2)),
    "elu, alpha 0.3": (fnn.Elu(alpha=0.3), partial(functional.elu, alpha=0.3)),
    "gelu, tanh": (fnn.gelu(approximate="tanh"), partial(functional.gelu, approximate="tanh")),
    "hard_tanh": (fnn.hard_tanh, functional.hardtanh),
    "hard_tanh, from -21 to 0.5": (fnn.hard_tanh(-21, 0.5), partial(functional.hardtanh, min_val=-21, max_val=0.5)),
    # PyTorch's own has a slope of 1/6 in single precision.
    "hard_sigmoid": (fnn.hard_sigmoid, lambda x: functional.relu6(x + 3) / 6),
    "hard_swish": (fnn.hard_swish, functional.hardswish),
    "softmax, axis -2": (fnn.softmax(axis=-2), partial(functional.softmax, dim=-2)),
    "log_softmax, axis 0": (fnn.log_softmax(axis=0), partial(functional.log_softmax, dim=0)),
    "softplus": (fnn.softplus, partial(functional.softplus, threshold=40)),
    "softmax": (fnn.softmax, partial(functional.softmax, dim=-1)),
    "log_softmax": (fnn.log_softmax, partial(functional.log_softmax, dim=-1)),
}


def close(ours, theirs):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def tensors(*trees):
    """The leaves of trees for PyTorch, which is to differentiate by all that are not integers."""
    return [torch.tensor(leaf, requires_grad=leaf.dtype.kind == "f") for leaf in tree.leaves(trees)]


def agree(layer, x, theirs, key=None):
    """Compare y, dx and the gradient of each parameter with those of ``theirs``, a function of x and the parameters."""
    y, pullback = vjp(layer, x, key)
    dy = tree.map(lambda leaf: numbers(*leaf.shape, seed=9), y)
    dlayer, dx = pullback(dy)
    inputs = tensors(x, layer)
    outputs = theirs(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    gradients = torch.autograd.grad(outputs, [each for each in inputs if each.requires_grad], tensors(dy))
    of_x = dx() if inputs[0].requires_grad else ()
    for ours, expected in zip(tree.leaves((y, of_x, dlayer)), (*outputs, *gradients), strict=True):
        close(ours, expected)


def agree_on_a_loss(loss, net, batch, theirs):
    """Compare a loss and its gradient by each parameter, a layer that is used twice being one, with PyTorch's."""
    value, gradient = value_and_grad(loss, net, batch)
    inputs, parameters = tensors(*batch), tensors(net)
    expected = theirs(*inputs, *parameters)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    assert tree.paths(gradient) == tree.paths(net)
    for ours, of_theirs in zip(tree.leaves(gradient), torch.autograd.grad(expected, parameters), strict=True):
        close(ours, of_theirs)


# --- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, (_, theirs) in ACTIVATIONS.items() if theirs])
def test_an_activation(name):
    layer, theirs = ACTIVATIONS[name]
    for x in (GRID, GRID.T, *(numbers(*shape) for shape in SHAPES), numbers(40, 3)):
        agree(layer, x, theirs)


def test_heaviside_is_0_at_0_and_its_slope_is_0():
    y, pullback = vjp(fnn.heaviside, GRID)
    close(y, torch.heaviside(torch.tensor(GRID), torch.zeros((), dtype=torch.float64)))
    assert not pullback(np.ones_like(GRID))[1]().any()


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("shape", [(1, 6), (5, 2), (2, 4, 4), (3, 2, 5, 4)], ids=str)
def test_the_gated(shape, axis):
    agree(fnn.glu(axis=axis), numbers(*shape), partial(functional.glu, dim=axis))

    def swiglu(x):
        gate, values = x.chunk(2, dim=axis)
        return functional.silu(gate) * values

    agree(fnn.swiglu(axis=axis), numbers(*shape), swiglu)


@each_shape
def test_prelu(shape):
    for slopes in (1, shape[-1]):
        agree(
            fnn.PRelu(numbers(slopes, seed=1)),
            numbers(*shape),
            lambda x, slope: channels_second(functional.prelu, x, slope),
        )


def test_joins():
    a, b, c = numbers(3, 2, 5), numbers(3, 1, 5, seed=1), numbers(3, 2, 1, seed=2)
    agree(fnn.add, (a, b, c), lambda a, b, c: a + b + c)
    agree(fnn.multiply, (a, b, c), lambda a, b, c: a * b * c)
    agree(fnn.concatenate(axis=1), (a, b), lambda a, b: torch.cat([a, b], dim=1))


@pytest.mark.parametrize("units", [1, 3, 8])
@each_shape
def test_dense_is_linear_with_the_weight_transposed(shape, units):
    layer = random_dense(shape[-1], units)
    agree(layer, numbers(*shape), lambda x, weight, bias: functional.linear(x, weight.T, bias))


def test_an_ensemble_of_dense_layers_is_a_batched_product():
    layer = Dense(numbers(2, 3, 5), numbers(2, 5, seed=1))
    agree(layer, numbers(2, 4, 3), lambda x, weight, bias: torch.baddbmm(bias[:, None], x, weight))


def channels_second(function, x, *rest, **named):
    """Call a function of PyTorch's, whose features are the second axis and not the last."""
    return function(x.movedim(-1, 1), *rest, **named).movedim(1, -1)


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
@pytest.mark.parametrize("shape", [(7, 3), (2, 1), (4, 5, 3), (1, 5, 3), (3, 2, 5, 3)], ids=str)
def test_batch_norm(shape, epsilon):
    layer = BatchNorm(numbers(shape[-1], seed=1), numbers(shape[-1], seed=2), epsilon)

    def theirs(x, scale, shift):
        return channels_second(functional.batch_norm, x, None, None, scale, shift, training=True, eps=epsilon)

    agree(layer, numbers(*shape), theirs)
    agree(layer, 100 + 3 * numbers(*shape), theirs)


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
@pytest.mark.parametrize("shape", [(7, 3), (2, 3), (4, 5, 3), (3, 2, 5, 3)], ids=str)
def test_inference_of_batch_norm_is_evaluation_with_the_mean_and_biased_variance_of_the_sample(shape, epsilon):
    sample, x = 2 + 3 * numbers(*shape), numbers(*shape, seed=3)
    layer = BatchNorm(numbers(shape[-1], seed=1), numbers(shape[-1], seed=2), epsilon)
    scale, shift, rows = *tensors(layer), torch.tensor(sample).reshape(-1, shape[-1])
    statistics = rows.mean(0), rows.var(0, correction=0)

    given = torch.tensor(x, requires_grad=True)
    expected = channels_second(functional.batch_norm, given, *statistics, scale, shift, training=False, eps=epsilon)
    y, pullback = vjp(inference(layer, sample), x)
    dy = numbers(*shape, seed=9)
    close(y, expected)
    close(pullback(dy)[1](), *torch.autograd.grad(expected, given, torch.tensor(dy)))


@each_shape
def test_scale(shape):
    layer = fnn.Scale(numbers(shape[-1], seed=1), numbers(shape[-1], seed=2))
    agree(layer, numbers(*shape), lambda x, scale, shift: torch.addcmul(shift, x, scale))


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
@each_shape
def test_layer_norm(shape, epsilon):
    def theirs(x, scale, shift):
        return functional.layer_norm(x, shape[-1:], scale, shift, epsilon)

    agree(LayerNorm(numbers(shape[-1], seed=1), numbers(shape[-1], seed=2), epsilon), numbers(*shape), theirs)


@pytest.mark.parametrize("shape", [(2, 4, 6), (3, 2, 5, 6)], ids=str)
def test_norms_over_several_axes_and_groups(shape):
    axes, x = shape[-2:], 3 + numbers(*shape)
    scale, shift = numbers(*axes, seed=1), numbers(*axes, seed=2)
    agree(LayerNorm(scale, shift, 0.3), x, lambda x, scale, shift: functional.layer_norm(x, axes, scale, shift, 0.3))
    agree(fnn.RMSNorm(scale, 0.3), x, lambda x, scale: functional.rms_norm(x, axes, scale, 0.3))
    scale, shift = scale[0], shift[0]
    for groups in (1, 2, 3, 6):

        def theirs(x, scale, shift, groups=groups):
            return channels_second(functional.group_norm, x, groups, weight=scale, bias=shift)

        agree(fnn.GroupNorm(scale, shift, groups), x, theirs)

    def by_instance(x, scale, shift):
        return channels_second(functional.instance_norm, x, weight=scale, bias=shift)

    layer = fnn.instance_norm()(Key(0), x)
    agree(fnn.GroupNorm(scale, shift, layer.groups), x, by_instance)


@pytest.mark.parametrize(
    "symbols", [[2], [3, 3, 3, 3], [0, 4, 0, 3, 4, 0], [[0, 3, 3], [1, 0, 3]], [[[1], [0]], [[0], [0]]]], ids=str
)
def test_embedding_adds_up_the_gradients_of_a_symbol_that_is_repeated(symbols):
    agree(Embedding(numbers(5, 3)), np.array(symbols), functional.embedding)


@pytest.mark.parametrize("shape", [(1, 7), (50, 3), (2, 3, 4)], ids=str)
def test_dropout_drops_from_the_gradient_what_it_dropped_from_the_numbers(shape):
    layer, key = Dropout(0.4), Key(3)
    mask = layer(np.ones(shape), key)
    assert set(np.unique(mask)) == {0.0, 1 / 0.6}
    agree(layer, numbers(*shape), lambda x: x * torch.tensor(mask), key)


def test_flatten_and_reshape():
    agree(fnn.flatten, numbers(3, 2, 5), lambda x: x.flatten(1))
    agree(fnn.flatten(start=2), numbers(3, 2, 5, 4), lambda x: x.flatten(2))
    agree(fnn.reshape((5, 2)), numbers(3, 2, 5), lambda x: x.reshape(3, 5, 2))


# --- networks --------------------------------------------------------------------------------------------------------


def linear(parameters):
    """The next dense layer: what is left of the parameters, an iterator, begins with its weight and bias."""
    weight, bias = next(parameters), next(parameters)
    return lambda x: x @ weight + bias


@pytest.mark.parametrize("shape", [(1, 3), (7, 3), (2, 4, 3)], ids=str)
def test_a_diamond_of_branches_that_part_and_meet_again(shape):
    net = serial(
        dense(4),
        residual(dense(4), fnn.tanh, residual(dense(4))),
        concatenate(dense(2), fnn.sigmoid, serial(fnn.silu, dense(3))),
        fnn.layer_norm(),
        parallel(dense(3), serial(dense(5), fnn.gelu, dense(3)), dense(3)),
        add,
    )

    def theirs(x, *parameters):
        rest = iter(parameters)
        x = linear(rest)(x)
        inner = torch.tanh(linear(rest)(x))
        x = x + inner + linear(rest)(inner)
        x = torch.cat([linear(rest)(x), torch.sigmoid(x), linear(rest)(functional.silu(x))], dim=-1)
        x = functional.layer_norm(x, (9,), next(rest), next(rest))
        left, down, up, right = [linear(rest) for _ in range(4)]
        return left(x) + up(functional.gelu(down(x))) + right(x)

    agree(random_like(made(net, *shape)), numbers(*shape), theirs)


@pytest.mark.parametrize("n", [1, 5])
def test_the_gradient_of_a_layer_that_is_used_twice_is_the_sum_over_both_uses(n):
    shared = random_dense(4, 4)

    def theirs(x, target, weight, bias):
        return functional.mse_loss(torch.tanh(x @ weight + bias) @ weight + bias, target)

    agree_on_a_loss(mse, Serial((shared, fnn.tanh, shared)), (numbers(n, 4), numbers(n, 4, seed=1)), theirs)


def test_a_layer_that_is_used_in_two_branches_and_after_them():
    shared, own = random_dense(4, 4), random_dense(4, 4, seed=1)
    net = Serial((Parallel((Serial((shared, fnn.tanh)), Serial((own, fnn.silu, shared)))), add, shared))

    def theirs(x, target, *parameters):
        shared, own = map(linear, [iter(parameters[:2]), iter(parameters[2:])])
        return functional.mse_loss(shared(torch.tanh(shared(x)) + shared(functional.silu(own(x)))), target)

    agree_on_a_loss(mse, net, (numbers(3, 4), numbers(3, 4, seed=1)), theirs)


def two_and_two(x, z, *parameters):
    """Two inputs, (n, 3) and (n, 2), that meet in the middle, and two outputs."""
    of_x, of_z, to_numbers, to_classes = map(linear, [iter(parameters)] * 4)
    middle = torch.tanh(torch.cat([of_x(x), of_z(z)], dim=-1))
    return to_numbers(middle), to_classes(middle)


def made_two_and_two(x):
    ends = serial(pick(0), dense(4)), serial(pick(1), dense(3))
    constructor = serial(parallel(*ends), concatenate, fnn.tanh, parallel(dense(2), dense(3)))
    return random_like(constructor(Key(0), x))


@pytest.mark.parametrize("n", [1, 5])
def test_two_inputs_and_two_outputs(n):
    x = numbers(n, 3), numbers(n, 2, seed=1)
    agree(made_two_and_two(x), x, two_and_two)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 0.5, 3.0])], ids=["", "weights"])
def test_two_inputs_and_two_outputs_under_one_combined_loss(weights):
    x, target = (numbers(5, 3), numbers(5, 2, seed=1)), (numbers(5, 2, seed=2), np.array([0, 2, 1, 2, 0]))
    batch = (x, target) if weights is None else (x, target, weights)
    share = torch.tensor((np.ones(5) if weights is None else weights) / 5)

    def theirs(x, z, target, labels, *rest):
        of_numbers, of_classes = two_and_two(x, z, *rest[len(batch) - 2 :])
        squares = functional.mse_loss(of_numbers, target, reduction="none").mean(dim=1)
        nll = functional.cross_entropy(of_classes, labels, reduction="none")
        return share @ squares + 0.3 * (share @ nll)

    agree_on_a_loss(combined(mse, cross_entropy, weights=(1.0, 0.3)), made_two_and_two(x), batch, theirs)


def test_a_network_for_sequences_of_symbols():
    symbols, labels = (
        np.array([[0, 3, 3, 1], [1, 0, 3, 2], [4, 4, 4, 4]]),
        np.array([[0, 1, 2, 0], [2, 2, 1, 0], [1] * 4]),
    )
    net = serial(Embedding(numbers(5, 4)), fnn.batch_norm(), residual(dense(4), fnn.softplus), dense(3))
    net = random_like(net(Key(0), symbols))

    def theirs(symbols, labels, table, scale, shift, *parameters):
        rest = iter(parameters)
        x = functional.embedding(symbols, table)
        x = channels_second(functional.batch_norm, x, None, None, scale, shift, training=True)
        x = x + functional.softplus(linear(rest)(x))
        return functional.cross_entropy(linear(rest)(x).movedim(-1, 1), labels)

    agree_on_a_loss(cross_entropy, net, (symbols, labels), theirs)

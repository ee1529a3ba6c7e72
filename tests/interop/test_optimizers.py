"""Optimizers take the steps of PyTorch's and of Optax's, from the same parameters and gradients, in float64."""

from functools import partial

import numpy as np
import pytest

import fnn
from fnn import (
    Key,
    accumulate_gradients,
    adadelta,
    adagrad,
    adam,
    adamax,
    adamw,
    chain,
    clip,
    clip_by_global_norm,
    cross_entropy,
    descend,
    lion,
    masked,
    mlp,
    nadam,
    rmsprop,
    scale_by_adadelta,
    scale_by_adagrad,
    scale_by_adam,
    scale_by_adamax,
    scale_by_lion,
    scale_by_rms,
    sgd,
    start,
    trace,
    train_step,
    tree,
    update,
    weight_decay,
)
from tests.laws.cases import numbers

torch = pytest.importorskip("torch")


def gradient(seed):
    """Numbers of all sizes from 10 down to 1e-10: where the small ones are, it shows where an eps stands."""
    sizes = 10.0 ** (1 - np.arange(12).reshape(3, 4))
    return sizes * numbers(3, 4, seed=seed), numbers(4, seed=seed + 100)


PARAMS = numbers(3, 4, seed=20), numbers(4, seed=21)
GRADIENTS = [gradient(seed) for seed in range(20)]


@pytest.fixture(autouse=True)
def _in_double_precision():
    """PyTorch's NAdam keeps the product of its momenta in the default dtype, whatever that of the parameters is."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def falling(step):
    """The rate of a step, as a schedule."""
    return 0.1 / (1.0 + 0.3 * step)


def close(ours, theirs):
    for leaf, expected in zip(ours, theirs, strict=True):
        assert leaf.dtype == expected.dtype == np.float64
        np.testing.assert_allclose(leaf, expected, rtol=1e-12, atol=1e-15)


def our_steps(optimizer):
    """The parameters after each of the gradients."""
    state, after = start(PARAMS, optimizer), []
    for each in GRADIENTS:
        state = update(optimizer, each, state)
        after.append(state.params)
    return after


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def parameters(leaves=PARAMS):
    return [torch.nn.Parameter(torch.tensor(leaf)) for leaf in leaves]


def values(params):
    return tuple(each.detach().numpy().copy() for each in params)


def torch_steps(params, optimizer, scheduler=None):
    after = []
    for each in GRADIENTS:
        for parameter, grad in zip(params, each, strict=True):
            parameter.grad = torch.tensor(grad)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        after.append(values(params))
    return after


# Where a setting is not named, the defaults agree. A decay at the head of a chain joins the gradient, as the
# weight_decay of all of PyTorch's does but AdamW's.
TORCH = {
    "sgd": (sgd, "SGD", {}),
    "sgd, momentum": (partial(sgd, momentum=0.9), "SGD", {"momentum": 0.9}),
    "sgd, nesterov": (partial(sgd, momentum=0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
    "sgd, decay first": (
        lambda rate: chain(weight_decay(0.3), sgd(rate, momentum=0.9)),
        "SGD",
        {"momentum": 0.9, "weight_decay": 0.3},
    ),
    "adagrad": (adagrad, "Adagrad", {}),
    "adagrad, eps": (partial(adagrad, eps=1e-3), "Adagrad", {"eps": 1e-3}),
    "rmsprop": (rmsprop, "RMSprop", {"alpha": 0.9}),
    "rmsprop, decay": (partial(rmsprop, decay=0.5, eps=1e-3), "RMSprop", {"alpha": 0.5, "eps": 1e-3}),
    "rmsprop, momentum": (partial(rmsprop, momentum=0.7), "RMSprop", {"alpha": 0.9, "momentum": 0.7}),
    "adam": (adam, "Adam", {}),
    "adam, other means": (partial(adam, b1=0.5, b2=0.6, eps=1e-3), "Adam", {"betas": (0.5, 0.6), "eps": 1e-3}),
    "adam, decay first": (lambda rate: chain(weight_decay(0.3), adam(rate)), "Adam", {"weight_decay": 0.3}),
    "adamw": (adamw, "AdamW", {}),
    "adamw, decay": (partial(adamw, weight_decay=0.3), "AdamW", {"weight_decay": 0.3}),
    "adam, amsgrad": (partial(adam, amsgrad=True), "Adam", {"amsgrad": True}),
    "adam, amsgrad, short memory": (
        partial(adam, b2=0.5, amsgrad=True),
        "Adam",
        {"amsgrad": True, "betas": (0.9, 0.5)},
    ),
    "adamw, amsgrad": (partial(adamw, amsgrad=True), "AdamW", {"amsgrad": True}),
    "rmsprop, centered": (partial(rmsprop, centered=True), "RMSprop", {"alpha": 0.9, "centered": True}),
    "rmsprop, centered, momentum": (
        partial(rmsprop, momentum=0.7, centered=True),
        "RMSprop",
        {"alpha": 0.9, "momentum": 0.7, "centered": True},
    ),
    "nadam": (nadam, "NAdam", {}),
    "nadam, fast": (
        partial(nadam, b1=0.5, momentum_decay=3.0),
        "NAdam",
        {"betas": (0.5, 0.999), "momentum_decay": 3.0},
    ),
    "adamax": (adamax, "Adamax", {}),
    "adamax, other means": (partial(adamax, b1=0.5, b2=0.6, eps=1e-3), "Adamax", {"betas": (0.5, 0.6), "eps": 1e-3}),
    "adadelta": (adadelta, "Adadelta", {}),
    "adadelta, decay": (partial(adadelta, decay=0.5, eps=1e-3), "Adadelta", {"rho": 0.5, "eps": 1e-3}),
}


@pytest.mark.parametrize("name", TORCH)
def test_twenty_steps_of_pytorchs_optimizers_are_ours(name):
    ours, theirs, settings = TORCH[name]
    params = parameters()
    expected = torch_steps(params, getattr(torch.optim, theirs)(params, lr=0.1, **settings))
    for mine, each in zip(our_steps(ours(0.1)), expected, strict=True):
        close(mine, each)


@pytest.mark.parametrize("name", TORCH)
def test_twenty_steps_at_a_rate_that_follows_a_schedule(name):
    ours, theirs, settings = TORCH[name]
    params = parameters()
    optimizer = getattr(torch.optim, theirs)(params, lr=1.0, **settings)
    expected = torch_steps(params, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, falling))
    for mine, each in zip(our_steps(ours(falling)), expected, strict=True):
        close(mine, each)


def test_adamw_that_decays_some_leaves_is_pytorchs_with_groups():
    params = parameters()
    groups = [{"params": params[:1], "weight_decay": 0.3}, {"params": params[1:], "weight_decay": 0.0}]
    expected = torch_steps(params, torch.optim.AdamW(groups, lr=0.1))
    for mine, each in zip(our_steps(adamw(0.1, 0.3, where="[0]")), expected, strict=True):
        close(mine, each)


def test_masked_is_pytorchs_groups():
    params = parameters()
    groups = [{"params": params[:1], "lr": 0.1, "amsgrad": True}, {"params": params[1:], "lr": 0.01, "eps": 1e-3}]
    expected = torch_steps(params, torch.optim.Adam(groups))
    ours = our_steps(masked("[0]", adam(0.1, amsgrad=True), otherwise=adam(0.01, eps=1e-3)))
    for mine, each in zip(ours, expected, strict=True):
        close(mine, each)


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1e3])
def test_clip_is_pytorchs_to_the_bit(limit):
    params = parameters()
    for parameter, grad in zip(params, GRADIENTS[0], strict=True):
        parameter.grad = torch.tensor(grad)
    torch.nn.utils.clip_grad_value_(params, limit)
    ours, _ = clip(limit).update(GRADIENTS[0], (), PARAMS, 0)
    assert tree.equal(ours, tuple(parameter.grad.numpy() for parameter in params))


@pytest.mark.parametrize("max_norm", [1e-3, 0.5, 1e3])
def test_clip_by_global_norm_is_pytorchs_which_adds_1e_minus_6_to_the_norm(max_norm):
    params = parameters()
    for parameter, grad in zip(params, GRADIENTS[0], strict=True):
        parameter.grad = torch.tensor(grad)
    norm = torch.nn.utils.clip_grad_norm_(params, max_norm).item()
    without = (norm + 1e-6) / norm if norm > max_norm else 1.0
    ours, _ = clip_by_global_norm(max_norm).update(GRADIENTS[0], (), PARAMS, 0)
    close(ours, [parameter.grad.numpy() * without for parameter in params])
    assert np.sqrt(sum((leaf**2).sum() for leaf in ours)) == pytest.approx(min(norm, max_norm), rel=1e-12)


@pytest.mark.parametrize("name", ["sgd, nesterov", "rmsprop, momentum", "adamw, decay"])
def test_ten_steps_of_training_a_network(name):
    ours, theirs, settings = TORCH[name]
    net = mlp(6, 3, activation=fnn.tanh)(Key(0), np.zeros((1, 5)))
    batches = [(numbers(n, 5, seed=n), np.arange(n) % 3) for n in (8, 8, 3, 1, 8, 7, 8, 8, 3, 5)]

    step, state = train_step(cross_entropy, ours(falling)), start(net, ours(falling))
    weight, bias, last_weight, last_bias = params = parameters(tree.leaves(net))
    optimizer = getattr(torch.optim, theirs)(params, lr=1.0, **settings)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, falling)
    for x, target in batches:
        state = step(state, (x, target))
        logits = torch.tanh(torch.tensor(x) @ weight + bias) @ last_weight + last_bias
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        assert state.loss == pytest.approx(loss.item(), rel=1e-10)
        for leaf, expected in zip(tree.leaves(state.params), values(params), strict=True):
            np.testing.assert_allclose(leaf, expected, rtol=1e-10, atol=1e-12)


# --- Optax -----------------------------------------------------------------------------------------------------------


def optax_steps(make):
    """The parameters after each of the gradients, in double precision: JAX's own default is float32."""
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        optimizer, params, after = make(optax), PARAMS, []
        state, step = optimizer.init(params), jax.jit(optimizer.update)
        for each in GRADIENTS:
            updates, state = step(each, state, params)
            params = tuple([p + np.asarray(u) for p, u in zip(params, updates, strict=True)])
            after.append(params)
    return after


# With eps_in_sqrt=False, and sums that start at 0, Optax has the rules that ours are.
OPTAX = {
    "trace": (trace(0.9), lambda o: o.trace(0.9)),
    "trace, nesterov": (trace(0.9, nesterov=True), lambda o: o.trace(0.9, nesterov=True)),
    "sgd, a schedule": (sgd(falling, 0.9), lambda o: o.sgd(falling, momentum=0.9)),
    "sgd, nesterov": (sgd(0.1, 0.9, nesterov=True), lambda o: o.sgd(0.1, momentum=0.9, nesterov=True)),
    "adam": (adam(0.1), lambda o: o.adam(0.1, eps_root=0.0)),
    "adamw, a schedule": (adamw(falling, 0.3, 0.5, 0.6), lambda o: o.adamw(falling, 0.5, 0.6, weight_decay=0.3)),
    "clip": (clip(0.5), lambda o: o.clip(0.5)),
    "clip_by_global_norm": (clip_by_global_norm(0.5), lambda o: o.clip_by_global_norm(0.5)),
    "clip_by_global_norm, of the short": (clip_by_global_norm(1e3), lambda o: o.clip_by_global_norm(1e3)),
    "decay": (weight_decay(0.3), lambda o: o.add_decayed_weights(0.3)),
    "decay, some leaves": (weight_decay(0.3, "[0]"), lambda o: o.add_decayed_weights(0.3, mask=(True, False))),
    "scale_by_rms": (scale_by_rms(0.8), lambda o: o.scale_by_rms(0.8, eps_in_sqrt=False)),
    "rmsprop": (rmsprop(0.1, momentum=0.7), lambda o: o.rmsprop(0.1, eps_in_sqrt=False, momentum=0.7)),
    "scale_by_adagrad": (scale_by_adagrad(eps=0), lambda o: o.scale_by_rss(initial_accumulator_value=0, eps=0)),
    "chain": (
        chain(clip_by_global_norm(0.5), scale_by_adam(), weight_decay(0.3), descend(falling)),
        lambda o: o.chain(
            o.clip_by_global_norm(0.5),
            o.scale_by_adam(),
            o.add_decayed_weights(0.3),
            o.scale_by_learning_rate(falling),
        ),
    ),
    "masked": (
        chain(masked("[0]", clip_by_global_norm(0.5)), adam(0.1)),
        lambda o: o.chain(o.masked(o.clip_by_global_norm(0.5), (True, False)), o.adam(0.1)),
    ),
    "masked, two groups": (
        masked("[1]", adam(0.1), otherwise=sgd(0.1, momentum=0.9)),
        lambda o: o.multi_transform({"a": o.adam(0.1), "b": o.sgd(0.1, momentum=0.9)}, ("b", "a")),
    ),
    "scale_by_adamax": (scale_by_adamax(), lambda o: o.scale_by_adamax()),
    "adamax": (adamax(0.1, 0.5, 0.6), lambda o: o.adamax(0.1, 0.5, 0.6)),
    "scale_by_adadelta": (scale_by_adadelta(), lambda o: o.scale_by_adadelta()),
    "adadelta": (adadelta(0.1, 0.5), lambda o: o.adadelta(0.1, rho=0.5)),
    "scale_by_lion": (scale_by_lion(), lambda o: o.scale_by_lion()),
    "lion": (lion(), lambda o: o.lion(1e-4)),
    "lion, a schedule": (lion(falling, 0.3, 0.5, 0.6), lambda o: o.lion(falling, 0.5, 0.6, weight_decay=0.3)),
    "lion, some leaves": (lion(0.1, 0.3, where="[0]"), lambda o: o.lion(0.1, weight_decay=0.3, mask=(True, False))),
    "accumulate_gradients": (
        accumulate_gradients(3, adam(falling)),
        lambda o: o.MultiSteps(o.adam(falling), 3, accumulator_dtype=np.float64),
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_twenty_steps_of_optaxs_transforms_are_ours(name):
    ours, theirs = OPTAX[name]
    for mine, expected in zip(our_steps(ours), optax_steps(theirs), strict=True):
        close(mine, expected)


# What the first step adds to the parameters: g over a root, as ours and PyTorch's have it and as Optax has it.
DIFFERENCES = {
    "scale_by_rms, whose eps is inside the root": (
        scale_by_rms(0.9, 1e-8),
        lambda g: g / (np.sqrt(0.1 * g**2) + 1e-8),
        lambda o: o.scale_by_rms(0.9, 1e-8),
        lambda g: g / np.sqrt(0.1 * g**2 + 1e-8),
    ),
    "scale_by_adagrad, whose eps is inside the root and whose sum starts at 0.1": (
        scale_by_adagrad(1e-10),
        lambda g: g / (np.sqrt(g**2) + 1e-10),
        lambda o: o.scale_by_rss(eps=1e-7),
        lambda g: g / np.sqrt(0.1 + g**2 + 1e-7),
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_where_optax_differs_by_design(name):
    ours, our_formula, theirs, their_formula = DIFFERENCES[name]
    mine, expected = our_steps(ours)[0], optax_steps(theirs)[0]
    close(mine, [p + our_formula(g) for p, g in zip(PARAMS, GRADIENTS[0], strict=True)])
    close(expected, [p + their_formula(g) for p, g in zip(PARAMS, GRADIENTS[0], strict=True)])
    assert np.abs(mine[0] - expected[0]).max() > 0.1


def test_without_a_rise_of_the_momentum_nadam_is_pytorchs_to_the_end_of_the_products():
    for b1, decay in ((0.9, 0.0), (0.99, 1e3), (0.0, 4e-3), (0.9, 4e-3)):
        params = [torch.nn.Parameter(torch.ones(1))]
        optimizer = nadam(0.1, b1=b1, momentum_decay=decay)
        theirs = torch.optim.NAdam(params, lr=0.1, betas=(b1, 0.999), momentum_decay=decay)
        state = start((np.array([1.0]),), optimizer)
        for step in range(300):
            slope = np.sin(step) * state.params[0]
            params[0].grad = torch.tensor(slope)
            theirs.step()
            state = update(optimizer, (slope,), state)
        np.testing.assert_allclose(state.params[0], params[0].detach().numpy(), rtol=1e-10, atol=1e-12)

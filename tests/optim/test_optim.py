"""Transforms against closed forms and hand calculations."""

import math
import pickle

import numpy as np
import pytest

import fnn
from fnn import (
    Dense,
    Key,
    Serial,
    State,
    Transform,
    accumulate_gradients,
    adagrad,
    adam,
    adamw,
    chain,
    clip,
    clip_by_global_norm,
    descend,
    freeze,
    mlp,
    mse,
    rmsprop,
    scale_by_adagrad,
    scale_by_adam,
    scale_by_rms,
    sgd,
    start,
    trace,
    train_step,
    tree,
    update,
    weight_decay,
)
from tests.each_of import each_of
from tests.laws.cases import SHARED, TRANSFORMS, numbers

transforms = each_of("transform", TRANSFORMS.values(), ids=TRANSFORMS)


def run(transform, gradients, params=None):
    """The updates for a sequence of gradients."""
    params = np.zeros_like(gradients[0]) if params is None else params
    state, updates = transform.init(params), []
    for step, gradient in enumerate(gradients):
        result, state = transform.update(gradient, state, params, step)
        updates.append(result)
    return updates


def net(dtype=np.float64):
    return mlp(4, 3)(Key(0), np.zeros((1, 5), dtype))


def gradient_of(params, seed=0):
    return tree.map(lambda leaf: numbers(*leaf.shape, seed=seed, dtype=leaf.dtype), params)


def test_sgd_goes_down_a_quadratic_as_its_closed_form_says():
    state = State(np.array([1.0, -2.0]), sgd(0.1).init(np.zeros(2)), 0, math.nan)
    for _ in range(50):
        state = update(sgd(0.1), state.params, state)  # the gradient of |p|**2 / 2 is p
    np.testing.assert_allclose(state.params, np.array([1.0, -2.0]) * 0.9**50, rtol=1e-13)


def test_momentum_sums_up_a_constant_gradient_as_a_geometric_series():
    updates = run(sgd(0.1, momentum=0.9), [np.ones(1)] * 60)
    expected = [-0.1 * (1 - 0.9 ** (t + 1)) / (1 - 0.9) for t in range(60)]
    np.testing.assert_allclose(np.ravel(updates), expected, rtol=1e-12)


def test_adam_moves_by_the_rate_at_every_step_of_a_constant_gradient():
    for gradient in (1e-3, 1.0, -500.0):
        updates = np.ravel(run(adam(0.01), [np.array([gradient])] * 200))
        np.testing.assert_allclose(updates, -0.01 * np.sign(gradient), rtol=2e-5)


def test_three_steps_of_adam_by_hand():
    # g = 1, 2, -1:  m = .1, .29, .161;  s = .001, .004999, .005994001
    expected = []
    for m, s, t in ((0.1, 0.001, 1), (0.29, 0.004999, 2), (0.161, 0.005994001, 3)):
        expected.append(-0.1 * (m / (1 - 0.9**t)) / (math.sqrt(s / (1 - 0.999**t)) + 1e-8))
    updates = run(adam(0.1), [np.array([g]) for g in (1.0, 2.0, -1.0)])
    np.testing.assert_allclose(np.ravel(updates), expected, rtol=1e-12)


def test_clipping_shortens_the_whole_gradient_and_keeps_its_direction():
    gradient = (np.array([3.0]), np.array([[4.0]]))
    short, _ = clip_by_global_norm(1.0).update(gradient, (), gradient, 0)
    np.testing.assert_allclose(np.concatenate([leaf.ravel() for leaf in short]), [0.6, 0.8])
    same, _ = clip_by_global_norm(5.5).update(gradient, (), gradient, 0)
    assert tree.equal(same, gradient)


def test_clipping_survives_gradients_whose_squares_overflow():
    huge = np.array([3e30, 4e30], np.float32)
    np.testing.assert_allclose(run(clip_by_global_norm(1.0), [huge])[0], [0.6, 0.8], rtol=1e-6)


@transforms
def test_a_transform_writes_to_nothing_and_keeps_type_shapes_and_dtypes(transform):
    for dtype in (np.float32, np.float64):
        params = net(dtype)
        gradient, state = gradient_of(params), transform.init(params)
        before = pickle.dumps((gradient, params, state))
        updates, new_state = transform.update(gradient, state, params, 0)
        assert pickle.dumps((gradient, params, state)) == before
        assert tree.equal(updates, transform.update(gradient, state, params, 0)[0])
        for ours, theirs in zip(tree.leaves(updates), tree.leaves(params), strict=True):
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        shapes = {leaf.shape for leaf in tree.leaves(params)}
        assert all(leaf.shape in shapes and leaf.dtype == dtype for leaf in tree.leaves(new_state))
        assert tree.paths(new_state) == tree.paths(state)
        assert not any(leaf.flags.writeable for leaf in tree.leaves((updates, new_state)))


@transforms
def test_no_state_shares_the_memory_of_the_updates(transform):
    params = net()
    updates, state = transform.update(gradient_of(params), transform.init(params), params, 0)
    for update_ in tree.leaves(updates):
        assert not any(np.shares_memory(update_, leaf) for leaf in tree.leaves(state))


@transforms
def test_transforms_pickle(transform):
    again, params = pickle.loads(pickle.dumps(transform)), net()
    ours, theirs = (t.update(gradient_of(params), t.init(params), params, 0)[0] for t in (transform, again))
    assert tree.equal(ours, theirs)


def test_a_chain_is_its_parts_one_after_the_other():
    parts = clip_by_global_norm(0.5), trace(0.9), scale_by_adam(), descend(0.1)
    together, params = chain(*parts), net()
    state, states = together.init(params), [part.init(params) for part in parts]
    for step in range(3):
        gradient = gradient_of(params, seed=step)
        updates, state = together.update(gradient, state, params, step)
        for place, part in enumerate(parts):
            gradient, states[place] = part.update(gradient, states[place], params, step)
        assert tree.equal(updates, gradient)
        assert tree.equal(state, tuple(states))


def _twice(grads, state, params, step):
    return tree.map(lambda g: 2 * g, grads), state


def test_a_transform_of_one_s_own_chains_and_updates_like_the_library_s():
    own = Transform(init=lambda params: (), update=_twice)
    params = net()
    state = State(params, chain(own, descend(0.1)).init(params), 0, math.nan)
    ours = update(chain(own, descend(0.1)), gradient_of(params), state)
    theirs = update(sgd(0.2), gradient_of(params), State(params, (), 0, math.nan))
    assert tree.allclose(ours.params, theirs.params, rtol=1e-12)
    assert ours.step == 1


def test_updating_by_a_tree_equals_updating_by_the_vector_to_the_bit():
    params = net(np.float32)
    optimizer = adam(1e-2)
    through_trees = Transform(optimizer.init, lambda *args: optimizer.update(*args))
    ours = theirs = State(params, optimizer.init(params), 0, math.nan)
    for step in range(5):
        ours = update(optimizer, gradient_of(params, step), ours)
        theirs = update(through_trees, gradient_of(params, step), theirs)
    assert tree.equal((ours.params, ours.opt), (theirs.params, theirs.opt))


def test_a_leaf_whose_shape_or_dtype_would_change_is_an_error_with_its_path():
    params = Dense(np.zeros((2, 3)), np.zeros(3))
    state = State(params, (), 0, math.nan)
    for bad in (np.zeros((3, 1)), np.zeros((5, 3)), np.zeros(3, np.float32)):
        with pytest.raises(ValueError, match=r"differ at bias: float64 array \(3,\) against"):
            update(sgd(0.1), Dense(np.zeros((2, 3)), bad), state)
    with pytest.raises(ValueError, match="differ at the root: Dense against tuple"):
        update(sgd(0.1), (np.zeros((2, 3)), np.zeros(3)), state)


def test_networks_of_several_dtypes_train_each_leaf_in_its_own():
    params = Dense(np.ones((2, 3), np.float64), np.ones(3, np.float32))
    for optimizer in (sgd(0.1, momentum=0.9), adam(0.1)):
        state = State(params, optimizer.init(params), 0, math.nan)
        for _ in range(3):
            state = update(optimizer, tree.map(np.ones_like, params), state)
        assert [leaf.dtype for leaf in tree.leaves(state.params)] == [np.float64, np.float32]
        alone = State(np.ones(3, np.float32), optimizer.init(np.ones(3, np.float32)), 0, math.nan)
        for _ in range(3):
            alone = update(optimizer, np.ones(3, np.float32), alone)
        np.testing.assert_allclose(state.params.bias, alone.params, rtol=1e-6)


def test_a_schedule_sees_the_number_of_the_step():
    seen = []
    optimizer = sgd(lambda step: seen.append(step) or 0.1)
    run(optimizer, [np.ones(1)] * 4)
    assert seen == [0, 1, 2, 3]


def after(optimizer, gradients, params):
    """The parameters after a step with each gradient."""
    state = State(params, optimizer.init(params), 0, math.nan)
    for gradient in gradients:
        state = update(optimizer, gradient, state)
    return state.params


def test_nesterov_looks_one_step_ahead():
    # v = 1, 1.5, 1.75; the update is g + v / 2
    updates = run(trace(0.5, nesterov=True), [np.ones(1)] * 3)
    np.testing.assert_allclose(np.ravel(updates), [1.5, 1.75, 1.875])
    with pytest.raises(ValueError, match="sgd: nesterov needs a momentum above 0"):
        sgd(0.1, nesterov=True)


def test_rmsprop_by_hand():
    # g = 1, 2:  s = .1, .49
    updates = run(rmsprop(0.1, decay=0.9), [np.array([1.0]), np.array([2.0])])
    np.testing.assert_allclose(np.ravel(updates), [-0.1 / math.sqrt(0.1), -0.2 / 0.7], rtol=1e-7)


def test_adagrad_by_hand():
    # g = 3, 4:  s = 9, 25
    updates = run(adagrad(0.1), [np.array([3.0]), np.array([4.0])])
    np.testing.assert_allclose(np.ravel(updates), [-0.1, -0.08], rtol=1e-9)
    np.testing.assert_allclose(run(scale_by_adagrad(eps=1.0), [np.array([3.0])])[0], 3 / (3 + 1))
    np.testing.assert_allclose(run(scale_by_rms(0.0, eps=1.0), [np.array([3.0])])[0], 3 / (3 + 1))


def test_clipping_by_value_cuts_each_number_alone():
    np.testing.assert_array_equal(run(clip(1.0), [np.array([-3.0, 0.5, 2.0])])[0], [-1.0, 0.5, 1.0])
    for bad in (clip, clip_by_global_norm):
        with pytest.raises(ValueError, match="must be above 0, got 0: nothing would ever move"):
            bad(0)


def test_decoupled_decay_shrinks_by_the_rate_and_knows_nothing_of_adam():
    params = Dense(np.full((2, 2), 4.0), np.full(2, 4.0))
    zero = tree.zeros_like(params)
    shrunk = after(adamw(0.1, weight_decay=0.5), [zero] * 3, params)
    assert tree.allclose(shrunk, tree.map(lambda leaf: leaf * 0.95**3, params), rtol=1e-12)
    weights = after(adamw(0.1, weight_decay=0.5, where=tree.is_weight), [zero] * 3, params)
    np.testing.assert_allclose(weights.weight, 4.0 * 0.95**3)
    assert weights.bias.tobytes() == params.bias.tobytes()


FROZEN = {
    "first": lambda where: chain(freeze(where), trace(0.9), scale_by_adam(), weight_decay(0.1), descend(0.1)),
    "last": lambda where: chain(trace(0.9), scale_by_adam(), weight_decay(0.1), descend(0.1), freeze(where)),
    "inside": lambda where: chain(chain(trace(0.9), freeze(where)), adamw(0.1)),
    "with a transform of one's own": lambda where: chain(freeze(where), adamw(0.1), Transform(lambda p: (), _restless)),
    "accumulated": lambda where: accumulate_gradients(2, chain(freeze(where), adamw(0.1))),
    "accumulated, then decayed": lambda where: chain(
        accumulate_gradients(2, chain(freeze(where), sgd(0.1))), weight_decay(0.1)
    ),
}


def _restless(grads, state, params, step):
    return tree.map(lambda g: g + 1, grads), state


@each_of("place", FROZEN)
def test_what_is_frozen_stays_bit_identical_under_momentum_and_decay_wherever_freeze_stands(place):
    params = net()
    # Minus zero is the number that adding a plain zero would change.
    params = tree.at("layers[0].bias", lambda bias: np.copysign(np.zeros_like(bias), -1.0), params)
    end = after(FROZEN[place]("layers[0]"), [gradient_of(params, seed) for seed in range(6)], params)
    assert tree.equal(end.layers[0], params.layers[0])
    assert end.layers[0].bias.tobytes() == params.layers[0].bias.tobytes()
    assert not (end.layers[2].weight == params.layers[2].weight).any()


def test_frozen_gradients_do_not_count_in_a_norm_behind_the_freeze():
    params = Dense(np.zeros((1, 1)), np.zeros(1))
    gradient = Dense(np.full((1, 1), 1000.0), np.full(1, 3.0))
    updates, _ = chain(freeze("weight"), clip_by_global_norm(1.0)).update(gradient, ((), ()), params, 0)
    assert (updates.weight.item(), updates.bias.item()) == (0.0, 1.0)


def test_what_to_freeze_is_a_path_or_several_or_a_function_of_one():
    params = net()
    for where, expected in {
        "layers[0].weight": ["layers[0].weight"],
        ("layers[0]", "layers[2].bias"): ["layers[0].weight", "layers[0].bias", "layers[2].bias"],
        tree.is_weight: ["layers[0].weight", "layers[2].weight"],
    }.items():
        end = after(chain(sgd(1.0), freeze(where)), [gradient_of(params)], params)
        kept = [
            path
            for path, a, b in zip(tree.paths(end), tree.leaves(end), tree.leaves(params), strict=True)
            if np.array_equal(a, b)
        ]
        assert kept == expected
    with pytest.raises(ValueError, match=r"freeze: str 'layer' chooses no leaf; there are layers\[0\].weight, layers"):
        after(chain(freeze("layer"), sgd(0.1)), [gradient_of(params)], params)
    with pytest.raises(
        TypeError, match=r'freeze expects a path or a function of one, got int 0; write freeze\("layers'
    ):
        freeze(0)


def test_k_accumulated_gradients_are_one_step_with_their_mean():
    params, gradients = net(), [gradient_of(net(), seed) for seed in range(6)]
    rate = fnn.schedules.piecewise([1], [0.1, 0.01])
    ours = after(accumulate_gradients(3, adam(rate)), gradients, params)
    means = [
        tree.map(lambda *leaves: sum(leaves) / 3, *gradients[:3]),
        tree.map(lambda *leaves: sum(leaves) / 3, *gradients[3:]),
    ]
    assert tree.allclose(ours, after(adam(rate), means, params), rtol=1e-12)


def test_between_accumulated_steps_the_parameters_stay_bit_identical():
    params = tree.map(lambda leaf: np.copysign(np.zeros_like(leaf), -1.0), net())
    optimizer = accumulate_gradients(3, sgd(0.1))
    for steps in (1, 2):
        assert tree.equal(after(optimizer, [gradient_of(params)] * steps, params), params)
    assert not tree.equal(after(optimizer, [gradient_of(params)] * 3, params), params)
    for bad, kind in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(kind, match="accumulate_gradients: k must be"):
            accumulate_gradients(bad, sgd(0.1))
    with pytest.raises(TypeError, match="accumulate_gradients expects an optimizer"):
        accumulate_gradients(2, 0.1)


def test_accumulating_over_small_batches_equals_training_on_large_ones():
    x, target = numbers(12, 5), numbers(12, 3, seed=1)
    small = [(x[i : i + 2], target[i : i + 2]) for i in range(0, 12, 2)]
    large = [(x[:6], target[:6]), (x[6:], target[6:])]
    ends = []
    for optimizer, batches in ((accumulate_gradients(3, adam(0.1)), small), (adam(0.1), large)):
        state, step = start(net(), optimizer), train_step(mse, optimizer)
        for batch in batches:
            state = step(state, batch)
        ends.append(state.params)
    assert tree.allclose(*ends, rtol=1e-9)


@transforms
def test_a_layer_that_is_used_twice_stays_one_layer(transform):
    params = Serial((SHARED, fnn.tanh, SHARED, Dense(np.eye(4), np.zeros(4))))  # the last is left to train
    optimizer = chain(transform, freeze("layers[0].bias"))
    step = train_step(mse, optimizer)
    state = start(params, optimizer)
    for seed in range(4):
        state = step(state, (numbers(3, 4, seed=seed), numbers(3, 4, seed=seed + 1)))
    assert state.params.layers[0] is state.params.layers[2]
    assert state.params.layers[0].bias.tobytes() == SHARED.bias.tobytes()

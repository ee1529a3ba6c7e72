"""Transforms against closed forms and hand calculations."""

import math
import pickle

import numpy as np
import pytest

from fnn import (
    Dense,
    Key,
    State,
    Transform,
    adam,
    chain,
    clip_by_global_norm,
    descend,
    mlp,
    scale_by_adam,
    sgd,
    trace,
    tree,
    update,
)
from tests.cases import numbers

ALL = {
    "trace": trace(0.9),
    "scale_by_adam": scale_by_adam(),
    "clip_by_global_norm": clip_by_global_norm(0.5),
    "descend": descend(0.1),
    "descend, schedule": descend(lambda step: 0.1 / (1 + step)),
    "sgd": sgd(0.1),
    "sgd, momentum": sgd(0.1, momentum=0.9),
    "adam": adam(1e-3),
    "chain": chain(clip_by_global_norm(0.5), trace(0.5), scale_by_adam(), descend(0.1)),
}
transforms = pytest.mark.parametrize("transform", ALL.values(), ids=ALL)


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
    if "schedule" in repr(transform) or "lambda" in repr(transform):
        return  # a lambda is the user's own choice
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

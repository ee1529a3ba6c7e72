"""A step is ``differentiated``, ``finite`` and ``updated``: each alone, together, and with a function put between them.

``train_step(loss, optimizer, key)`` is the composition that one can write by hand, to the bit, and what its parts raise
is what the step raises.
"""

import functools
import math
import pickle
import warnings
from itertools import islice

import numpy as np
import pytest
from toolz import compose_left, do

from fnn import (
    Dense,
    Diverged,
    Key,
    Record,
    State,
    accumulate_gradients,
    adagrad,
    adam,
    adamw,
    chain,
    clip_by_global_norm,
    cross_entropy,
    dense,
    differentiated,
    dropout,
    finite,
    fold_in,
    freeze,
    grad,
    l2,
    mse,
    regularized,
    relu,
    rmsprop,
    serial,
    sgd,
    start,
    states,
    train_step,
    tree,
    update,
    updated,
    value_and_grad,
    vjp,
)
from fnn.core.keys import normals
from fnn.data import epochs, moons
from tests.each_of import each_of
from tests.laws.cases import numbers

DATA = moons(43, 0.1, Key(1))  # batches of 8, the last of them of 3 rows
NET = serial(dense(8), relu, dropout(0.3), dense(2))(Key(0), DATA[0])
KEY = Key(5)
STEPS = 30
OPTIMIZERS = {
    "sgd": sgd(0.1, momentum=0.9),
    "adam, clipped": chain(clip_by_global_norm(0.5), adam(0.01)),
    "adamw, frozen, accumulated": chain(freeze("layers[0].bias"), accumulate_gradients(2, adamw(0.01))),
}
LOSSES = {"a loss": cross_entropy, "a regularized loss": regularized(cross_entropy, l2(1e-3))}
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def run(step, optimizer):
    """The first state and 30 more, over five epochs."""
    batches = epochs(DATA, 8, Key(2), epochs=5)
    return list(states(step, start(NET, optimizer), islice(batches, STEPS)))


def same(ours, theirs):
    """Whether two states are equal to the bit; the loss of the first is NaN, which equals nothing."""
    return (
        tree.equal((ours.params, ours.opt), (theirs.params, theirs.opt))
        and ours.step == theirs.step
        and np.float64(ours.loss).tobytes() == np.float64(theirs.loss).tobytes()
    )


def require_the_same_run(ours, theirs):
    assert len(ours) == len(theirs) == STEPS + 1
    assert all(map(same, ours, theirs))


# --- together --------------------------------------------------------------------------------------------------------


@each_optimizer
@each_loss
def test_the_composition_by_hand_is_train_step_to_the_bit(loss, optimizer):
    def by_hand(state, batch):
        return updated(optimizer)(finite(differentiated(loss, KEY)(state, batch)))

    by_toolz = compose_left(differentiated(loss, KEY), finite, updated(optimizer))
    expected = run(train_step(loss, optimizer, KEY), optimizer)
    require_the_same_run(run(by_hand, optimizer), expected)
    require_the_same_run(run(by_toolz, optimizer), expected)
    assert len({state.params.layers[3].weight.tobytes() for state in expected}) >= STEPS // 2  # it does move


@each_optimizer
def test_the_composition_is_what_value_and_grad_and_update_give(optimizer):
    def written_out(state, batch):
        value, gradient = value_and_grad(cross_entropy, state.params, batch, fold_in(KEY, state.step))
        return update(optimizer, gradient, state, value)

    require_the_same_run(run(written_out, optimizer), run(train_step(cross_entropy, optimizer, KEY), optimizer))


def test_a_part_may_serve_many_steps_and_draws_anew_by_the_number_of_the_step():
    evaluate = differentiated(cross_entropy, KEY)
    state = start(NET, sgd(0.1))
    later = State(state.params, state.opt, 1, state.loss)
    assert evaluate(state, DATA)[1] == evaluate(state, DATA)[1]
    assert evaluate(state, DATA)[1] != evaluate(later, DATA)[1]  # another key, another mask of dropout


# --- each alone ------------------------------------------------------------------------------------------------------


@each_loss
def test_differentiated_is_value_and_grad_with_the_state_in_front(loss):
    state = State(NET, (), 7, math.nan)
    passed, value, gradient = differentiated(loss, KEY)(state, DATA)
    expected, dparams = value_and_grad(loss, NET, DATA, fold_in(KEY, 7))
    assert passed is state
    assert value == expected
    assert tree.equal(gradient, dparams)


def test_differentiated_needs_no_key_where_no_layer_draws():
    state = start(Dense(np.ones((2, 1)), np.zeros(1)), sgd(0.1))
    data = np.ones((3, 2)), np.zeros((3, 1))
    assert differentiated(mse)(state, data)[1] == mse(state.params(data[0]), data[1])


@each_of("value", [0.0, -1.5, 1e308, 3, np.float32(0.5), np.float64(2), np.array(0.25)], ids=repr)
def test_finite_passes_on_the_very_tuple_that_it_was_given(value):
    given = start(NET, sgd(0.1)), value, NET
    assert finite(given) is given


@each_of("value", [math.nan, math.inf, -math.inf, np.float32(np.inf), np.array(np.nan)], ids=repr)
def test_finite_raises_diverged_with_the_state_that_it_was_given(value):
    state = State(NET, (), 4, 0.5)
    with pytest.raises(
        Diverged, match=r"^diverged at step 4: the loss is not finite \(loss -?(nan|inf)\); lower"
    ) as caught:
        finite((state, value, NET))
    assert caught.value.state is state
    assert caught.value.step == 4
    assert not math.isfinite(caught.value.loss)


@each_optimizer
def test_updated_is_update(optimizer):
    state = start(NET, optimizer)
    gradient = grad(cross_entropy, NET, DATA, KEY)
    following = updated(optimizer)((state, np.float32(0.25), gradient))
    assert same(following, update(optimizer, gradient, state, 0.25))
    assert type(following.loss) is float


class Progress(Record):
    """A state of one's own: any record with these fields will do."""

    params: object
    opt: object
    step: int
    loss: float


def test_a_state_of_one_s_own_stays_of_its_type():
    optimizer = OPTIMIZERS["adam, clipped"]
    step, first = train_step(cross_entropy, optimizer, KEY), start(NET, optimizer)
    following = step(Progress(first.params, first.opt, 0, math.nan), DATA)
    assert type(following) is Progress
    assert same(following, step(first, DATA))


# --- with a function between them ------------------------------------------------------------------------------------


def noisy(scale, key, differentiated):
    """Add noise to the gradient, drawn from the key of the step."""
    state, value, gradient = differentiated
    vector, unravel = tree.ravel(gradient)
    drawn = normals(fold_in(key, state.step), vector.shape).astype(vector.dtype)
    return state, value, unravel(vector + np.float32(scale) * drawn)


def with_noise(scale, optimizer):
    return compose_left(
        differentiated(cross_entropy, KEY), finite, functools.partial(noisy, scale, Key(9)), updated(optimizer)
    )


@each_optimizer
def test_noise_on_the_gradient_goes_between_and_without_any_it_is_the_plain_run(optimizer):
    def by_hand(state, batch):
        value, gradient = value_and_grad(cross_entropy, state.params, batch, fold_in(KEY, state.step))
        vector, unravel = tree.ravel(gradient)
        drawn = normals(fold_in(Key(9), state.step), vector.shape).astype(np.float32)
        return update(optimizer, unravel(vector + np.float32(0.01) * drawn), state, value)

    plain = run(train_step(cross_entropy, optimizer, KEY), optimizer)
    found = run(with_noise(0.01, optimizer), optimizer)
    require_the_same_run(found, run(by_hand, optimizer))
    require_the_same_run(run(with_noise(0.0, optimizer), optimizer), plain)
    assert not same(found[-1], plain[-1])


def test_a_log_of_gradient_norms_changes_nothing_and_sees_the_gradient_before_it_is_clipped():
    optimizer, norms = OPTIMIZERS["adam, clipped"], []

    def norm(differentiated):
        _, _, gradient = differentiated
        return math.sqrt(sum(float((leaf.astype(np.float64) ** 2).sum()) for leaf in tree.leaves(gradient)))

    logged = compose_left(
        differentiated(cross_entropy, KEY),
        finite,
        lambda each: do(lambda it: norms.append(norm(it)), each),
        updated(optimizer),
    )
    passed = run(logged, optimizer)
    require_the_same_run(passed, run(train_step(cross_entropy, optimizer, KEY), optimizer))
    batches = epochs(DATA, 8, Key(2), epochs=5)
    expected = [
        norm((state, None, grad(cross_entropy, state.params, batch, fold_in(KEY, state.step))))
        for state, batch in zip(passed, islice(batches, STEPS), strict=False)
    ]
    assert norms == expected
    assert max(norms) > 0.5  # the clip had something to do


def test_adversarial_rows_go_before_it():
    net = serial(dense(8), relu, dense(2))(Key(0), DATA[0])
    optimizer = sgd(0.1)
    step = train_step(cross_entropy, optimizer)

    def with_adversarial_rows(state, batch):
        """Add to each row one that a small change against the network has made (Goodfellow et al., 2014)."""
        x, target = batch
        prediction, pullback = vjp(state.params, x, None)
        _, loss_pullback = vjp(cross_entropy, prediction, target)
        _, dprediction = loss_pullback(1.0)
        _, dx = pullback(dprediction())
        worse = x + np.float32(0.1) * np.sign(dx())
        return np.concatenate([x, worse]), np.concatenate([target, target])

    def adversarial_step(state, batch):
        return step(state, with_adversarial_rows(state, batch))

    first = start(net, optimizer)
    assert adversarial_step(first, DATA).loss > step(first, DATA).loss  # the added rows are harder
    x, target = with_adversarial_rows(first, DATA)
    assert same(
        adversarial_step(first, DATA),
        update(optimizer, grad(cross_entropy, net, (x, target)), first, cross_entropy(net(x), target)),
    )
    passed = list(states(adversarial_step, first, islice(epochs(DATA, 8, Key(2)), STEPS)))
    assert [state.step for state in passed] == list(range(STEPS + 1))
    assert passed[-1].loss < passed[1].loss


# --- they pickle -----------------------------------------------------------------------------------------------------


def restored(value):
    return pickle.loads(pickle.dumps(value))


def test_the_parts_pickle_and_do_the_same():
    optimizer = OPTIMIZERS["adam, clipped"]
    state = start(NET, optimizer)
    evaluated = differentiated(cross_entropy, KEY)(state, DATA)
    again = restored(differentiated(cross_entropy, KEY))(state, DATA)
    assert again[0] is state
    assert again[1] == evaluated[1]
    assert tree.equal(again[2], evaluated[2])
    assert restored(finite) is finite
    assert same(restored(updated(optimizer))(evaluated), updated(optimizer)(evaluated))


@each_optimizer
def test_a_step_pickles_with_what_was_put_between(optimizer):
    for step in (train_step(cross_entropy, optimizer, KEY), with_noise(0.01, optimizer)):
        require_the_same_run(run(restored(step), optimizer), run(step, optimizer))


def test_diverged_pickles_with_the_last_good_state():
    error = restored(Diverged(3, math.inf, State(NET, (), 3, 0.5)))
    assert (error.step, error.loss, error.state.step) == (3, math.inf, 3)
    assert tree.equal(error.state.params, NET)
    assert str(error) == str(Diverged(3, math.inf, State(NET, (), 3, 0.5)))


# --- however NumPy was told to treat overflow ------------------------------------------------------------------------


def line(weight, dtype=np.float32):
    """A network of one weight, and no bias to speak of."""
    return Dense(np.full((1, 1), weight, dtype), np.zeros(1, dtype))


def one_row(x, target, dtype=np.float32):
    return np.array([[x]], dtype), np.array([[target]], dtype)


# The network, the optimizer and the batch, and which part finds what: the loss, the new parameters or the memory.
DIVERGING = {
    "a prediction that overflows": (line(1e30), sgd(0.1), one_row(1e30, 0.0), "the loss is"),
    "an input that is NaN": (line(1.0), sgd(0.1), one_row(math.nan, 0.0), "the loss is"),
    "an infinite input": (line(1.0), adam(0.1), one_row(math.inf, 0.0), "the loss is"),
    "parameters that overflow": (line(1.0), sgd(1e38), one_row(1.0, 100.0), "the new parameters or"),
    "a gradient that overflows": (line(0.0), sgd(0.1), one_row(1e38, 10.0), "the new parameters or"),
    "Adam's memory": (line(1.0), adam(0.1), one_row(1e4, 1e16), "the new parameters or"),
    "RMSProp's memory": (line(1.0), rmsprop(0.1), one_row(1e4, 1e16), "the new parameters or"),
    "AdaGrad's memory": (line(1.0), adagrad(0.1), one_row(1e4, 1e16), "the new parameters or"),
    "the norm of a clip": (
        line(1.0),
        chain(clip_by_global_norm(1.0), sgd(0.1)),
        one_row(1e30, 1e9),
        "the new parameters or",
    ),
}
ALARMS = {"all": "raise"}, {"all": "ignore"}, {"all": "warn"}, {"over": "raise", "invalid": "warn"}


@each_of("alarm", ALARMS, ids=str)
@each_of(("net", "optimizer", "batch", "found"), DIVERGING.values(), ids=DIVERGING)
def test_a_step_raises_diverged_alone_with_the_last_good_state(net, optimizer, batch, found, alarm):
    state = start(net, optimizer)
    with (
        np.errstate(**alarm),
        pytest.raises(Diverged, match=f"^diverged at step 0: {found}") as caught,
    ):  # warnings are errors
        train_step(mse, optimizer)(state, batch)
    assert caught.value.state is state
    assert caught.value.__cause__ is caught.value.__context__ is None  # no other error stands behind it


@each_of(("net", "optimizer", "batch", "found"), DIVERGING.values(), ids=DIVERGING)
def test_the_part_that_finds_it_is_the_one_that_raises(net, optimizer, batch, found):
    state = start(net, optimizer)
    with np.errstate(all="raise"):
        evaluated = differentiated(mse)(state, batch)  # never raises: it only evaluates
        if found == "the loss is":
            with pytest.raises(Diverged, match=found) as caught:
                finite(evaluated)
        else:
            passed = finite(evaluated)
            with pytest.raises(Diverged, match=found) as caught:
                updated(optimizer)(passed)
    assert caught.value.state is state


# Nothing diverges here, though NumPy counts an overflow or an underflow on the way.
HARMLESS = {
    "squares of the parameters overflow where they are summed": (line(1e30), sgd(1e-30), one_row(1e-30, 0.0)),
    "squares of the gradient underflow": (line(1.0), adam(0.1), one_row(1e-22, 1.0)),
    "the update underflows": (line(1e-30), sgd(1e-10), one_row(1e-5, 1e-25)),
}


@pytest.mark.parametrize(("net", "optimizer", "batch"), HARMLESS.values(), ids=HARMLESS)
def test_an_alarm_that_does_not_matter_changes_no_bit(net, optimizer, batch):
    state, step = start(net, optimizer), train_step(mse, optimizer)
    with np.errstate(all="ignore"):
        expected = step(state, batch)
    for alarm in ALARMS:
        with np.errstate(**alarm):
            assert same(step(state, batch), expected)


# Not these: a NaN or an infinity that comes in sets off no alarm, and not every NumPy looks at a dot product.
QUIET = {
    "an input that is NaN",
    "an infinite input",
    "a prediction that overflows",
    "a gradient that overflows",
    "squares of the parameters overflow where they are summed",
}
ALARMING = {name: case[:3] for name, case in {**DIVERGING, **HARMLESS}.items() if name not in QUIET}


def unprotected(net, optimizer, batch):
    state = start(net, optimizer)
    return update(optimizer, value_and_grad(mse, state.params, batch)[1], state)


@each_of(("net", "optimizer", "batch"), ALARMING.values(), ids=ALARMING)
def test_the_alarms_of_the_cases_above_are_real(net, optimizer, batch):
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        unprotected(net, optimizer, batch)


def test_after_a_step_the_alarm_is_as_it_was():
    net, optimizer, batch, _ = DIVERGING["parameters that overflow"]
    with np.errstate(over="raise", under="warn", divide="ignore", invalid="raise"):
        before = np.geterr()
        with pytest.raises(Diverged):
            train_step(mse, optimizer)(start(net, optimizer), batch)
        assert np.geterr() == before


def test_a_warning_of_a_layer_s_own_is_not_lost():
    class Warner(Record):
        pass

    @vjp.register
    def warner_vjp(layer: Warner, x, key=None):
        warnings.warn("look out", UserWarning, stacklevel=2)
        return x, lambda dy: (layer, lambda: dy)

    with pytest.raises(UserWarning, match="look out"):
        train_step(mse, sgd(0.1))(State(Warner(), (), 0, math.nan), (numbers(3, 2), numbers(3, 2)))

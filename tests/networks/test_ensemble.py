"""Training many networks together is training each alone: to the bit for dense networks, otherwise to rounding."""

import pickle
import re
import sys

import numpy as np
import pytest
from toolz import last, take

import fnn
from fnn import (
    Diverged,
    Ensemble,
    Key,
    adam,
    adamw,
    chain,
    cross_entropy,
    dense,
    descend,
    ensemble,
    fit,
    fold_in,
    layer_norm,
    members,
    mlp,
    mse,
    relu,
    replicate,
    serial,
    sgd,
    split,
    start,
    states,
    train_step,
    tree,
    value_and_grad,
    vjp,
)
from fnn.data import epochs
from tests.each_of import each_of
from tests.laws.cases import numbers

N = 3
KEYS = split(Key(7), N)
X, LABELS = numbers(23, 5, dtype=np.float32), np.arange(23) % 4
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
RATES, STRENGTHS = np.array([0.01, 0.3, 0.05]), np.array([0.0, 0.1, 0.02])
CONSTRUCTOR = mlp(8, 6, 4, activation=fnn.tanh)
NETS = ensemble(CONSTRUCTOR, N)(Key(1), X[:1])


def alone(i, loss, optimizer, data, constructor=CONSTRUCTOR, key=None, passes=2):
    """The run of member i by itself."""
    net = constructor(fold_in(Key(1), i), data[0][:1])
    return last(states(train_step(loss, optimizer, key), start(net, optimizer), epochs(data, 5, KEYS[i], passes)))


def together(loss, optimizer, data, constructor=CONSTRUCTOR, keys=None, passes=2):
    nets = ensemble(constructor, N)(Key(1), data[0][:1])
    return last(states(train_step(loss, optimizer, keys), start(nets, optimizer), epochs(data, 5, KEYS, passes)))


def test_member_i_is_the_network_of_its_key():
    assert NETS.n == N
    for i, net in enumerate(members(NETS)):
        assert tree.equal(net, CONSTRUCTOR(fold_in(Key(1), i), X[:1]))
        assert np.shares_memory(net.layers[0].weight, NETS.network.layers[0].weight)
        assert not net.layers[0].weight.flags.writeable


def test_a_member_computes_what_it_computes_alone():
    y = NETS(replicate(X, N))
    for i, net in enumerate(members(NETS)):
        np.testing.assert_array_equal(y[i], net(X))


def test_a_norm_of_integers_has_the_dtype_that_it_has_alone():
    x = np.arange(N * 4 * 6).reshape(N, 4, 6)
    nets = ensemble(layer_norm(), N)(Key(0), np.zeros((4, 6), np.float32))
    y = nets(x)
    assert y.dtype == np.float32
    for i, net in enumerate(members(nets)):
        np.testing.assert_allclose(y[i], net(x[i]), rtol=1e-6)


def test_a_norm_of_float16_is_computed_in_float32_in_a_member_too():
    x = 50 * numbers(N, 40, 6, dtype=np.float16)
    nets = tree.map(lambda leaf: leaf.astype(np.float16), ensemble(layer_norm(), N)(Key(0), x[0]))
    y, pullback = vjp(nets, x)
    dy = (y > 0).astype(np.float16) * np.float16(3e4)
    dnets, dx = pullback(dy)
    assert y.dtype == np.float16
    for i, (net, dnet) in enumerate(zip(members(nets), members(dnets), strict=True)):
        alone, pull = vjp(net, x[i])
        dalone, dx_alone = pull(dy[i])
        np.testing.assert_allclose(y[i], alone, rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(dx()[i], dx_alone(), rtol=2e-3, atol=1.0)
        assert tree.allclose(dnet, dalone, rtol=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [LABELS, ONE_HOT], ids=["cross_entropy", "mse"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda i: sgd(RATES[i]),
        lambda i: sgd(RATES[i], momentum=STRENGTHS[i] + 0.5, nesterov=True),
        lambda i: adamw(RATES[i], STRENGTHS[i]),
        lambda i: chain(
            fnn.clip_by_global_norm(RATES[i]), fnn.weight_decay(STRENGTHS[i], tree.is_weight), descend(0.1)
        ),
        lambda i: chain(fnn.freeze("layers[0]"), adam(lambda step: RATES[i] / (1 + step))),
    ],
    ids=["sgd", "momentum", "adamw", "chain", "freeze, schedule"],
)
def test_a_dense_network_trained_together_is_to_the_bit_what_it_is_alone(optimizer, target, dtype):
    loss = cross_entropy if target is LABELS else mse
    data = X.astype(dtype), target if target is LABELS else target.astype(dtype)
    final = together(loss, optimizer(slice(None)), data)
    assert final.loss.shape == (N,)
    for i, state in enumerate(members(final)):
        assert tree.equal(state, alone(i, loss, optimizer(i), data))


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("widths", [(1,), (2,), (1, 1), (3, 5), (16, 10), (64, 2)], ids=str)
def test_a_step_is_so_for_any_shape(widths, rows):
    x, optimizer = numbers(N, rows, 3, dtype=np.float32), sgd(RATES)
    nets = ensemble(mlp(*widths), N)(Key(2), x[0])
    t = numbers(N, rows, widths[-1], seed=1, dtype=np.float32)
    after = train_step(mse, optimizer)(start(nets, optimizer), (x, t))
    for i, state in enumerate(members(after)):
        one = sgd(RATES[i])
        assert tree.equal(state, train_step(mse, one)(start(members(nets)[i], one), (x[i], t[i])))
    if widths[-1] > 1:
        labels = t.argmax(axis=-1)
        values, gradient = value_and_grad(cross_entropy, nets, (x, labels))
        for i, net in enumerate(members(nets)):
            value, expected = value_and_grad(cross_entropy, net, (x[i], labels[i]))
            assert (values[i], tree.equal(members(gradient)[i], expected)) == (value, True)


def test_each_member_drops_out_what_it_would_alone():
    constructor = serial(dense(8), fnn.dropout(0.4), relu, serial(fnn.dropout(0.2), dense(4)))
    noise = split(Key(9), N)
    final = together(cross_entropy, sgd(RATES), (X, LABELS), constructor, noise)
    for i, state in enumerate(members(final)):
        assert tree.equal(state, alone(i, cross_entropy, sgd(RATES[i]), (X, LABELS), constructor, noise[i]))


def test_a_single_key_stands_for_one_for_each():
    constructor = serial(dense(8), fnn.dropout(0.4), dense(4))
    one = together(cross_entropy, sgd(0.1), (X, LABELS), constructor, Key(9))
    assert tree.equal(one, together(cross_entropy, sgd(0.1), (X, LABELS), constructor, split(Key(9), N)))
    state, data = start(ensemble(constructor, N)(Key(1), X[:1]), sgd(0.1)), (X, LABELS)
    fitted = fit(cross_entropy, sgd(0.1), state, data, steps=7, size=4, key=Key(3))
    for i, each in enumerate(members(fitted)):
        own = start(members(state)[i].params, sgd(0.1))
        assert tree.equal(each, fit(cross_entropy, sgd(0.1), own, data, steps=7, size=4, key=fold_in(Key(3), i)))


def test_batches_for_an_ensemble_are_those_of_each_key():
    for size in (5, 23, 40):
        several = [list(epochs((X, LABELS), size, key, 2, start=1)) for key in KEYS]
        for place, (x, labels) in enumerate(epochs((X, LABELS), size, KEYS, 2, start=1)):
            for i in range(N):
                np.testing.assert_array_equal(x[i], several[i][place][0])
                np.testing.assert_array_equal(labels[i], several[i][place][1])
        assert len(several[0]) == place + 1


def test_a_member_that_diverges_stays_where_it_was_and_the_others_go_on():
    rates = np.array([0.1, 1e38, 0.05])
    step, first = train_step(cross_entropy, sgd(rates)), start(NETS, sgd(rates))
    seen = list(states(step, first, epochs((X, LABELS), 5, KEYS, 2)))
    losses = np.array([state.loss for state in seen[1:]])
    assert np.isfinite(losses[:, [0, 2]]).all()
    good = min(place for place, loss in enumerate(losses[:, 1]) if np.isnan(loss))
    assert np.isnan(losses[good:, 1]).all()
    assert tree.equal(members(seen[-1].params)[1], members(seen[good].params)[1])
    for i in (0, 2):
        assert tree.equal(members(seen[-1])[i], alone(i, cross_entropy, sgd(rates[i]), (X, LABELS)))


def test_99_members_end_with_the_bits_that_they_have_without_the_one_that_diverges():
    keys, rates = split(Key(4), 100), np.linspace(0.01, 0.2, 100)
    rates[37] = 1e38
    nets = ensemble(dense(4), 100)(Key(5), X[:1])
    others = [i for i in range(100) if i != 37]
    without = Ensemble(tree.stack([members(nets)[i] for i in others]), 99)

    def trained(nets, which):
        optimizer = adam(rates[which])
        step = train_step(cross_entropy, optimizer)
        return last(states(step, start(nets, optimizer), epochs((X, LABELS), 5, tuple(keys[i] for i in which), 3)))

    final = trained(nets, range(100))
    assert np.flatnonzero(np.isnan(final.loss)).tolist() == [37]
    assert tree.equal(tuple(members(final)[i] for i in others), members(trained(without, others)))


@pytest.mark.parametrize("optimizer", [adam, lambda rate: sgd(rate, momentum=0.9)], ids=["adam", "momentum"])
def test_memory_of_a_member_that_diverges_stays_too(optimizer):
    x = X.copy()
    x[3] = np.float32(3e38)  # of which the square overflows in some batch
    final = together(mse, optimizer(0.1), (x, ONE_HOT), passes=3)
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves((final.params, final.opt)))


def test_what_a_transform_of_your_own_remembers_of_a_member_that_diverges_stays():
    class Steps(fnn.Record):
        """The sum of each member's gradients, which for one of them overflows."""

        total: np.ndarray

    def add_up(grads, state, params, step):
        return grads, Steps(state.total * np.array([1.0, 1e200, 1.0]) + 1.0)

    optimizer = chain(fnn.Transform(lambda params: Steps(np.ones(N)), add_up), descend(0.1))
    step, batch = train_step(mse, optimizer), replicate((X, ONE_HOT), N)
    first = step(start(NETS, optimizer), batch)
    second = step(first, batch)
    assert np.isnan(second.loss).tolist() == [False, True, False]
    assert second.opt[0].total.tolist() == [3.0, first.opt[0].total[1], 3.0]


def test_diverged_comes_when_no_member_is_left():
    with pytest.raises(Diverged, match=r"^diverged at step \d: no member of 3 is left whose loss, .* lower") as caught:
        together(cross_entropy, sgd(np.full(N, 1e38)), (X, LABELS))
    assert caught.value.loss.shape == (N,)
    assert tree.leaves(caught.value.state)


def test_an_ensemble_pickles_and_is_saved(tmp_path):
    state = together(cross_entropy, adam(), (X, LABELS))
    assert tree.equal(pickle.loads(pickle.dumps(state)), state)
    fnn.save(tmp_path / "state", state)
    assert tree.equal(fnn.load(tmp_path / "state"), state)


def test_a_run_goes_on_from_its_file_to_the_bit(tmp_path):
    """A checkpoint of an ensemble, with a member that has diverged, behind ``ema``, in the midst of an epoch."""
    constructor = serial(dense(8), fnn.dropout(0.2), dense(4))
    nets, optimizer = ensemble(constructor, N)(Key(1), X[:1]), adam(np.array([0.01, 1e38, 0.1]))
    step, path = train_step(cross_entropy, optimizer, KEYS), tmp_path / "run"

    def run(state, count):
        batches = take(count, epochs((X, LABELS), 4, KEYS, start=state.step))
        return last(fnn.checkpointed(path, every=3)(fnn.ema(0.9)(states(step, state, batches))))

    whole = run(start(nets, optimizer), 13)
    assert np.isnan(whole.loss[1])
    run(start(nets, optimizer), 8)
    saved = fnn.load(path)
    assert tree.equal(run(saved, 13 - saved.step).run, whole.run)


def test_scores_end_a_stream_when_each_member_has_ended_and_the_best_of_each_is_what_it_had_alone():
    optimizer, patience = [adam(rate) for rate in (0.1, 0.02, 0.3)], 4

    def scores(state):
        return np.array([mse(net(X), ONE_HOT) for net in members(state.params)])

    def score(state):
        return mse(state.params(X), ONE_HOT)

    step = train_step(mse, adam(np.array([0.1, 0.02, 0.3])))
    together = states(step, start(NETS, adam()), epochs((X, ONE_HOT), 5, KEYS, 30))
    seen = list(fnn.early_stopping(scores, patience)(together))
    found = members(fnn.best(scores, patience)(seen))
    lengths = []
    for i, net in enumerate(members(NETS)):
        run = states(train_step(mse, optimizer[i]), start(net, optimizer[i]), epochs((X, ONE_HOT), 5, KEYS[i], 30))
        alone = list(fnn.early_stopping(score, patience)(run))
        lengths.append(len(alone))
        assert tree.equal(found[i].params, min(alone, key=score).params)
    assert len(seen) == max(lengths) > min(lengths)


def test_a_measure_of_an_ensemble_is_that_of_each_member():
    data = replicate((X, LABELS), N)
    found = fnn.metrics.evaluate(fnn.metrics.accuracy, NETS, data, size=7)
    assert found.tolist() == [fnn.metrics.evaluate(fnn.metrics.accuracy, net, (X, LABELS)) for net in members(NETS)]
    with pytest.raises(
        ValueError, match=r"^ensemble of 3 expects target \(3, rows, ...\), got \(23,\); write replicate"
    ):
        fnn.metrics.evaluate(fnn.metrics.accuracy, NETS, (data[0], LABELS))


def test_a_summary_is_that_of_a_member_and_the_parameters_of_all():
    table, one = fnn.summary(NETS, replicate(X, N)), fnn.summary(members(NETS)[0], X)
    assert (table.head, table.rows) == (one.head, one.rows)
    assert table.total == ("total of 3", "", "", str(sum(leaf.size for leaf in tree.leaves(NETS))))


def test_a_diagnosis_is_that_of_each_member():
    constructor = serial(dense(8), fnn.dropout(0.2), dense(4))
    nets, batch = ensemble(constructor, N)(Key(1), X[:1]), (X, LABELS)
    found = fnn.diagnose(nets, replicate(batch, N), key=KEYS)
    for i, each in enumerate(found.members):
        assert each == fnn.diagnose(members(nets)[i], batch, key=KEYS[i])
    assert repr(found).splitlines()[2] == f"member 2: {'; '.join(found.members[2].found)}"


def test_progress_shows_the_range_of_losses(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    state = fnn.State((), (), 1, np.array([0.5, np.nan, 0.25]))
    list(fnn.progress(2)([state, fnn.State((), (), 2, np.full(3, np.nan))]))
    first, second = capsys.readouterr().err.splitlines()
    assert "loss 0.25 to 0.5 in 2 of 3 members" in first
    assert "loss" not in second


@pytest.mark.parametrize(
    "schedule",
    [
        fnn.schedules.constant,
        lambda rate: fnn.schedules.exponential(rate, 0.9, 2),
        lambda rate: fnn.schedules.exponential(rate, 0.5, 2, staircase=True),
        lambda rate: fnn.schedules.inverse_time(rate, 0.1),
        lambda rate: fnn.schedules.cosine(rate, 9, end=rate / 10),
        lambda rate: fnn.schedules.warmup(3, fnn.schedules.cosine(rate, 5)),
        lambda rate: fnn.schedules.warmup(3, rate),
        lambda rate: fnn.schedules.one_cycle(rate, 9),
    ],
)
def test_a_schedule_of_several_rates_is_several_schedules(schedule):
    for step in range(12):
        assert schedule(RATES)(step).tolist() == [schedule(float(rate))(step) for rate in RATES]


def test_a_rate_that_grows_without_end_is_infinite_for_each():
    grown = fnn.schedules.exponential(np.array([1e-300, 1.0]), 10.0)
    assert grown(400).tolist() == [fnn.schedules.exponential(1e-300, 10.0)(400), np.inf]


def test_stack_and_unstack_are_inverse():
    nets = members(NETS)
    assert tree.equal(tree.stack(nets), NETS.network)
    for one, other in zip(tree.unstack(NETS.network), nets, strict=True):
        assert tree.equal(one, other)


V, T = ValueError, TypeError
ROWS = [
    (lambda: Ensemble(relu, 0), V, r"Ensemble: n must be at least 1, got 0"),
    (lambda: ensemble(relu, 1.5), T, r"ensemble: n must be an integer, got float 1.5"),
    (lambda: ensemble(np.tanh, 2), T, r"ensemble expects constructors or layers, got the function tanh at network"),
    (lambda: replicate(X, 0), V, r"replicate: n must be at least 1, got 0"),
    (lambda: fnn.regularized(mse, fnn.l2(np.ones(2))) and fnn.l2(np.ones(2))(NETS), V,
     r"l2: the strength must have a value for each of 3 members, got float64 array \(2,\)"),
    (lambda: fnn.l1(np.ones(2))(members(NETS)[0]), V,
     r"l1: the strength has 2 values, one for each member, but there is a single network; write a number"),
    (lambda: fnn.schedules.cosine(np.array([0.1, -1.0]), 5), V, r"cosine: the learning rate, of member 1, must be at"),
    (lambda: fnn.best(3), T, r"best expects a function of a state, got int 3"),
    (lambda: fnn.best(repr)([1]), T, r"best expects the score to be a number, got str '1'"),
    (lambda: fnn.best(abs)([]), V, r"best expects a stream with at least one element, got none"),
    (lambda: epochs((X, LABELS), 5, ()), V, r"epochs expects a key, or one for each member, got an empty tuple; write"),
    (lambda: epochs((X, LABELS), 5, (1, 2)), T, r"epochs expects a key, got int 1; write Key\(1\)"),
    (lambda: train_step(mse, sgd(0.1), (Key(0),))(start(NETS, sgd(0.1)), (replicate(X, 3), replicate(ONE_HOT, 3))),
     V, r"train_step expects a key for each of 3 members, got 1; write split\(Key\(0\), 3\)"),
    (lambda: NETS(X), V, r"ensemble of 3 expects x \(3, rows, ...\), got \(23, 5\); write replicate\(x, 3\) for th"),
    (lambda: value_and_grad(mse, NETS, (replicate(X, 3), ONE_HOT)), V,
     r"ensemble of 3 expects target \(3, rows, ...\), got \(23, 4\); write replicate\(target, 3\) for the same rows"),
    (lambda: value_and_grad(mse, NETS, replicate(X, 3)), T, r"a batch is \(x, target\) or \(x, target, weights\), got"),
    (lambda: together(mse, sgd([0.1]), (X, ONE_HOT)), T, r"descend: the learning rate must be a number, got list"),
    (lambda: together(mse, sgd(np.ones(4)), (X, ONE_HOT)), V,
     r"descend: the learning rate must have a value for each of 3 members, got float64 array \(4,\)"),
    (lambda: sgd(np.ones((3, 1))), T, r"descend: the learning rate must be a number, or an array \(n,\), one for each"),
    (lambda: sgd(np.array([1.0, 0.0])), V, r"descend: the learning rate, of member 1, must be above 0, got 0.0: nothi"),
    (lambda: sgd(0.1, np.array([0.5, 1.0])), V, r"sgd: momentum, of member 1, must be at least 0 and below 1, got 1.0"),
    (lambda: alone(0, mse, sgd(np.ones(3)), (X, ONE_HOT)), V,
     r"descend: the learning rate has 3 values, one for each member, but there is a single network; write a number"),
    (lambda: tree.stack(members(NETS)[0]), T, r"tree.stack expects several trees, got Serial.*; write tree.stack"),
    (lambda: tree.stack([]), V, r"tree.stack expects at least one tree, got none"),
    (lambda: tree.stack([mlp(3)(Key(0), X), mlp(4)(Key(0), X)]), V,
     r"tree.stack, the first tree and number 1: trees differ at layers\[0\].weight: float32 array \(5, 3\) against fl"),
    (lambda: tree.stack([fnn.dropout(0.5), fnn.dropout(0.25)]), V,
     r"tree.stack, the first tree and number 1: the trees differ in a setting, float 0.5 against float 0.25"),
    (lambda: tree.unstack((relu,)), V, r"tree.unstack expects arrays, got a tree without any"),
    (lambda: tree.unstack((np.ones(2), np.ones(3))), V,
     r"tree.unstack expects leaves with a first axis of one length, got \[2\] at \[0\], \[3\] at \[1\]"),
    (lambda: replicate("a", 3), T, r"replicate expects an array, or a tuple of arrays, got str 'a'"),
    (lambda: members(relu), T, r"members expects an ensemble, or a state of one, got Relu\(\)"),
    (lambda: start(Ensemble(members(NETS)[0], 3), sgd(0.1)), V,
     r"an ensemble of 3 expects arrays \(3, ...\), got \(5, 8\) at layers\[0\].weight"),
    (lambda: ensemble(lambda key, x: dense(2 + key.path[-1])(key, x), 2)(Key(0), X), V,
     r"tree.stack, the first tree and number 1: trees differ at weight: float32 array \(5, 2\) against float32 array"),
    (lambda: fnn.finite((start(NETS, sgd(0.1)), 1.0, NETS)), T,
     r"a step of training expects a loss whose value is an array \(3,\), a number for each member, got float 1.0"),
    (lambda: Ensemble(fnn.layer_norm()(Key(0), X), 3)(replicate(X, 3)), V,
     r"ensemble of 3 expects parameters \(3, ...\), got \(5,\) at scale"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2][:60])
def test_a_mistake_is_told_in_these_words(row):
    call, kind, words = row
    with pytest.raises(kind, match=f"^{words}"):
        last(result) if hasattr(result := call(), "__next__") else result


IMAGE, ROW, STEPS = np.ones((5, 4, 4, 6)), np.ones((5, 6)), np.ones((5, 3, 6))
LAYERS = {
    "batch_norm": (fnn.batch_norm(), IMAGE), "layer_norm": (fnn.layer_norm(), ROW), "rms_norm": (fnn.rms_norm(), STEPS),
    "group_norm": (fnn.group_norm(3), IMAGE), "prelu": (fnn.prelu(), ROW), "lstm": (fnn.lstm(2), STEPS),
    "conv": (fnn.conv(2, 3), IMAGE), "pool": (fnn.max_pool(2), IMAGE), "glu": (fnn.glu, ROW),
    "residual": (fnn.residual(fnn.layer_norm()), ROW), "block": (fnn.transformer_block(2, 2), STEPS),
}  # fmt: skip
FAULTS = {
    "twice as wide": lambda x: np.concatenate([x, x], axis=-1),
    "a feature": lambda x: x[..., :1],
    "an axis less": lambda x: x[..., 0],
    "an axis more": lambda x: x[..., None],
    "one row": lambda x: x[:1],
    "no rows": lambda x: x[:0],
    "text": lambda x: x.astype(str),
}


@each_of("name", LAYERS)
def test_a_member_is_told_what_is_wrong_with_its_own_data_in_the_words_that_it_has_alone(name):
    layer, x = LAYERS[name]
    constructor = fnn.serial(fnn.serial(layer))  # with a place to name
    net, nets = constructor(Key(0), x), ensemble(constructor, 3)(Key(0), x)
    refused = 0
    for fault, changed in FAULTS.items():
        try:
            net(changed(x))
        except (TypeError, ValueError) as error:
            refused += 1
            with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
                nets(replicate(changed(x), 3))
        else:
            assert nets(replicate(changed(x), 3)).shape[0] == 3, fault
    assert refused

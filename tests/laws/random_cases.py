"""Random cases: a network, a loss with its penalties, a batch with its weights, all drawn from a key; and their check.

random_case : number -> case          check : case -> report, or an AssertionError that names the leaf
"""

from functools import partial
from itertools import compress

import attrs
import numpy as np

import fnn
from fnn import Key, Record, Serial, check_vjp, combined, dense, forward, l1, l2, serial, tree, value_and_grad, vjp
from fnn.core._structure import walk
from fnn.core.keys import fold_in, normals, uniforms
from fnn.layers._sequences import values_of
from tests.laws.cases import ACTIVATIONS, LAYERS, LOSSES, OF_ROWS, families

SLOPED = [ACTIVATIONS[name] for name in sorted(set(ACTIVATIONS) - {"heaviside"})]  # the slope of that one is 0


@attrs.frozen(eq=False)
class Case:
    """What ``value_and_grad`` is given."""

    loss: object
    params: object
    batch: tuple
    key: Key
    paths: list  # of the leaves of params


class Objective(Record):
    """The whole objective of a case as a function of the parameters alone, which is what ``check_vjp`` looks at."""

    case: Case


@vjp.register
def objective_vjp(objective: Objective, params):
    case = objective.case

    def objective_pullback(dvalue):
        reported, gradient = value_and_grad(case.loss, params, case.batch, case.key)
        assert np.isclose(reported, value, rtol=1e-12, atol=1e-14), (
            f"value_and_grad reports {reported}, its parts add up to {value}"
        )
        return objective, lambda: tree.map(lambda leaf: dvalue * leaf, gradient)

    value = _value(case, params)
    # Shifted by 1: a divergence of 0.01 is what is left of terms near 1, and it is these that were rounded.
    return 1.0 + value, objective_pullback


def _value(case, params):
    """The loss and its penalties, from forwards alone: not by the code that is on trial."""
    x, *target = case.batch
    loss, penalties = case.loss, ()
    if isinstance(loss, fnn.Regularized):
        loss, penalties = loss.loss, loss.penalties
    value = forward(loss, forward(params, x, case.key), *target)
    leaves = tree.leaves(params) if penalties else []
    for penalty in penalties:
        cost = np.abs if isinstance(penalty, fnn.L1) else _half_square
        chosen = compress(leaves, [not penalty.where or penalty.where(path) for path in case.paths])
        value += penalty.strength * sum(cost(leaf).sum() for leaf in chosen)
    return value


def _half_square(leaf):
    return leaf * leaf / 2


def check(case):
    """Compare the gradient of the whole objective with central differences, leaf by leaf: h = 1e-5, to 1e-8."""
    return check_vjp(Objective(case), case.params, tolerance=1e-8, step=1e-5)


class Dice:
    """Throws that are addressed by their number."""

    def __init__(self, key):
        self.key, self.throws = key, 0

    def next_key(self):
        self.throws += 1
        return fold_in(self.key, self.throws)

    def numbers(self, *shape):
        return normals(self.next_key(), shape)

    def uniforms(self, *shape):
        return uniforms(self.next_key(), shape)

    def integer(self, low, high):
        """An integer from low to high, both included."""
        return low + int(self.uniforms(1)[0] * (high - low + 1))

    def one_of(self, *options):
        return options[self.integer(0, len(options) - 1)]

    def activation(self):
        return self.one_of(*SLOPED, fnn.LeakyRelu(0.3), fnn.Elu(0.7))


def random_case(number):
    """The case with this number: kinds of networks take turns, all else is drawn."""
    dice = Dice(Key(2024, (number,)))
    turn, kind = divmod(number, len(KINDS) + 1)
    x, body = _layer(dice, turn) if kind == len(KINDS) else KINDS[kind](dice)
    n = len(tree.leaves((x,))[0])
    outputs = dice.integer(1, 3)
    several = dice.integer(1, 8) == 1
    head = fnn.parallel(dense(outputs), dense(dice.integer(2, 3))) if several else dense(outputs)
    params = serial(*body, head)(dice.next_key(), x)
    params = tree.map(lambda leaf: 0.7 * dice.numbers(*leaf.shape), params)
    key = dice.next_key()  # most networks draw nothing with it
    prediction = forward(params, x, key)
    if several:
        (first, target), (second, other) = (_loss_and_target(dice, part) for part in prediction)
        loss, target = combined(first, second, weights=(1.0, 0.3)), (target, other)
    else:
        loss, target = _loss_and_target(dice, prediction)
    weights = dice.one_of((), (), (dice.uniforms(n),), (dice.uniforms(n) * (np.arange(n) % 3 != 1),))
    return Case(_regularized(dice, loss), params, (x, target, *weights), key, tree.paths(params))


def _rows(dice):
    """Dense layers with norms, branches, dropout; a layer used twice."""
    x = dice.numbers(dice.one_of(1, 2, 3, 5, 7), dice.integer(1, 5))
    norms = [fnn.layer_norm(0.1), fnn.batch_norm(0.1)][: len(x)]  # one row has no statistics
    body = []
    for _ in range(dice.integer(1, 2)):
        width = dice.integer(1, 4)
        body += dice.one_of(
            [dense(width), dice.activation()],
            [dense(width + 2), dice.one_of(*norms), dice.activation()],
            [dense(width), fnn.residual(dense(width), dice.activation())],
            [fnn.concatenate(dense(width), serial(dense(2), dice.activation()))],
            [fnn.add(dense(width), serial(dense(width), dice.activation()))],
            [dense(width), partial(_twice, dice.activation())],
            [dense(width), dice.activation(), fnn.dropout(0.3)],
        )
    return x, body


def _twice(activation, key, x):
    layer = dense(x.shape[-1])(key, x)
    return Serial((layer, activation, layer))


def _images(dice):
    """Convolutions and pools; half of the images have a blank border, as scanned digits do."""
    groups = dice.one_of(1, 1, 2)
    x = dice.numbers(dice.integer(1, 3), dice.integer(4, 5), dice.integer(4, 5), groups * dice.integer(1, 2))
    if dice.one_of(True, False):
        x[:, :3], x[:, :, :3] = 0.0, 0.0
    filters, size = groups * dice.integer(1, 2), dice.one_of(1, 2, 3, (2, 3))
    stride, padding = dice.one_of(1, 1, 2), dice.one_of("same", "valid")
    convolution = fnn.conv(filters, size, stride, padding, groups=groups)
    norm = dice.one_of([], [], [fnn.batch_norm(0.1)])
    pool = dice.one_of([], [fnn.max_pool(2)], [fnn.max_pool(3, 2, "same")], [fnn.avg_pool(2, 1, "same")])
    second = dice.one_of([], [fnn.conv(2, 2, dilation=2), dice.activation()])
    if (stride, padding) == (2, "valid"):  # what is left may be a single pixel
        pool = []
        norm = norm if len(x) > 1 else []
    return x, [convolution, *norm, dice.activation(), *pool, *second, dice.one_of(fnn.flatten, fnn.global_avg_pool)]


def _sequences(dice):
    """Recurrent layers, one or two; a first state and lengths, or none."""
    n, time, features, units = dice.integer(1, 3), dice.integer(1, 5), dice.integer(1, 3), dice.integer(1, 3)
    x = dice.numbers(n, time, features)
    recurrent = dice.one_of(fnn.rnn, fnn.gru, fnn.lstm)
    lengths = np.array([dice.integer(1, time) for _ in range(n)])
    form = dice.one_of("x", "x", "lengths", "state")
    if form == "lengths":
        another = dice.one_of([], [fnn.bidirectional(fnn.rnn(2))], [fnn.lstm(2)])
        return (x, lengths), [recurrent(units), *another, fnn.last_step]
    if form == "state":
        state = dice.numbers(n, units)
        state = (state, dice.numbers(n, units)) if recurrent is fnn.lstm else state
        return (x, lengths, state), [recurrent(units), dice.one_of(fnn.pick(0), partial(_last_state, state))]
    behind = dice.one_of(
        [], [fnn.layer_norm(0.1)], [dice.activation()], [fnn.bidirectional(fnn.gru(2))], [fnn.dropout(0.3)]
    )
    return x, [recurrent(units), *behind, *dice.one_of([], [fnn.last_step], [fnn.conv(2, 3)])]


def _last_state(state, key, x):
    """All that a layer gives but its steps: h, or h and c side by side."""
    return Serial((fnn.pick(2), *((fnn.concatenate,) if isinstance(state, tuple) else ())))


def _symbols(dice):
    """Embedded symbols, few enough to come again, looked at by attention."""
    n, time, (heads, width) = dice.integer(1, 3), dice.integer(1, 4), dice.one_of((1, 2), (1, 3), (2, 2), (2, 4))
    symbols = (dice.uniforms(n, time) * 3).astype(int)
    table, causal = fnn.embedding(3, width), dice.one_of(True, False)
    if dice.integer(1, 3) == 1:
        lengths = np.array([dice.integer(1, time) for _ in range(n)])
        pair = fnn.parallel(serial(fnn.pick(0), table), fnn.pick(1))
        attend = dice.one_of(fnn.attention(heads, causal), fnn.transformer_block(heads, 2, causal))
        return (symbols, lengths), [pair, attend, fnn.last_step]
    attend = dice.one_of(
        [fnn.attention(heads, causal)], [fnn.transformer_block(heads, 2, causal, dice.one_of(0.0, 0.2))], [fnn.lstm(2)]
    )
    position = dice.one_of([], [fnn.positional()], [fnn.positional(4)])
    return symbols, [table, *position, *attend, *dice.one_of([], [fnn.last_step])]


KINDS = (_rows, _images, _rows, _sequences, _symbols)


def _kinds_of(layer):
    """The classes of a layer and of the layers inside."""
    return {type(node) for _, node in walk(layer, every=True)}


# Every public layer with a slope has its turn, in one of its cases of ``LAYERS``.
PUBLIC = sorted(
    {value for name in fnn.__all__ if (value := getattr(fnn, name)) in vjp.registry}
    & set().union(*(_kinds_of(layer) for layer, _ in LAYERS.values())) - {fnn.Heaviside},
    key=lambda cls: cls.__name__,
)


def _layer(dice, turn):
    """A public layer, as one of its cases has it."""
    kind = PUBLIC[turn % len(PUBLIC)]
    layer, x = LAYERS[dice.one_of(*(name for name, (layer, _) in LAYERS.items() if kind in _kinds_of(layer)))]
    y = layer(x, dice.next_key())
    one_array = [] if not isinstance(y, tuple) else [fnn.pick(0)]
    return x, [layer, *one_array, dice.activation()]


def _loss_and_target(dice, prediction):
    """Any loss, and a target that fits it."""
    shape = values_of(prediction).shape
    # Of one class every network is certain.
    names = [name for name in sorted(LOSSES) if shape[-1] > 1 or not {*OF_ROWS} & {*families(name)}]
    name = dice.one_of(*names)
    loss = LOSSES[name]
    if hasattr(loss, "label_smoothing"):
        loss = type(loss)(label_smoothing=dice.one_of(0.0, 0.0, 0.2))
    if name == "huber":
        loss = fnn.Huber(delta=dice.one_of(0.3, 1.0))
    soft = np.exp(dice.numbers(*shape))
    soft = soft / soft.sum(axis=-1, keepdims=True)
    targets = {
        "values": dice.numbers(*shape),
        "vectors": dice.numbers(*shape),
        "probabilities": dice.one_of(dice.uniforms(*shape), dice.uniforms(*shape).round()),
        "signs": np.sign(dice.numbers(*shape)),
        "distributions": soft,
        "labels": soft.argmax(axis=-1),
    }
    return loss, targets[dice.one_of(*families(name))]


def _is_weight_or_bias(path):
    return path.endswith(("bias", "weight"))


def _regularized(dice, loss):
    strength = 0.05 + 0.2 * float(dice.uniforms(1)[0])
    where = dice.one_of(None, None, "", _is_weight_or_bias)
    penalties = dice.one_of((), (), (l1(strength, where),), (l2(strength, where),), (l1(0.1), l2(strength, where)))
    return fnn.regularized(loss, *penalties) if penalties else loss

"""A constructor shows itself as the call that it came from, pickles, and names initializers in its signature."""

import inspect
import pickle
from functools import partial

import numpy as np

import fnn
from fnn import Key, initializers, tree
from fnn.layers._constructor import Constructor
from tests.each_of import each_of
from tests.laws.cases import CONSTRUCTORS, numbers

IMAGES, SEQUENCES, SYMBOLS = numbers(2, 6, 6, 2), numbers(2, 5, 4), np.array([[0, 3], [1, 1]])
NAMES = {**vars(initializers), **vars(fnn), "partial": partial}
EXAMPLES = {
    "dense(64)": SEQUENCES,
    "dense(units=64, bias=ones)": SEQUENCES,
    "dense(3, partial(normal, std=0.01))": SEQUENCES,
    "conv(8, (3, 2), stride=2, padding='valid')": IMAGES,
    "batch_norm()": IMAGES,
    "layer_norm(epsilon=0.001)": SEQUENCES,
    "rnn(3)": SEQUENCES,
    "lstm(3, hidden_weight=orthogonal)": SEQUENCES,
    "gru(units=3)": SEQUENCES,
    "embedding(5, 2)": SYMBOLS,
    "attention(2, causal=True)": SEQUENCES,
    "positional()": SEQUENCES,
    "positional(7)": SEQUENCES,
    "serial(dense(4), Relu(), GlobalAvgPool())": IMAGES,
}
PUBLIC = {
    name: value
    for name in fnn.__all__
    if callable(value := getattr(fnn, name)) and getattr(value, "__annotations__", {}).get("return") == "Construct"
}


@each_of("call", [*EXAMPLES, *(each for each in CONSTRUCTORS if "[" not in each)])
def test_it_is_shown_as_the_call_that_it_came_from(call):
    assert repr(eval(call, dict(NAMES))) == call


@each_of("call", EXAMPLES)
def test_it_pickles_and_then_constructs_the_same_layer(call):
    constructor, x = eval(call, dict(NAMES)), EXAMPLES[call]
    again = pickle.loads(pickle.dumps(constructor))
    assert type(again) is Constructor
    assert repr(again) == call
    assert tree.equal(again(Key(3), x), constructor(Key(3), x))


@each_of("name", PUBLIC)
def test_its_signature_names_its_initializers_and_what_it_returns(name):
    signature = inspect.signature(PUBLIC[name])
    assert signature.return_annotation is Constructor
    assert " at 0x" not in str(signature)
    for parameter in signature.parameters.values():
        if callable(parameter.default) and repr(parameter.default) in initializers.__all__:
            drawn, expected = (f(Key(1), (3, 2)) for f in (parameter.default, NAMES[repr(parameter.default)]))
            np.testing.assert_array_equal(drawn, expected)


def test_the_signature_of_dense_reads_as_it_was_written():
    assert str(inspect.signature(fnn.dense)).startswith(
        "(units: 'int', weight: 'Initializer' = glorot_uniform, bias: 'Initializer' = zeros) -> "
    )
    assert {"dense", "conv", "lstm", "attention", "serial"} <= set(PUBLIC)

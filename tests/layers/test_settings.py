"""A setting under which nothing is computed is refused when it is set, also in a record that is made directly."""

import math
import pickle
from functools import partial

import attrs
import numpy as np
import pytest

import fnn
from fnn import (
    Attention,
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Crop,
    DotProductAttention,
    Dropout,
    Elu,
    Flatten,
    GaussianNoise,
    Gelu,
    Glu,
    GroupNorm,
    HardSigmoid,
    HardTanh,
    LayerNorm,
    LeakyRelu,
    LocalResponseNorm,
    LogSoftmax,
    MaxPool,
    Pad,
    Permute,
    Pick,
    Reshape,
    RMSNorm,
    Rotary,
    Selu,
    Softmax,
    SwiGlu,
    Upsample,
    vjp,
)
from fnn.core.record import Record
from tests.each_of import each_of

ONE, TWO = np.ones(2), np.zeros(2)
KERNEL = np.ones((3, 2, 2))
NAN, INF = math.nan, math.inf

# A record of each class, given one of its settings; and what that may not be.
REFUSED = {
    (Dropout, "rate"): (Dropout, [1, 1.0, 2, -0.1, NAN, INF, True, "0.5", None]),
    (Dropout, "channels"): (lambda channels: Dropout(0.5, channels), [0, 1, None, "yes"]),
    (GaussianNoise, "std"): (GaussianNoise, [-1, NAN, INF, True, None]),
    (Pad, "width"): (Pad, [-1, 1.5, (1, 1, 1, 1), ((1, 2, 3),), [1], None]),
    (Pad, "value"): (lambda value: Pad(1, value), [NAN, INF, None, True]),
    (Crop, "width"): (Crop, [-1, 1.5, (1, 1, 1, 1), ((1, 2, 3),), [1], None]),
    (Upsample, "size"): (Upsample, [0, -1, 1.5, (1, 0), [2], None]),
    (Upsample, "method"): (lambda method: Upsample(2, method), ["cubic", None, 1]),
    (LeakyRelu, "slope"): (LeakyRelu, [NAN, INF, -INF, True, "0.1", None, np.ones(2)]),
    (Elu, "alpha"): (Elu, [NAN, INF, -1, True, None]),
    (Selu, "alpha"): (lambda alpha: Selu(alpha=alpha), [NAN, INF, -1, None]),
    (Selu, "scale"): (lambda scale: Selu(scale=scale), [NAN, INF, 0, -1, None]),
    (Gelu, "approximate"): (Gelu, ["erf", True, None]),
    (HardTanh, "low"): (HardTanh, [NAN, 1, 2, INF, True, "0.1", None]),
    (HardTanh, "high"): (lambda high: HardTanh(high=high), [NAN, -1, -2, -INF, True, None]),
    (HardSigmoid, "slope"): (HardSigmoid, [NAN, INF, True, None]),
    (HardSigmoid, "shift"): (lambda shift: HardSigmoid(shift=shift), [NAN, INF, True, None]),
    **{(kind, "axis"): (kind, [1.0, True, None, (1, 2)]) for kind in (Softmax, LogSoftmax, Glu, SwiGlu)},
    (Flatten, "start"): (Flatten, [0, -1, 1.5, True, None]),
    (BatchNorm, "epsilon"): (lambda epsilon: BatchNorm(ONE, TWO, epsilon), [NAN, INF, 0, 0.0, -1e-5, None, True]),
    (LayerNorm, "epsilon"): (lambda epsilon: LayerNorm(ONE, TWO, epsilon), [NAN, INF, 0, 0.0, -1e-5, None, True]),
    (GroupNorm, "epsilon"): (lambda epsilon: GroupNorm(ONE, TWO, 1, epsilon), [NAN, INF, 0, -1e-5, None, True]),
    (GroupNorm, "groups"): (lambda groups: GroupNorm(ONE, TWO, groups), [0, -1, 1.5, None, True]),
    (RMSNorm, "epsilon"): (lambda epsilon: RMSNorm(ONE, epsilon), [NAN, INF, 0, 0.0, -1e-5, None, True]),
    (Attention, "heads"): (
        lambda heads: Attention(np.ones((2, 6)), np.ones(6), np.ones((2, 2)), ONE, heads),
        [0, -1, 1.0, NAN, None, True],
    ),
    (Attention, "causal"): (
        lambda causal: Attention(np.ones((2, 6)), np.ones(6), np.ones((2, 2)), ONE, 1, causal),
        [0, 1, None, "yes"],
    ),
    **{
        (Attention, field): (
            lambda value, field=field: Attention(
                np.ones((2, 6)), np.ones(6), np.ones((2, 2)), ONE, 1, **{field: value}
            ),
            values,
        )
        for field, values in {
            "kv_heads": [0, -1, 1.0, True],
            "window": [-1, 1.5, (1, 2, 3), (-1, 1), True, "all"],
            "rotary": [True, 10000.0, fnn.Rotary],
            "softcap": [0, -1, INF, NAN, True, "2"],
            "also": ["y", True, 1],
        }.items()
    },
    **{
        (DotProductAttention, field): (lambda value, field=field: DotProductAttention(**{field: value}), values)
        for field, values in {
            "heads": [0, 1.0, None, True],
            "causal": [0, None, "yes"],
            "kv_heads": [0, -1, 1.0, True],
            "window": [-1, 1.5, (1, 2, 3), (-1, 1), True, "all"],
            "scale": [0, -1, INF, NAN, True],
            "softcap": [0, -1, INF, NAN, True],
            "also": ["y", True, 1],
            "offset": [-1, 1.5, None, "start"],
        }.items()
    },
    (fnn.Gru, "reset_after"): (lambda value: fnn.Gru(ONE, ONE, ONE, ONE, value), [0, None, "before"]),
    (Rotary, "base"): (Rotary, [0, -1, INF, NAN, None, True]),
    (Rotary, "features"): (lambda features: Rotary(features=features), [0, 1, 2.0, True]),
    (Rotary, "interleaved"): (lambda value: Rotary(interleaved=value), [0, None]),
    (Reshape, "shape"): (Reshape, [(0,), (-1,), (2.0,), [2], 2, None]),
    (Permute, "order"): (Permute, [(1, 2), (0, 0), (0.0,), [0, 1], 0, None]),
    **{
        (LocalResponseNorm, field): (
            lambda value, field=field: LocalResponseNorm(**{"size": 3, field: value}),
            [NAN, INF, -1, True, None] + {"size": [0, 2, 1.0], "bias": [0, 0.0]}.get(field, []),
        )
        for field in ("size", "alpha", "beta", "bias")
    },
    (Pick, "place"): (Pick, [-1, 1.0, None, True]),
    (Conv, "stride"): (lambda stride: Conv(KERNEL, TWO, stride), [0, -1, 1.5, (1, 0), (1, 1, 1, 1), [1], None]),
    (Conv, "padding"): (
        lambda padding: Conv(KERNEL, TWO, 1, padding),
        [-1, "all", 1.5, (1, 1, 1, 1), ((1, -1),), None],
    ),
    (Conv, "dilation"): (lambda dilation: Conv(KERNEL, TWO, 1, "same", dilation), [0, -1, 1.5, (0,), None]),
    (Conv, "groups"): (lambda groups: Conv(KERNEL, TWO, 1, "same", 1, groups), [0, -1, 1.5, None, True]),
    **{
        (ConvTranspose, field): (
            lambda value, field=field: ConvTranspose(KERNEL, TWO, **{field: value}),
            [-1, 1.5, (1, 1, 1, 1), [1], None] + more,
        )
        for field, more in {
            "stride": [0, (1, 0)],
            "padding": ["causal", ((1, 2, 3),)],
            "dilation": [0],
            "groups": [0],
            "output_padding": [],
        }.items()
    },
    **{
        (pool, "ceil_mode"): (lambda value, pool=pool: pool(2, 2, ceil_mode=value), [0, None])
        for pool in (MaxPool, AvgPool)
    },
    **{
        (pool, field): (
            lambda value, pool=pool, field=field: pool(**{"size": 2, "stride": 2, field: value}),
            [-1, 1.5, (2, -1), (1, 1, 1, 1), [2], None] + ([] if field == "padding" else [0, (0, 2)]),
        )
        for pool in (MaxPool, AvgPool)
        for field in ("size", "stride", "padding", "dilation")
    },
}
ROWS = [(*key, call, value) for key, (call, values) in REFUSED.items() for value in values]


@each_of(("kind", "field", "call", "value"), ROWS, ids=lambda value: repr(value)[:30])
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(kind, field, call, value):
    what = {"Dropout": "dropout: ", "Reshape": "reshape", "Pick": "pick: the place"}.get(kind.__name__, field)
    with pytest.raises((TypeError, ValueError), match=what):
        call(value)


SETTINGS = {
    (kind, field.name)
    for name in fnn.__all__
    if isinstance(kind := getattr(fnn, name), type)
    and issubclass(kind, Record)
    and kind.__module__.startswith("fnn.layers")
    for field in attrs.fields(kind)
    if "ndarray" not in str(field.type)
}


def test_every_setting_of_a_layer_has_a_line_above():
    """Whoever adds a layer with a setting adds to ``REFUSED`` what the setting may not be."""
    assert {setting for setting in SETTINGS if setting not in REFUSED} == set()


def test_settings_come_out_as_they_are_kept_in_files():
    assert type(Dropout(0).rate) is float
    assert type(Dropout(np.float32(0.5)).rate) is float
    assert MaxPool((2, 3), 2).size == (2, 3)
    assert LeakyRelu(-0.5)(np.array([-2.0])) == 1
    for layer in (Dropout(0.5), MaxPool(2, 1, "same"), Conv(KERNEL, TWO, groups=1), BatchNorm(ONE, TWO)):
        assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)


@pytest.mark.parametrize("constructor", [fnn.batch_norm, fnn.layer_norm, fnn.rms_norm, partial(fnn.group_norm, 1)])
def test_the_smallest_epsilon_of_all_keeps_a_constant_finite(constructor):
    for dtype in (np.float16, np.float32, np.float64):
        x = np.zeros((4, 3), dtype)
        layer = constructor(5e-324)(fnn.Key(0), x)
        y, pullback = vjp(layer, x)
        assert np.isfinite(y).all()
        with pytest.raises(ValueError, match=r"epsilon must be above 0, got 0.0"):
            constructor(0.0)
        assert np.isfinite(pullback(np.zeros_like(y))[1]()).all()

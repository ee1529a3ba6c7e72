"""What attention is given: queries, keys and values, and which query may look at which key.

read    : caller, x -> inputs, in any of the forms that attention takes
hidden  : layer, inputs, queries, keys, offset -> what may not be looked at, None if there is no such
unmasked : x -> x without a mask       wide : the vjp of an attention -> the same, which computes float16 in float32
windows, softcaps, alsos, none_or : what their settings may be

x is a query that looks at its own steps, or a tuple of query, key, value and mask, of which those from the end may be
left out, or be None: no key is the query, no value is the key. A source may come with lengths, ``(values, lengths)``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import as_array, counting
from fnn.core._errors import LayerTypeError, LayerValueError, describe, integer, positive
from fnn.core.vjp import Pullback
from fnn.layers._sequences import mask, unpack, zero_padding
from fnn.layers._stable import Vjp, computed_in

ALSO = (None, "weights", "scores", "products")
Window = tuple[int | None, int | None]


@attrs.frozen(eq=False)
class Inputs:
    """What attention looks at, with 0 beyond the lengths; a key or value that was not given is None."""

    query: np.ndarray
    key: np.ndarray | None
    value: np.ndarray | None
    mask: np.ndarray | None
    lengths: np.ndarray | None  # of the queries
    key_lengths: np.ndarray | None
    parts: int  # how many the input had; 0 if it was no tuple, or (x, lengths)
    pairs: tuple[bool, ...]  # which sources came with lengths

    @property
    def sources(self) -> tuple[np.ndarray, ...]:
        """The sources that were given, each once."""
        return tuple([each for each in (self.query, self.key, self.value) if each is not None])

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """The rows and steps of query, key and value."""
        sources = self.sources
        return [(len(sources[place]), sources[place].shape[1]) for place in self.places]

    @property
    def places(self) -> tuple[int, int, int]:
        """Which of the sources serve as query, key and value."""
        key = 0 if self.key is None else 1
        return 0, key, key if self.value is None else key + 1

    def packed(self, y: np.ndarray, also: np.ndarray | None) -> Any:
        """Return y, with lengths where the query has some, and what was asked for beside it: 0 beyond the lengths."""
        formed = (zero_padding(y, self.lengths), self.lengths) if self.pairs[0] else y
        return formed if also is None else (formed, self._within(also))

    def unpacked(self, dy: Any, also: str | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the gradients of y and of what is beside it, 0 beyond the lengths."""
        formed, dalso = dy if also else (dy, None)
        formed = zero_padding(formed[0], self.lengths) if self.pairs[0] else formed
        return formed, None if dalso is None else self._within(dalso)

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Return (n, heads, queries, keys) with 0 for queries beyond the lengths."""
        return values if self.lengths is None else zero_padding(values.swapaxes(1, 2), self.lengths).swapaxes(1, 2)

    def last_keys(self, count: int) -> Inputs:
        """Return the same with a mask of the last ``count`` keys alone."""
        return self if self.mask is None else attrs.evolve(self, mask=self.mask[..., -count:])

    def gradient(self, dsources: Sequence[np.ndarray], dmask: np.ndarray | None) -> Any:
        """Return dx in the form of x."""
        rest = iter(dsources)
        given = [next(rest) if each is not None else None for each in (self.query, self.key, self.value)]
        counts = self.lengths, self.key_lengths, self.key_lengths
        formed: list[Any] = []
        for dsource, is_pair, lengths in zip(given, self.pairs, counts, strict=True):
            if dsource is None:
                formed.append(None)
                continue
            dsource = zero_padding(dsource, lengths)
            formed.append((dsource, np.zeros(dsource.shape[:1], dsource.dtype)) if is_pair else dsource)
        if self.mask is not None and dmask is None:
            dmask = np.zeros(self.mask.shape, dsources[0].dtype)
        return tuple([*formed, dmask][: self.parts]) if self.parts else formed[0]


def read(caller: str, x: Any) -> Inputs:
    """Return the inputs of an attention, or raise ``TypeError`` or ``ValueError`` in the name of ``caller``."""
    parts = x if isinstance(x, tuple) and not _with_lengths(x) else (x,)
    if not 1 <= len(parts) <= 4:
        forms = "x, (x, lengths), (query, key), (query, key, value) or (query, key, value, mask)"
        raise LayerTypeError(caller, f"expects {forms}, got a tuple of {len(parts)}")
    query, *others = (*parts, None, None, None)[:4]
    if len(parts) == 3 and parts[1] is not None and not isinstance(parts[1], tuple) and np.ndim(parts[1]) == 1:
        raise LayerTypeError(caller, "expects x or the pair (x, lengths), got a tuple of 3")
    q, lengths = _source(caller, query)
    (k, key_lengths), (v, value_lengths) = (
        (None, None) if each is None else _source(caller, each) for each in others[:2]
    )
    if key_lengths is None and value_lengths is None and k is None:
        key_lengths = lengths
    elif key_lengths is None:
        key_lengths = value_lengths
    elif value_lengths is not None and not np.array_equal(key_lengths, value_lengths):
        raise LayerValueError(caller, f"expects the same lengths of keys and values, got {key_lengths, value_lengths}")
    keys = q.shape[1] if k is None else k.shape[1]
    shapes = [each.shape for each in (q, k, v) if each is not None]
    if len({shape[0] for shape in shapes}) > 1 or (v is not None and v.shape[1] != keys):
        raise LayerValueError(caller, f"expects as many rows of each, and a value for each key, got {_listed(shapes)}")
    pairs = tuple([_with_lengths(each) for each in (query, *others[:2])])
    k, v = (None if each is None else zero_padding(each, key_lengths) for each in (k, v))
    masked = None if others[2] is None else _mask(caller, others[2])
    return Inputs(
        zero_padding(q, lengths), k, v, masked, lengths, key_lengths, 0 if parts[0] is x else len(parts), pairs
    )


def unmasked(x: Any) -> Any:
    """Return x without its mask, whose dtype plays no part in that of the results."""
    return x[:3] if isinstance(x, tuple) else x


def wide(function: Vjp) -> Vjp:
    """Decorate the vjp of an attention so that it computes float16 in float32, whichever form its input has."""

    @functools.wraps(function)
    def wide_vjp(layer: Any, x: Any, key: Any = None) -> tuple[Any, Pullback]:
        query = x
        while isinstance(query, tuple) and query:
            query = query[0]
        if getattr(query, "dtype", None) != np.float16:
            return function(layer, x, key)
        return computed_in(np.float32, function, layer, x, key, unmasked(x))

    return wide_vjp


def _with_lengths(x: Any) -> bool:
    if not isinstance(x, tuple) or len(x) != 2:
        return False
    return x[1] is not None and not isinstance(x[1], tuple) and np.ndim(x[1]) < 2


def _source(caller: str, given: Any) -> tuple[np.ndarray, np.ndarray | None]:
    array, lengths, _, parts = unpack(caller, given)
    if parts == 3:
        raise LayerTypeError(caller, f"expects sequences or (sequences, lengths), got {describe(given)}")
    return array, lengths


def _mask(caller: str, given: Any) -> np.ndarray:
    array = as_array(caller, given)
    if array.dtype.kind not in "bf" or not 1 <= array.ndim <= 4:
        wanted = "a mask of booleans, True where a query may look, or of floats that are added to the scores"
        raise LayerTypeError(caller, f"expects {wanted}, got {describe(given)}")
    return array


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))


def hidden(
    caller: str, layer: Any, inputs: Inputs, shape: tuple[int, int, int, int], offset: Any = 0
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return what no query may look at, and what is added to the scores, for broadcasting to (n, heads, queries, keys).

    Args:
        caller: the layer's name, for messages.
        layer: a record with ``causal`` and ``window``.
        inputs: the inputs.
        shape: n, heads, queries, keys.
        offset: the key that stands where the first query stands, one for all rows or (n,).
    """
    queries, keys = shape[2:]
    found = _too_far(layer, queries, keys, offset)
    # A step that does not look ahead in its own row does not look beyond the row's length either.
    alone = inputs.key is None and inputs.value is None and layer.causal and not np.any(np.greater(offset, 0))
    if inputs.key_lengths is not None and not alone:
        beyond = ~mask(inputs.key_lengths, keys)[:, None, None, :]
        found = beyond if found is None else found | beyond
    given = inputs.mask
    if given is None:
        return found, None
    try:
        fits = np.broadcast_shapes(given.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise LayerValueError(caller, f"expects a mask that fits (n, heads, queries, keys) {shape}, got {given.shape}")
    if given.dtype.kind == "f":
        return found, given
    return ~given if found is None else found | ~given, None


def _too_far(layer: Any, queries: int, keys: int, offset: Any) -> np.ndarray | None:
    before, after = (None, None) if layer.window is None else layer.window
    after = 0 if layer.causal else after
    if before is None and after is None:
        return None
    # How many steps after its query each key stands: (queries, keys), or (n, 1, queries, keys).
    places = np.asarray(offset)[..., None, None] + counting(queries)[:, None]
    ahead = counting(keys) - places
    ahead = ahead[:, None] if ahead.ndim == 3 else ahead
    if before is None:
        return ahead > after
    return ahead < -before if after is None else (ahead > after) | (ahead < -before)


def a_window(caller: str, value: Any) -> Window | None:
    """Return how many steps before and after it a step sees, as a pair, or raise in the name of ``caller``."""
    if value is None:
        return None
    if not isinstance(value, tuple):
        width = integer(f"{caller}: window", value, 0)
        return width, width
    if len(value) != 2:
        raise ValueError(
            f"{caller}: window must be a number of steps or a pair, before and after, got {describe(value)}"
        )
    before, after = (None if each is None else integer(f"{caller}: window", each, 0) for each in value)
    return before, after


def one_of_also(caller: str, value: Any) -> str | None:
    """Return what is returned beside y, or raise ``ValueError`` in the name of ``caller``."""
    if not isinstance(value, str | None) or value not in ALSO:
        raise ValueError(f"{caller}: also must be one of {', '.join(map(repr, ALSO))}, got {describe(value)}")
    return value


def none_or(check: Callable[[str, Any], Any], what: str) -> Callable[[Any], Any]:
    """Return a converter for a setting that may be left out."""
    return partial(_none_or, check, what)


def _none_or(check: Callable[[str, Any], Any], what: str, value: Any) -> Any:
    return None if value is None else check(what, value)


def windows(caller: str) -> Any:
    """Return the field of a record for its window."""
    return attrs.field(default=None, converter=partial(a_window, caller))


def softcaps(caller: str) -> Any:
    """Return the field of a record for the bound of its scores."""
    return attrs.field(default=None, converter=none_or(positive, f"{caller}: softcap"))


def alsos(caller: str) -> Any:
    """Return the field of a record for what it returns beside y."""
    return attrs.field(default=None, converter=partial(one_of_also, caller))

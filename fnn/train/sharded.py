"""A sharded loss is a loss: a batch is cut into shards, each is evaluated by itself, and the gradients are added up.

    sharded : loss, shards, map? -> loss

Who evaluates a shard is for ``map`` to say: this process, threads, other processes, other machines. The result depends
on the number of shards alone, to the bit, because the cuts do, and because values and gradients are added in the order
of the shards. All that a worker needs is in what the map gives it: a loss, the network, rows, a key.

    map                                                                   one shard after the other
    with fnn.threads(2) as map: ...                                       the cores of this machine
    with fnn.processes(2) as map: ...                                     the same where a step is many short operations
    ProcessPoolExecutor(2).map, multiprocessing.Pool(2).map               processes of this machine
    lambda f, items: joblib.Parallel(n_jobs=2)(map(joblib.delayed(f), items))
    dask.distributed.Client("tcp://...:8786").get_executor().map          a Dask cluster; client.map returns futures
    mpi4py.futures.MPIPoolExecutor().map                                  MPI, started by mpiexec -m mpi4py.futures
    ray.util.multiprocessing.Pool().map                                   a Ray cluster

BLAS must have the same number of threads wherever a shard is evaluated, or sums are added in another order: set
``OPENBLAS_NUM_THREADS=1`` in the environment of every process.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import numpy as np

from fnn.core._arrays import is_array, is_tuple, read_only
from fnn.core._errors import describe, integer
from fnn.core._flat import flat, take_apart, tied, widened
from fnn.core._structure import Tree
from fnn.core.grad import objective, value_and_grad
from fnn.core.keys import Key, fold_in, require_key
from fnn.core.record import Record, is_record
from fnn.core.vjp import Pullback, registered, vjp
from fnn.losses._members import members_vjp, terms_of_members
from fnn.losses._records import A_LOSS
from fnn.losses._terms import is_of_predictions, require_logits, terms
from fnn.losses.regularization import L1, L2, Regularized
from fnn.networks.ensemble import Ensemble, keys_of, require_members
from fnn.train._maps import Map, mapped, require_map

# Rows, or None for a sum; value and gradient, both times rows / n. Of an ensemble, rows and value may be arrays (n,).
Term = tuple[Any, Any, np.ndarray]


class Sharded(Record):
    """The loss of a batch, evaluated in ``shards`` parts: sum(rows of shard * loss of shard) / rows.

    Of a prediction alone it is the loss itself: it is the network whose work is shared.
    """

    loss: Any
    shards: int = attrs.field(converter=functools.partial(integer, "sharded: the number of shards"))
    map: Any = map


@vjp.register
def sharded_vjp(loss: Sharded, prediction: Any, target: Any, weights: Any = None) -> tuple[Any, Pullback]:
    value, pullback = registered(type(loss.loss), vjp)(loss.loss, prediction, target, weights)

    def sharded_pullback(dvalue: Any) -> tuple[Sharded, Any]:
        return loss, pullback(dvalue)[1]

    return value, sharded_pullback


@value_and_grad.register
def sharded_value_and_grad(loss: Sharded, params: Tree, batch: tuple[Any, ...], key: Any = None) -> tuple[Any, Tree]:
    many = isinstance(params, Ensemble)
    if many:
        key = None if key is None else keys_of("value_and_grad", key, params.n)
    elif key is not None:
        require_key("value_and_grad", key)
    shards = _shards(batch, loss.shards, params.n if many else None)
    n = shards[-1][1].stop
    require_logits(loss.loss, params.network if many else params)
    vector, layout = flat(params)
    if not all(leaf.flags.c_contiguous for leaf in take_apart(params)[0]):
        params = layout.cut(vector.copy())  # as another process would get them: a product's bits depend on the order
    work = functools.partial(_terms_of_shard, loss.loss, params, n, dict(np.geterr()))
    items = [(place, rows, shard, _key_of_shard(key, place)) for place, rows, shard in shards]
    value, total = _added(_arriving(mapped("sharded", work, items, loss.map), len(items)), n)
    return value, layout.cut(total.astype(vector.dtype, copy=False))


def _key_of_shard(key: Any, place: int) -> Any:
    if key is None:
        return None
    return fold_in(key, place) if isinstance(key, Key) else key.at(place)


def _shards(batch: Any, count: int, members: int | None) -> list[tuple[int, slice, tuple[Any, ...]]]:
    """Return the number, the rows and the part of each shard: as many as ``count`` or as there are rows."""
    if not is_tuple(batch) or len(batch) not in (2, 3):
        raise TypeError(f"a batch is (x, target) or (x, target, weights), got {describe(batch)}")
    for name, part in zip(("x", "target", "weights"), batch, strict=False):
        if members is not None and part is not None:
            require_members(members, part, name)
    lengths = list(_lengths(batch, 0 if members is None else 1))
    if len(set(lengths)) != 1:
        found = " and ".join(map(str, lengths))
        raise ValueError(f"sharded: the arrays of a batch must have the same number of rows, got {found}")
    n = lengths[0]
    if not n:
        raise ValueError("sharded expects a batch of at least one row, got 0")
    # Of n = 8 rows in 3 shards: 3, 3 and 2.
    least, more = divmod(n, count)
    edges = [place * least + min(place, more) for place in range(min(n, count) + 1)]
    cuts = map(slice, edges, edges[1:])
    return [(place, rows, _rows_of(batch, rows, members is not None)) for place, rows in enumerate(cuts)]


def _lengths(part: Any, axis: int) -> Iterator[int]:
    """Yield the number of rows of each array of a batch; those of an ensemble have them in the second axis."""
    if is_tuple(part):
        for each in part:
            yield from _lengths(each, axis)
    elif part is not None:
        if not hasattr(part, "shape" if axis else "__len__") or getattr(part, "shape", None) == ():
            raise TypeError(f"sharded expects arrays with rows in a batch, got {describe(part)}")
        yield part.shape[axis] if axis else len(part)


def _rows_of(part: Any, rows: slice, many: bool) -> Any:
    if is_tuple(part):
        return tuple([_rows_of(each, rows, many) for each in part])
    if part is None:
        return None
    # In C order, as another process would get it. Masked arrays stay what they are, for the layers to refuse.
    plain = is_array(part) and not isinstance(part, np.ma.MaskedArray)
    part = part[:, rows] if many else part[rows]
    return np.asarray(part, order="C") if plain else part


def _terms_of_shard(
    loss: Any, params: Tree, n: int, alarms: dict[str, Any], item: tuple[int, slice, tuple[Any, ...], Any]
) -> list[Term]:
    """Evaluate a shard of a batch of ``n`` rows; a worker calls this, perhaps in another process."""
    place, rows, shard, key = item
    try:
        with np.errstate(**alarms):  # which threads and processes do not have from the caller
            return list(_terms(loss, params, n, rows.stop - rows.start, shard, key))
    except Exception as error:
        error.add_note(f"sharded: in shard {place}, rows {rows.start} to {rows.stop - 1} of a batch of {n}")
        raise


def _terms(loss: Any, params: Tree, n: int, here: int, shard: tuple[Any, ...], key: Any) -> Iterator[Term]:
    _, layout = flat(params)

    def vector(gradient: Tree) -> np.ndarray:
        return layout.gather(gradient, params, "sharded: parameters and gradient")

    if not is_of_predictions(loss):
        value, gradient = objective(loss)(loss, params, shard, key)
        gathered = vector(gradient)
        gathered *= here / n
        yield here, value * (here / n), gathered
        return
    x, *target = shard
    prediction, pullback = registered(type(params), vjp)(params, x, key)
    many = isinstance(params, Ensemble)
    found = terms_of_members(loss, params.n, prediction, target[0]) if many else terms(loss, prediction, target[0])
    for rows, term in found:
        share = 1.0 if rows is None else rows / n
        if many:
            value, loss_pullback = members_vjp(term, params.n, prediction, *target)
        else:
            value, loss_pullback = registered(type(term), vjp)(term, prediction, *target)
        _, dprediction = loss_pullback(share)
        dparams, _ = pullback(dprediction())
        yield rows, value * share, vector(tied(params, dparams))


def _arriving(results: Iterator[list[Term]], count: int) -> Iterator[list[Term]]:
    """Yield results as they come; an error of the map itself, say that no worker is left, says how far it came."""
    arrived = 0
    try:
        for result in results:
            yield result
            arrived += 1
    except Exception as error:
        if not any(text.startswith("sharded") for text in (str(error), *getattr(error, "__notes__", ()))):
            error.add_note(f"sharded: the map returned the results of {arrived} of {count} shards")
        raise


def _added(results: Iterable[list[Term]], n: int) -> tuple[Any, np.ndarray]:
    """Add up the terms of the shards in their order, and then the terms."""
    results = iter(results)
    first = next(results)
    counts, values = [rows for rows, _, _ in first], [value for _, value, _ in first]
    # The first vectors are ours, and so may be written to: each was made for this sum. A narrow one would lose in it.
    totals = [vector.astype(widened(vector.dtype), copy=not vector.flags.writeable) for _, _, vector in first]
    for result in results:
        for place, (rows, value, vector) in enumerate(result):
            if rows is not None:
                counts[place] = counts[place] + rows
            values[place] = values[place] + value
            totals[place] += vector
    for place, rows in enumerate(counts):
        if rows is None or np.all(rows == n):
            continue
        scale = n / np.where(np.asarray(rows) > 0, rows, n)  # some rows are not there; of none the sum is 0
        values[place] = values[place] * scale
        totals[place] *= scale.astype(totals[place].dtype)[..., None]
    for value, total in zip(values[1:], totals[1:], strict=True):
        values[0] = values[0] + value
        totals[0] += total
    value = values[0]
    return read_only(np.asarray(value)) if np.ndim(value) else float(value), totals[0]


def sharded(loss: Any, shards: int, map: Map = map) -> Any:
    """Return a loss whose batch is cut into ``shards`` parts of rows in order, which ``map`` evaluates.

    Value and gradient are those of the whole batch to rounding, whatever is ignored, weighted or beyond its length: a
    shard counts by its rows. Of a batch of fewer rows than shards, each row is a shard. Layers that draw random numbers
    get ``fold_in(key, shard)``. ``BatchNorm`` normalizes within its shard (ghost batch normalization, Hoffer et al.,
    2017), so there the number of shards matters, and each needs two rows. Of an ensemble, each shard has some rows of
    every member. Penalties are computed once, in this process: ``sharded(regularized(mse, l2(1e-4)), 2)`` is
    ``regularized(sharded(mse, 2), l2(1e-4))``.

    A loss of your own is taken for a mean over rows; one that adds them up says so in its class, by
    ``adds_up: ClassVar[bool] = True``.

    Args:
        loss: a loss, such as ``cross_entropy``.
        shards: how many parts; the result depends on it, and on no other argument.
        map: applies a function to each item of a list, in order: of ``fnn.threads(2)``, a pool's ``pool.map``, of Dask
            ``client.get_executor().map``; the head of this module has those of joblib, MPI and Ray. One that gives up
            after a minute, so that a cluster without workers is an error, is ``partial(executor.map, timeout=60)``.

    Raises ``TypeError`` for what is no loss or no map, ``ValueError`` unless ``shards`` is at least 1. An error in a
    shard has a note with its rows.

    >>> from fnn import Dense, mse
    >>> net, x = Dense(np.array([[2.0]]), np.array([0.0])), np.arange(5.0)[:, None]
    >>> value, gradient = value_and_grad(sharded(mse, 2), net, (x, x))
    >>> value, gradient.weight, gradient.bias
    (6.0, array([[12.]]), array([4.]))
    """
    require_map("sharded", map)
    if isinstance(loss, Regularized):
        return Regularized(sharded(loss.loss, shards, map), loss.penalties)
    if not is_record(loss) or isinstance(loss, L1 | L2):
        hint = A_LOSS if callable(loss) and not is_record(loss) else "write sharded(mse, 2)"
        raise TypeError(f"sharded expects a loss, got {describe(loss)}; {hint}")
    if isinstance(loss, Sharded):
        raise TypeError(f"sharded expects a loss that is not sharded, got {describe(loss)}; write sharded(mse, 6)")
    return Sharded(loss, shards, map)

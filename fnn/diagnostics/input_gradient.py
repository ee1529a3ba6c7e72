"""What does a network look at? The gradient of its loss with respect to the input: where a change would matter most.

input_gradient : loss, params, batch, key? -> dx, with the shape of x

It is what ``value_and_grad`` leaves out, since no training needs it: the ``dx`` of the first layer. Its sizes are a
saliency map (Simonyan et al., 2014), and a step along it is what a network is least prepared for.
"""

from __future__ import annotations

from typing import Any

from fnn.core._arrays import as_array, is_tuple
from fnn.core._errors import describe
from fnn.core.keys import require_key
from fnn.core.record import is_record
from fnn.core.vjp import vjp
from fnn.losses._members import members_vjp
from fnn.losses._records import A_LOSS
from fnn.losses._terms import require_logits
from fnn.losses.regularization import Regularized
from fnn.networks.ensemble import Ensemble, keys_of, require_members
from fnn.train.sharded import Sharded


def input_gradient(loss: Any, params: Any, batch: tuple[Any, ...], key: Any = None) -> Any:
    """Return the gradient of the loss of a network on a batch with respect to the input x.

    The loss is a mean over the rows, so the gradient of a row is 1/n of what it would be alone. Penalties do not depend
    on x and add nothing. Of an ensemble, each member has that of its own rows.

    Args:
        loss: a loss, such as ``cross_entropy``.
        params: the network; one that is trained is ``inference(net, x)``, if it has layers such as dropout.
        batch: ``(x, target)`` or ``(x, target, weights)``. x is of floats, or a tuple such as (x, lengths).
        key: for layers that draw random numbers, as of ``value_and_grad``.

    Returns:
        an array with the shape of x, or a tuple of them.

    Raises ``TypeError`` if x has no floats: a symbol cannot change by a little, only what an embedding makes of it. And
    what ``value_and_grad`` raises.

    >>> import numpy as np
    >>> from fnn import Dense, mse
    >>> net = Dense(weight=np.array([[2.0], [-1.0]]), bias=np.array([0.0]))
    >>> input_gradient(mse, net, (np.array([[3.0, 1.0]]), np.array([[4.0]])))
    array([[ 4., -2.]])
    """
    if not is_tuple(batch) or len(batch) not in (2, 3):
        raise TypeError(f"a batch is (x, target) or (x, target, weights), got {describe(batch)}")
    if not is_record(loss):
        raise TypeError(f"input_gradient expects a loss, got {describe(loss)}; {A_LOSS}")
    while isinstance(loss, Regularized | Sharded):
        loss = loss.loss
    x, *target = batch
    _require_floats(x)
    many = isinstance(params, Ensemble)
    require_logits(loss, params.network if many else params)
    if many:
        for name, part in zip(("target", "weights"), target, strict=False):
            if part is not None:
                require_members(params.n, part, name)
        prediction, pullback = vjp(params, x, None if key is None else keys_of("input_gradient", key, params.n))
        _, loss_pullback = members_vjp(loss, params.n, prediction, *target)
    else:
        prediction, pullback = vjp(params, x, None if key is None else require_key("input_gradient", key))
        _, loss_pullback = vjp(loss, prediction, *target)
    return pullback(loss_pullback(1.0)[1]())[1]()


def _require_floats(x: Any) -> None:
    kinds = {as_array("input_gradient", each).dtype.kind for each in (x if is_tuple(x) else (x,)) if each is not None}
    if "f" not in kinds:
        raise TypeError(
            f"input_gradient expects an x of floats, got {describe(x)}; write x.astype(np.float32), or if they are "
            "symbols, take the gradient by what the embedding returns: "
            "input_gradient(loss, Serial(net.layers[1:]), (net.layers[0](x), target))"
        )

"""What to write where a record belongs and a plain function came: a loss and a penalty of one's own."""

from __future__ import annotations

from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NoReturn

import numpy as np

from fnn.core._errors import describe
from fnn.core.grad import value_and_grad

A_LOSS = (
    "a loss is a record and a function: class MyLoss(Record), and under @vjp.register "
    "def my_loss_vjp(loss: MyLoss, prediction, target, weights=None), "
    "which returns value, lambda dvalue: (loss, lambda: dvalue * dprediction)"
)
A_PENALTY = (
    "a penalty is a record and a function: class MyPenalty(Record), and under @vjp.register "
    "def my_penalty_vjp(penalty: MyPenalty, params), "
    "which returns value, lambda dvalue: (penalty, lambda: dparams), a tree like params"
)


@value_and_grad.register(FunctionType)
@value_and_grad.register(MethodType)
@value_and_grad.register(BuiltinFunctionType)
@value_and_grad.register(np.ufunc)
@value_and_grad.register(partial)
def refuse_function(loss: Any, params: Any, batch: tuple[Any, ...], key: Any = None) -> NoReturn:
    raise TypeError(f"value_and_grad expects a loss, got {describe(loss)}; {A_LOSS}")

"""What the figures of a diagnosis mean, in sentences, and what to do about it.

sentences : diagnosis -> sentence, ...
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fnn.core._structure import is_weight

if TYPE_CHECKING:
    from fnn.diagnostics.diagnose import Diagnosis

_MANY_DEAD = 0.5
_FAR_APART = 1e4  # between the gradients of two layers
_WORSE_THAN_GUESSING = 2.0


def sentences(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return how large the loss is and all that is wrong, in sentences, each cause before what follows from it."""
    problems = [*_of_not_finite(diagnosis), *_of_dead_units(diagnosis), *_of_gradients(diagnosis)]
    loss, harmless = _of_loss(diagnosis)
    return (loss, *problems) if problems or not harmless else (loss, "nothing else stands out")


def _of_loss(diagnosis: Diagnosis) -> tuple[str, bool]:
    """Return how large the loss is, and whether that is harmless."""
    text = f"the loss is {diagnosis.loss:.3g}"
    if not math.isfinite(diagnosis.loss):
        return text, False
    if diagnosis.guess is None:
        return text, True
    text += f", where guessing costs ln {math.exp(diagnosis.guess):.0f} = {diagnosis.guess:.2f}"
    if diagnosis.loss <= _WORSE_THAN_GUESSING * diagnosis.guess:
        return text, True
    return f"{text}: the network is sure of what is wrong; at the start, the first weights are too large", False


def _of_not_finite(diagnosis: Diagnosis) -> list[str]:
    texts = []
    if diagnosis.first_bad_data:
        texts.append(f"the data is not finite, first in {diagnosis.first_bad_data}; take such rows out")
    if diagnosis.first_bad_leaf:
        texts.append(
            f"the parameters are not finite, first in {diagnosis.first_bad_leaf}; go back to some that are, "
            "say Diverged's state"
        )
    known = bool(texts)
    if diagnosis.first_bad_layer:
        cause = "" if known else "; all that comes in is finite, so it overflows: lower the learning rate"
        texts.append(f"the first output that is not finite is that of {diagnosis.first_bad_layer}{cause}")
    elif not known and not math.isfinite(diagnosis.loss):
        texts.append(
            "every output is finite, so it is the loss that overflows: lower the learning rate, or scale the target"
        )
    return texts


def _of_dead_units(diagnosis: Diagnosis) -> list[str]:
    texts = []
    for each in diagnosis.layers:
        if each.dead is not None and each.dead > _MANY_DEAD:
            how = "0" if each.layer in ("Relu", "Gelu", "Silu", "Mish") else "saturated"
            texts.append(
                f"{each.path} {each.layer}: {each.dead:.0%} of its units are {how} on every row, and learn nothing; "
                "lower the learning rate or start with smaller weights"
            )
    return texts


def _of_gradients(diagnosis: Diagnosis) -> list[str]:
    texts = []
    # Under a loss that is not finite no gradient is, which need not be said.
    bad = [each.path for each in diagnosis.leaves if math.isfinite(diagnosis.loss) and not math.isfinite(each.gradient)]
    still = [each.path for each in diagnosis.leaves if each.gradient == 0]
    for paths, complaint in ((bad, "is not finite"), (still, "is 0 throughout: nothing there learns")):
        if paths:
            others = f" and of {len(paths) - 1} more" if len(paths) > 1 else ""
            texts.append(f"the gradient of {paths[0]}{others} {complaint}")
    weights = [each for each in diagnosis.leaves if is_weight(each.path) and 0 < each.gradient < math.inf]
    if weights:
        least, most = min(weights, key=lambda each: each.gradient), max(weights, key=lambda each: each.gradient)
        if most.gradient > _FAR_APART * least.gradient:
            vanishes = weights.index(least) < weights.index(most)
            how = "vanishes" if vanishes else "explodes"
            what = "relu for sigmoid, norms, residual" if vanishes else "smaller weights, norms, clip_by_global_norm"
            texts.append(
                f"the gradient {how} on its way back: {least.gradient:.1g} at {least.path}, "
                f"{most.gradient:.1g} at {most.path}; try {what}"
            )
    return texts

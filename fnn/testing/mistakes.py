"""The mistakes that code from scratch makes, by number: what each is called, and what to write instead.

MISTAKES : number -> Mistake, its name and what to write
"""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """The name of a mistake, a line that says what it does; and what to write instead."""

    name: str
    instead: str


MISTAKES = {
    number: Mistake(*texts)
    for number, texts in {
        1: ("the caller's parameters change, as through a shallow copy",
            "make new arrays: p - learning_rate * g, not p -= ..."),
        2: ("the input is written to, or returned as the result", "make a new array: np.maximum(x, 0)"),
        3: ("the sign is wrong: right only where another minus undoes it", "give the gradient, and subtract it"),
        4: ("a bias gradient summed over everything, so that the bias hardly trains", "write dy.sum(axis=0)"),
        5: ("the gradient is summed where the loss is averaged: the step grows with the batch", "divide it by n too"),
        6: ("a minibatch divided by the size of all the data: the steps shrink", "divide by the rows of the batch"),
        7: ("a mean of batch means: a short last batch counts for more", "sum over all rows, and divide once by n"),
        8: ("exponentials of unshifted logits: nan from about 710 on", "subtract x.max(axis=1, keepdims=True) first"),
        9: ("shifted by the maximum of all rows instead of each row's own", "subtract x.max(axis=1, keepdims=True)"),
        10: ("summed over the wrong axis: rows do not sum to 1", "divide by e.sum(axis=1, keepdims=True)"),
        11: ("a logarithm of a probability that has become 0, clipped or not", "write log(sum(exp(x))) - x[label]"),
        12: ("the loss that is reported is not the one that is differentiated", "differentiate the number you return"),
        13: ("only the diagonal of softmax's Jacobian", "write p * (dy - (dy * p).sum(axis=1, keepdims=True))"),
        14: ("the formula for the activation's output, used on its input", "first s = sigmoid(x), then s * (1 - s)"),
        15: ("an exponential that overflows", "take exp(-abs(x)) alone, which is never above 1"),
        16: ("both branches of a where are computed, and the dropped one overflows", "take exp of np.minimum(x, 0)"),
        17: ("the slope at the kink is not the one agreed on: relu'(0) = 0", "write x > 0, not x >= 0"),
        18: ("Adam's bias correction without the power of t", "divide by 1 - beta1**t and 1 - beta2**t, t from 1"),
        19: ("a running mean called momentum: a tenth of the learning rate", "write v = momentum * v + g"),
        20: ("a step that is clipped silently, which hides divergence", "take the gradient as it is"),
        21: ("the optimizer's memory is forgotten, or kept elsewhere and shared", "take it as given, return the new"),
        22: ("weights updated during the backward pass, so that earlier layers see the new", "first all gradients"),
        23: ("only the order of the batches is shuffled: the same rows always meet", "shuffle rows, then cut batches"),
        24: ("inputs and labels no longer belong together, or labels became floats", "index both with one permutation"),
        25: ("the caller's data change", "work on new arrays: x[order], (x - mean) / std"),
        26: ("seed 0 is taken for no seed", "write `if seed is not None`, or always pass the seed on"),
        27: ("the global random generator is used: unrelated calls change results", "use np.random.default_rng(seed)"),
        28: ("an input gradient from the loss at its own step alone", "use dy[:, t] + dh, with dh from step t + 1"),
        30: ("a kernel flipped, overlaps not added, or ties of a maximum counted twice", "try it against plain loops"),
        31: ("dropout not scaled by 1 / (1 - rate), or its mask drawn anew", "make mask / (1 - rate) once, for both"),
        32: ("a batch norm with n - 1, without epsilon, or with a mean taken for a constant",
             "use x.var(axis=0) + epsilon, and pull back through mean and variance"),
        33: ("a penalty left out of the gradient, averaged over the batch, or put on biases",
             "value + strength / 2 * sum(w**2), dweight + strength * w, biases as they are"),
        34: ("an update that broadcasts or changes the dtype", "raise unless p.shape == g.shape, and keep p.dtype"),
        35: ("(n, 1) - (n,) broadcasts to (n, n)", "raise ValueError unless the shapes are equal"),
        36: ("the activations of the layer next door", "layer l needs activations[l], what went into it"),
        29: ("an LSTM with a derivative missing, gates swapped or = for +=", "check each weight over several steps"),
        37: ("weights that do not fit the width: the first loss is far above ln(classes), or nothing reaches the end",
             "scale by sqrt(2 / n_in) or sqrt(1 / n_in)"),
        38: ("a numeric gradient in float32, in place or one-sided",
             "perturb copies in float64: (f(x + h) - f(x - h)) / (2 * h)"),
        39: ("arithmetic on bytes or integers, which wraps and truncates", "convert first: x.astype(float)"),
        40: ("an accuracy of all against all: (n, 1) against (n,)", "raise ValueError unless the shapes are equal"),
        41: ("a gradient as many times too large as there are outputs", "divide by y.size, as the loss does"),
        42: ("recursion in the backward pass: RecursionError near 1,000 layers", "write a loop"),
    }.items()
}  # fmt: skip

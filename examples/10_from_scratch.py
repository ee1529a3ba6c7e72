"""The same network without the library: every derivative by hand, in plain NumPy. What the library spares you.

    python examples/from_scratch.py

One hidden layer, 64-64-10, softmax and cross-entropy, stochastic gradient descent. ``tests/test_examples.py`` trains
the library's network next to this one, from the same weights on the same batches: they agree to rounding.
"""

import numpy as np

from fnn.data import digits  # data alone; everything else is below


def forward(params, x):
    weight1, bias1, weight2, bias2 = params
    hidden = np.maximum(x @ weight1 + bias1, 0)
    return hidden, hidden @ weight2 + bias2


def loss_and_gradient(params, x, label):
    _, _, weight2, _ = params
    rows = np.arange(len(x))
    hidden, logits = forward(params, x)
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponential = np.exp(shifted)
    total = exponential.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(total[:, 0]) - shifted[rows, label])
    # Backward: each line is the derivative of the line above it, the last one first.
    dlogits = exponential / total
    dlogits[rows, label] -= 1
    dlogits /= len(x)
    dhidden = (dlogits @ weight2.T) * (hidden > 0)
    return loss, (x.T @ dhidden, dhidden.sum(axis=0), hidden.T @ dlogits, dlogits.sum(axis=0))


def train_step(params, x, label, rate):
    loss, gradient = loss_and_gradient(params, x, label)
    return loss, tuple(p - rate * g for p, g in zip(params, gradient, strict=True))


def first_params(n_in, units, classes, seed, dtype=np.float32):
    generator = np.random.default_rng(seed)
    limit1, limit2 = np.sqrt(6 / (n_in + units)), np.sqrt(6 / (units + classes))
    return (
        generator.uniform(-limit1, limit1, (n_in, units)).astype(dtype),
        np.zeros(units, dtype),
        generator.uniform(-limit2, limit2, (units, classes)).astype(dtype),
        np.zeros(classes, dtype),
    )


def main(epochs=30, size=32, rate=0.2, seed=0):
    x, label = digits()
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = order[360:], order[:360]
    params = first_params(x.shape[1], 64, 10, seed)
    for epoch in range(epochs):
        shuffled = np.random.default_rng([seed, epoch]).permutation(train)
        for begin in range(0, len(shuffled), size):
            rows = shuffled[begin : begin + size]
            loss, params = train_step(params, x[rows], label[rows], rate)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:2d}: loss of the last batch {loss:.4f}")
    accuracy = np.mean(forward(params, x[test])[1].argmax(axis=1) == label[test])
    print(f"test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()

"""Take a network that others made, an ONNX file; give it a new head, train that, and write it as an ONNX file again.

    python examples/new_head.py                  SqueezeNet, as the onnx package ships it, on 1,797 digits of 8x8
    python examples/new_head.py --model FILE     another network of images in which branches are put side by side
    python examples/new_head.py --fast           a few seconds, on some of the digits

Needs the extra `onnx`. Prints the network, where it is cut, its progress and its test accuracy; writes the new network.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from toolz import take_nth

from fnn import (
    Concatenate,
    Key,
    Serial,
    adam,
    batch_norm,
    cross_entropy,
    dense,
    fold_in,
    global_avg_pool,
    inference,
    initializers,
    keep_freed_memory,
    serial,
    split,
    start,
    states,
    subgraph,
    summary,
    train_step,
    tree,
)
from fnn.data import digits, epochs, train_test_split
from fnn.interop.onnx import from_onnx, to_onnx
from fnn.metrics import accuracy

SHIPPED = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"


def main() -> None:
    options = arguments()
    keep_freed_memory()
    weights_key, data_key, init_key, batch_key = split(Key(options.seed), 4)
    (x, labels), (test_x, test_labels) = train_test_split(digits(), 0.2, data_key)
    if options.fast:
        x, labels, test_x, test_labels = x[:160], labels[:160], test_x[:80], test_labels[:80]
    x, test_x = photographs(x), photographs(test_x)

    # A network that others made. It takes images as its file does, with channels first.
    net = from_onnx(options.model)
    print(f"{len(net.nodes)} layers, {sum(leaf.size for leaf in tree.leaves(net)):,} parameters; the last are")
    print("\n".join(str(summary(net, x[:1])).splitlines()[-9:]), end="\n\n")
    if all(np.ptp(leaf) == 0 for leaf in tree.leaves(net) if leaf.ndim > 1):
        print("All numbers of a weight are one, so that the file is small. Here are random ones instead.\n")
        net = with_random_weights(net, weights_key)

    # Its values have names, and can be cut at any: here where branches are put side by side. The body up to one such
    # place stays as it is; the module from there to the next is trained on; what came after it is left out.
    joins = [node.output for node in net.nodes if isinstance(node.layer, Concatenate)]
    cut, end = joins[options.cut : options.cut + 2]
    body, module = subgraph(net, (cut,)), subgraph(net, (end,), (cut,))
    print(f"kept: {len(body.nodes)} layers, up to {cut}; trained on: {len(module.nodes)}, up to {end}\n")

    # The body does not change, so that what it makes of the images is computed once, and put on a common scale.
    seen, test_seen = through(body, x), through(body, test_x)
    scale = inference(batch_norm()(init_key, seen[:1]), seen)
    seen, test_seen = scale(seen), scale(test_seen)
    head = serial(module, batch_norm(), global_avg_pool, dense(10))(init_key, seen[:1])
    optimizer, n_epochs = adam(2e-3), 4 if options.fast else 10
    rows = epochs((seen, labels), 32, batch_key, epochs=n_epochs)
    run = states(train_step(cross_entropy, optimizer), start(head, optimizer), rows)
    for epoch, state in enumerate(take_nth(-(-len(x) // 32), run)):
        head = inference(state.params, seen)
        print(f"epoch {epoch:2d}/{n_epochs} test accuracy {accuracy(head(test_seen), test_labels):.4f}", flush=True)

    # Body and head are one network, which leaves as it came.
    whole = Serial((body, scale, head))
    onnx.save(to_onnx(whole, x[:1]), options.out)
    print(f"\ntest accuracy of all of it {accuracy(through(whole, test_x), test_labels):.4f}; wrote {options.out}")


def photographs(x: np.ndarray) -> np.ndarray:
    """Return digits (n, 64) as color images of 48x48, channels first: (n, 3, 48, 48)."""
    gray = x.reshape(-1, 1, 8, 8).repeat(6, axis=2).repeat(6, axis=3)
    return np.repeat(gray, 3, axis=1)


def with_random_weights(net, key: Key):
    """Return a network with random weights (He et al., 2015), of which each has its key, and biases of 0."""
    drawn = iter(range(len(tree.leaves(net))))

    def again(leaf: np.ndarray) -> np.ndarray:
        initializer = initializers.he_uniform if leaf.ndim > 1 else initializers.zeros
        return initializer(fold_in(key, next(drawn)), leaf.shape, leaf.dtype)

    return tree.map(again, net)


def through(net, x: np.ndarray, size: int = 64) -> np.ndarray:
    """Return what a network makes of x, some rows at a time: of all at once the first layers' outputs are large."""
    return np.concatenate([net(x[begin : begin + size]) for begin in range(0, len(x), size)])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Give a network from an ONNX file a new head, and train that.")
    parser.add_argument(
        "--model", type=Path, default=SHIPPED, metavar="FILE", help="an ONNX file of a network of images"
    )
    parser.add_argument("--fast", action="store_true", help="160 digits and 4 epochs, to see that it works")
    parser.add_argument("--cut", type=int, default=3, help="after how many places where branches meet to cut, from 0")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, the weights and the order of rows")
    parser.add_argument("--out", type=Path, default=Path("new_head.onnx"), metavar="FILE", help="file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()

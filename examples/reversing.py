"""Train a small sequence-to-sequence model to write strings backwards, and try it on strings that it has not seen.

    python examples/reversing.py               a few minutes on one core
    python examples/reversing.py --steps 500   a look at it

The encoder reads a string, its length beside it; the decoder writes, one letter at a time, and looks at what the
encoder made of the string while it writes. A string counts only if all of it is right.
"""

import argparse
import time

import numpy as np
from toolz import take

from fnn import (
    Key,
    adam,
    advance,
    chain,
    clip_by_global_norm,
    cross_entropy,
    decoder_block,
    dense,
    embedding,
    fold_in,
    keep_freed_memory,
    layer_norm,
    parallel,
    pick,
    positional,
    schedules,
    serial,
    split,
    start,
    states,
    summary,
    train_step,
    transformer_block,
)
from fnn.core.keys import uniforms
from fnn.data import epochs, pad_rows

LETTERS = "abcdefghijklmnopqrstuvwxyz"
END, BEGIN = 0, 1  # letters are counted from 2
SYMBOLS = len(LETTERS) + 2


def main() -> None:
    options = arguments()
    keep_freed_memory()
    init_key, train_key, test_key, batch_key = split(Key(options.seed), 4)
    train = strings(train_key, options.strings, options.length)
    test = sorted({*strings(test_key, 2000, options.length)} - {*train})[:1000]
    batch = as_batch(train)

    net = model(options.width)(init_key, tuple(first_row(each) for each in batch[0]))
    print(f"{len(train):,} strings to learn from, {len(test):,} others to try\n{summary(net, batch[0])}\n")

    cosine = schedules.cosine(options.learning_rate, options.steps, end=options.learning_rate / 50)
    optimizer = chain(clip_by_global_norm(1.0), adam(schedules.warmup(1 + options.steps // 20, cosine), b2=0.99))
    step = train_step(cross_entropy, optimizer)
    began = time.monotonic()
    for state in take(options.steps + 1, states(step, start(net, optimizer), epochs(batch, options.size, batch_key))):
        if state.step % max(options.steps // 10, 1) == 0:
            print(f"step {state.step:5d} of {options.steps}, {time.monotonic() - began:4.0f} s: loss {state.loss:.4f}, "
                  f"exact {exact(state.params, test[:100]):.3f} of 100", flush=True)  # fmt: skip

    for string, written in zip(test[:5], backwards(state.params, test[:5]), strict=True):
        print(f"{string:>12s} -> {written}")
    print(f"\nexact: {exact(state.params, test):.4f} of {len(test)} unseen strings, {time.monotonic() - began:.0f} s")


def model(width: int):
    """Make a network of (source, target): the encoder's memory beside the target, and then the decoder."""
    encoder = serial(pick(0), embedding(SYMBOLS, width), positional(), transformer_block(4, 2 * width), layer_norm())
    written = serial(pick(1), embedding(SYMBOLS, width), positional())
    decoder = serial(decoder_block(4, 2 * width), pick(0), layer_norm(), dense(SYMBOLS))
    return serial(parallel(written, encoder), decoder)


def strings(key: Key, n: int, length: int) -> list[str]:
    """Draw random strings of 1 to ``length`` letters."""
    lengths = 1 + (uniforms(fold_in(key, 0), (n,)) * length).astype(int)
    letters = (uniforms(fold_in(key, 1), (n, length)) * len(LETTERS)).astype(int)
    return ["".join(LETTERS[i] for i in row[:count]) for row, count in zip(letters, lengths, strict=True)]


def symbols(string: str) -> np.ndarray:
    return np.array([LETTERS.index(letter) + 2 for letter in string] + [END])


def as_batch(train: list[str]):
    """Return ((source, target so far), target), sources and targets with their lengths."""
    sources, targets = [symbols(each) for each in train], [symbols(each[::-1]) for each in train]
    so_far = [np.concatenate([[BEGIN], each[:-1]]) for each in targets]
    return (pad_rows(sources), pad_rows(so_far)), pad_rows(targets)[0]


def first_row(pair):
    return pair[0][:1], pair[1][:1]


def backwards(net, given: list[str]) -> list[str]:
    """Write each string backwards: the likeliest letter at each step, until all have come to their end."""
    before, decoder = net.layers
    written, encoder = before.branches
    memory = encoder((pad_rows([symbols(each) for each in given]), None))
    last, code, state = np.full((len(given), 1), BEGIN), None, None
    found: list[np.ndarray] = []
    ended = np.zeros(len(given), bool)
    while not ended.all() and len(found) < 2 * max(map(len, given)):
        x, code = advance(written, (None, last), code)
        scores, state = advance(decoder, (x, memory), state)
        last = scores.argmax(axis=2)
        ended |= last[:, 0] == END
        found.append(last[:, 0])
    return ["".join(LETTERS[i - 2] for i in row[: [*row, END].index(END)]) for row in np.stack(found, 1).tolist()]


def exact(net, given: list[str]) -> float:
    """Return the fraction of strings of which every letter, and the end, is right."""
    return float(np.mean([one == other[::-1] for one, other in zip(backwards(net, given), given, strict=True)]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A model that writes strings backwards.")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--strings", type=int, default=20000, help="to learn from")
    parser.add_argument("--length", type=int, default=10, help="of the longest string")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, default=64, help="strings in a batch")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()

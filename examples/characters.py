"""Learn to write: a network reads a text character by character, guesses the next one, and then writes its own.

    python examples/characters.py                            some Shakespeare that comes with the examples, an LSTM
    python examples/characters.py --model transformer        four blocks of attention instead
    python examples/characters.py --text FILE --steps 4000   any text

The last tenth of the text is held out. Its loss is in nats a character: ln(alphabet) for a guess, less as it learns.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
from toolz import take

from fnn import (
    Key,
    adamw,
    chain,
    clip_by_global_norm,
    cross_entropy,
    dense,
    embedding,
    fold_in,
    layer_norm,
    lstm,
    positional,
    schedules,
    serial,
    softmax,
    split,
    start,
    states,
    summary,
    train_step,
    transformer_block,
    tree,
)
from fnn.core.keys import uniforms
from fnn.data import characters, epochs
from fnn.metrics import evaluate

TEXT = Path(__file__).parent / "shakespeare.txt"


def main() -> None:
    options = arguments()
    init_key, batch_key, write_key = split(Key(options.seed), 3)

    # Windows of the text: a row of characters, and as target the same row one character later.
    ids, alphabet = characters(options.text.read_text(encoding="utf-8"))
    held_out = len(ids) // 10
    train, test = windows(ids[:-held_out], options.length), windows(ids[-held_out:], options.length)
    net = MODELS[options.model](len(alphabet), options)(init_key, train[0][:1])
    guess = math.log(len(alphabet))
    print(f"{len(ids):,} characters, {len(alphabet)} different ones; a guess has a loss of {guess:.2f}\n")
    print(summary(net, train[0]), end="\n\n")

    # A rate that rises for a tenth of the run, then falls to a tenth of its height.
    cosine = schedules.cosine(options.rate, options.steps, end=options.rate / 10)
    rate = schedules.warmup(options.steps // 10, cosine)
    optimizer = chain(clip_by_global_norm(1.0), adamw(rate, 0.01, b2=0.99, where=tree.is_weight))
    step = train_step(cross_entropy, optimizer)
    run = states(step, start(net, optimizer), epochs(train, options.size, batch_key))
    began, history = time.monotonic(), []
    for state in take(options.steps + 1, run):
        if state.step % max(options.steps // 20, 1) == 0:
            some = test[0][:64], test[1][:64]
            history.append((state.step, state.loss, evaluate(cross_entropy, state.params, some, size=64)))
            print(f"step {state.step:5d} of {options.steps}, {time.monotonic() - began:4.0f} s: loss {state.loss:.3f}, "
                  f"held out {history[-1][2]:.3f}", flush=True)  # fmt: skip

    print(f"\nheld out, all of it: {evaluate(cross_entropy, state.params, test, size=64):.3f} nats a character")

    begin = ids[-held_out:][: options.length]
    ids = written(state.params, begin, options, write_key)
    print(f"\n{spelt(begin, alphabet)}\n--- and it goes on:\n{spelt(ids[len(begin) :], alphabet)}")
    draw(options.out, history, guess)


def with_lstm(symbols: int, options: argparse.Namespace):
    return serial(embedding(symbols, 64), lstm(options.width), dense(symbols))


def with_attention(symbols: int, options: argparse.Namespace):
    blocks = [transformer_block(4, 4 * options.width, causal=True) for _ in range(options.layers)]
    body = positional(options.length), *blocks, layer_norm()
    return serial(embedding(symbols, options.width), *body, dense(symbols))


MODELS = {"lstm": with_lstm, "transformer": with_attention}


def windows(ids: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into rows of ``length`` characters, each with the row that begins one character later."""
    rows = (len(ids) - 1) // length
    return ids[: rows * length].reshape(rows, length), ids[1 : rows * length + 1].reshape(rows, length)


def written(net, ids: np.ndarray, options: argparse.Namespace, key: Key) -> np.ndarray:
    """Let the network write on: draw each next character by its probability, and show it what stands there so far."""
    for place in range(options.write):
        scores = net(ids[None, -options.length :])[0, -1]
        odds = softmax(scores.astype(np.float64) / options.temperature)
        ids = np.append(ids, np.searchsorted(odds.cumsum(), uniforms(fold_in(key, place), ()), side="right"))
    return ids


def spelt(ids: np.ndarray, alphabet: str) -> str:
    return "".join(alphabet[i] for i in ids)


def draw(path: Path, history: list, guess: float) -> None:
    try:
        import matplotlib
    except ImportError:
        print('\nthe picture needs matplotlib: pip install "fnn[plot]"')
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    steps, train, test = zip(*history, strict=True)
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    axes.plot(steps, train, label="a training batch")
    axes.plot(steps, test, label="held out")
    axes.axhline(guess, color="gray", linestyle=":", label="a guess")
    axes.set(xlabel="step", ylabel="loss, nats a character", title="Learning to write")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learn to write, character by character.")
    parser.add_argument("--text", type=Path, default=TEXT, metavar="FILE", help="a text in UTF-8")
    parser.add_argument("--model", choices=MODELS, default="lstm")
    parser.add_argument("--width", type=int, default=128, help="units of the LSTM, or width of the attention")
    parser.add_argument("--layers", type=int, default=4, help="blocks of attention")
    parser.add_argument("--length", type=int, default=64, help="characters in a window")
    parser.add_argument("--size", type=int, default=32, help="windows in a batch")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--write", type=int, default=300, help="characters to write at the end")
    parser.add_argument("--temperature", type=float, default=0.8, help="below 1 it writes what is likelier")
    parser.add_argument("--seed", type=int, default=0, help="decides the first weights, batches and writing")
    parser.add_argument("--fast", action="store_true", help="a few seconds, to see it run")
    parser.add_argument("--out", type=Path, default=Path("characters.png"), help="where to write the picture")
    options = parser.parse_args()
    if options.fast:
        options.steps, options.width, options.layers, options.write = 60, 32, 1, 100
    return options


if __name__ == "__main__":
    main()

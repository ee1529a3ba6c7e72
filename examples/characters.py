"""Train a small language model: it predicts the next character of a text, and then generates its own.

    python examples/characters.py                            some Shakespeare that comes with the examples, an LSTM
    python examples/characters.py --model transformer        four transformer blocks instead
    python examples/characters.py --text FILE --steps 4000   any text

The last tenth of the text is held out. The loss is in nats per character: ln(size of the alphabet) for a guess.
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
    keep_freed_memory,
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
    keep_freed_memory()  # a step allocates large arrays, and the next one the same again
    init_key, batch_key, write_key = split(Key(options.seed), 3)

    # Windows of the text: a row of characters, and as its target the row that begins one character later.
    ids, alphabet = characters(options.text.read_text(encoding="utf-8"))
    held_out = len(ids) // 10
    train, test = windows(ids[:-held_out], options.length), windows(ids[-held_out:], options.length)
    net = MODELS[options.model](len(alphabet), options)(init_key, train[0][:1])
    guess = math.log(len(alphabet))
    print(f"{len(ids):,} characters, an alphabet of {len(alphabet)}; a guess has a loss of {guess:.2f}\n")
    print(summary(net, train[0]), end="\n\n")

    # The learning rate warms up for a tenth of the run, then falls to a tenth of its maximum.
    cosine = schedules.cosine(options.learning_rate, options.steps, end=options.learning_rate / 10)
    learning_rate = schedules.warmup(options.steps // 10, cosine)
    optimizer = chain(clip_by_global_norm(1.0), adamw(learning_rate, 0.01, b2=0.99, where=tree.is_weight))
    step = train_step(cross_entropy, optimizer)
    run = states(step, start(net, optimizer), epochs(train, options.size, batch_key))
    began, losses, test_batch = time.monotonic(), [], (test[0][:64], test[1][:64])
    for state in take(options.steps + 1, run):
        if state.step % max(options.steps // 20, 1) == 0:
            losses.append((state.step, state.loss, evaluate(cross_entropy, state.params, test_batch, size=64)))
            print(f"step {state.step:5d} of {options.steps}, {time.monotonic() - began:4.0f} s: loss {state.loss:.3f}, "
                  f"held-out text {losses[-1][2]:.3f}", flush=True)  # fmt: skip

    whole = evaluate(cross_entropy, state.params, test, size=64)
    print(f"\nloss on the whole held-out text: {whole:.3f} nats per character")

    prompt = ids[-held_out:][: options.length]
    text = generated(state.params, prompt, options, write_key)
    print(f"\n{as_text(prompt, alphabet)}\n--- the network continues:\n{as_text(text[len(prompt) :], alphabet)}")
    draw(options.out, losses, guess)


def with_lstm(symbols: int, options: argparse.Namespace):
    return serial(embedding(symbols, 64), lstm(options.width), dense(symbols))


def with_attention(symbols: int, options: argparse.Namespace):
    blocks = [transformer_block(4, 4 * options.width, causal=True) for _ in range(options.layers)]
    body = positional(options.length), *blocks, layer_norm()
    return serial(embedding(symbols, options.width), *body, dense(symbols))


MODELS = {"lstm": with_lstm, "transformer": with_attention}


def windows(ids: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a text into rows of ``length`` characters, each with the row that begins one character later."""
    rows = (len(ids) - 1) // length
    return ids[: rows * length].reshape(rows, length), ids[1 : rows * length + 1].reshape(rows, length)


def generated(net, ids: np.ndarray, options: argparse.Namespace, key: Key) -> np.ndarray:
    """Continue a text: draw each next character from the probabilities that the network predicts for it."""
    for place in range(options.write):
        scores = net(ids[None, -options.length :])[0, -1]
        probabilities = softmax(scores.astype(np.float64) / options.temperature)
        drawn = np.searchsorted(probabilities.cumsum(), uniforms(fold_in(key, place), ()), side="right")
        ids = np.append(ids, drawn)
    return ids


def as_text(ids: np.ndarray, alphabet: str) -> str:
    return "".join(alphabet[i] for i in ids)


def draw(path: Path, losses: list[tuple[int, float, float]], guess: float) -> None:
    try:
        from matplotlib.figure import Figure

        from fnn import plot
    except ImportError as missing:
        print(f"\nno figure: {missing}")
        return

    steps, training, test = zip(*losses, strict=True)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    curves = {"training batch": training, "held-out text": test}
    plot.curves(ax, curves, x=steps, xlabel="step", ylabel="cross-entropy, nats per character")
    ax.axhline(guess, color="gray", linestyle=":", label="a guess")
    ax.set_title("Predicting the next character")
    ax.legend(frameon=False)
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A language model of characters.")
    parser.add_argument("--text", type=Path, default=TEXT, metavar="FILE", help="a text in UTF-8")
    parser.add_argument("--model", choices=MODELS, default="lstm", help="by default lstm")
    parser.add_argument("--width", type=int, default=128, help="units of the LSTM, or width of the transformer")
    parser.add_argument("--layers", type=int, default=4, help="transformer blocks")
    parser.add_argument("--length", type=int, default=64, help="characters in a window")
    parser.add_argument("--size", type=int, default=32, help="windows in a batch")
    parser.add_argument("--steps", type=int, default=1000, help="steps of training")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="the maximum of the schedule")
    parser.add_argument("--write", type=int, default=300, help="characters to generate at the end")
    parser.add_argument("--temperature", type=float, default=0.8, help="below 1, likely characters are likelier still")
    parser.add_argument("--seed", type=int, default=0, help="seed of the initial weights, batches and generated text")
    parser.add_argument("--fast", action="store_true", help="a few seconds, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("characters.png"), metavar="FILE", help="file for the figure")
    options = parser.parse_args()
    if options.fast:
        options.steps, options.width, options.layers, options.write = 60, 32, 1, 100
    return options


if __name__ == "__main__":
    main()

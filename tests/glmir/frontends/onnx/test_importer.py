"""The frontend's core: names, reasons, declared types, branches and functions of the model."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from glmir.errors import ModelWarning
from glmir.frontends.onnx import body as body_module
from glmir.frontends.onnx.importer import import_model
from glmir.frontends.onnx.refused import refusal
from glmir.ir import Module
from tests.glmir.frontends.onnx.harness import (
    OneNode,
    check,
    check_model,
    floats,
    imported,
    input_info,
    model_of,
    op_names,
    reasons_of,
)

X = floats(2, 3)


def node(op_type: str, inputs: str, outputs: str, name: str = "", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs.split(), outputs.split(), name=name, **attributes)


def model(*nodes: onnx.NodeProto, outputs: str = "y", **options: object) -> onnx.ModelProto:
    """A model with the input x f32[2, 3] and a constant w f32[3]."""
    weights = [numpy_helper.from_array(floats(3, seed=1), "w")]
    return model_of(nodes, [input_info("x", X)], outputs.split(), weights, **options)  # type: ignore[arg-type]


def names(module: Module) -> list[str]:
    return [value.name for value in module.main.values()]


def test_names_and_locations_are_those_of_the_source() -> None:
    module = imported(model(node("Add", "x w", "sum", "add"), node("Relu", "sum", "y")))
    assert names(module) == ["x", "w", "sum", "y"]
    assert [op.location for op in module.main.ops] == [(), ("add",), ("y",)]
    assert module.main.output_names == ("y",)


def test_outputs_may_be_inputs_constants_and_the_same_value() -> None:
    nodes = node("Identity", "x", "a"), node("Identity", "w", "b"), node("Relu", "x", "r"), node("Identity", "r", "s")
    module = check_model(model(*nodes, outputs="a b r s"), {"x": X}, "exact")
    a, _, r, s = module.main.outputs
    assert a is module.main.inputs[0]
    assert r is s


def test_nodes_that_no_output_depends_on_are_not_read() -> None:
    dead = node("TfIdfVectorizer", "x", "h"), node("Neg", "h", "g")
    assert op_names(imported(model(node("Relu", "x", "y"), *dead))) == ["nn.relu"]


def test_constants_that_became_attributes_are_gone() -> None:
    axes = numpy_helper.from_array(np.array([1]), "axes")
    proto = model_of([node("ReduceSum", "x axes", "y")], [input_info("x", X)], ["y"], [axes])
    assert names(check_model(proto, {"x": X})) == ["x", "y"]


def test_initializers_of_old_exporters_are_no_inputs() -> None:
    proto = model(node("Add", "x w", "y"), opset=7)
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3]))
    proto.ir_version = 3
    module = check_model(proto, {"x": X})
    assert [v.name for v in module.main.inputs] == ["x"]


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_float_types_stay(dtype: type[np.generic]) -> None:
    module = check("Add", floats(2, 3, dtype=dtype), floats(3, dtype=dtype), constants=[1], tolerance="f16")
    assert module.main.outputs[0].type.dtype.numpy == dtype


def test_bfloat16_inputs() -> None:
    info = helper.make_tensor_value_info("x", TensorProto.BFLOAT16, [2])
    assert str(imported(model_of([node("Relu", "x", "y")], [info], ["y"])).main.outputs[0].type) == "bf16[2]"


def test_dims_without_a_name_differ() -> None:
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["?", -1, "N", None]) for n in ("x", "in:0")]
    module = imported(model_of([node("Relu", "x", "y")], infos, ["y"]))
    assert [str(v.type) for v in module.main.inputs] == [
        "f32[x_dim0, x_dim1, N, x_dim3]",
        "f32[in_0_dim0, in_0_dim1, N, in_0_dim3]",
    ]


def test_all_reasons_are_told_at_once() -> None:
    nodes = [
        node("Frobnicate", "x", "a", "first"),
        node("StringConcat", "a a", "b", "second"),
        node("Relu", "b", "c", "third"),
        helper.make_node("Conv2d", ["c"], ["d"], name="fourth", domain="my.ops"),
        node("MatMul", "x x", "e", "fifth"),
        helper.make_node("SVMRegressor", ["x"], ["f"], name="sixth", domain="ai.onnx.ml"),
        node("Neg", "c", "g"),
    ]
    proto = model(*nodes, outputs="d e f g", domain="my.ops")
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    reasons = reasons_of(proto)
    assert reasons[:3] == [
        "node first (Frobnicate): ONNX has no operator Frobnicate in opset 17",
        f"node second (StringConcat): {refusal('', 'StringConcat')}",
        "node fourth (my.ops.Conv2d): the domain my.ops is unknown, and the model defines no function Conv2d in it",
    ]
    assert reasons[3].startswith("node fifth (MatMul): math.mat_mul requires that the columns of x are as many")
    assert reasons[4:] == [
        f"node sixth (ai.onnx.ml.SVMRegressor): {refusal('ai.onnx.ml', 'SVMRegressor')}",
    ]


def test_unsupported_inputs() -> None:
    tensors = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    infos = [
        helper.make_value_info("s", helper.make_sequence_type_proto(tensors)),
        helper.make_value_info("o", helper.make_optional_type_proto(helper.make_sequence_type_proto(tensors))),
        helper.make_tensor_value_info("t", TensorProto.STRING, [2]),
        helper.make_tensor_value_info("c", TensorProto.COMPLEX64, [2]),
        helper.make_tensor_value_info("r", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("e", TensorProto.FLOAT8E4M3FN, [2]),
    ]
    reasons = reasons_of(model_of([node("Relu", "r", "y")], infos, ["y"]))
    assert reasons == [
        "input s: its type is sequence; only tensors can be compiled",
        "input o: its type is optional; only tensors can be compiled",
        "input t: strings are not supported",
        "input c: the IR has no element type for numpy's complex64",
        "input r: its dtype and rank must be known; give them with --input",
        "input e: elements of type FLOAT8E4M3FN are not supported",
    ]


def test_unsupported_constants() -> None:
    words = helper.make_tensor("words", TensorProto.STRING, [1], [b"a"])
    nodes = node("Identity", "words", "y", "n"), node("Relu", "x", "z")
    proto = model_of(nodes, [input_info("x", X)], ["y", "z"], [words])
    assert reasons_of(proto) == ["node n (Identity): the constant words has strings, which are not supported"]
    assert reasons_of(model_of(nodes[1:], [input_info("x", X)], ["words"], [words])) == [
        "output words: the constant words has strings, which are not supported"
    ]


def test_declared_dtypes_of_outputs_are_held_against_the_nodes() -> None:
    output = helper.make_tensor_value_info("y", TensorProto.INT64, [2, 3])
    proto = model_of([node("Relu", "x", "y")], [input_info("x", X)], [output])
    assert reasons_of(proto) == ["output y: it is declared as i64, but its nodes compute f32[2, 3]"]


@pytest.mark.parametrize(("dims", "text"), [(["n", 4], "[n, 4]"), ([2, 3, 1], "[2, 3, 1]"), ([None], "[?]")])
def test_declared_shapes_of_outputs_may_be_wrong(dims: list[int | str | None], text: str) -> None:
    """onnxruntime computes such models too, with a warning."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)
    proto = model_of([node("Relu", "x", "y")], [input_info("x", X)], [output])
    sentence = f"output y: it is declared as {text}, but its nodes compute f32[2, 3], which holds"
    with pytest.warns(ModelWarning, match=re.escape(sentence)):
        module = imported(proto)
    assert module.main.outputs[0].type.shape == (2, 3)


@pytest.mark.parametrize("dims", [["a", "a"], [-1, 3], [None, None], None])
def test_declared_outputs_may_say_less(dims: list[int | str | None] | None) -> None:
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)
    imported(model_of([node("Relu", "x", "y")], [input_info("x", X)], [output]))


def branch(*nodes: onnx.NodeProto, output: str) -> onnx.GraphProto:
    weights = [numpy_helper.from_array(floats(3, seed=2), "w")]
    return helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name=output)], weights)


def choice(condition: str, name: str = "if") -> onnx.NodeProto:
    """Adds a weight of its own to the outer ``r``, or negates it."""
    then_branch = branch(node("Add", "r w", "t"), output="t")
    else_branch = branch(node("Neg", "r", "e"), output="e")
    return node("If", condition, "y", name, then_branch=then_branch, else_branch=else_branch)


@pytest.mark.parametrize("flag", [True, False])
def test_if_with_a_constant_condition(flag: bool) -> None:
    nodes = node("Relu", "x", "r"), choice("flag")
    condition = numpy_helper.from_array(np.array(flag), "flag")
    module = check_model(model_of(nodes, [input_info("x", X)], ["y"], [condition]), {"x": X})
    assert op_names(module) == ["nn.relu", "math.add" if flag else "math.neg"]


def test_if_with_a_condition_that_follows_from_shapes() -> None:
    nodes = [
        node("Relu", "x", "r"),
        node("Shape", "x", "shape"),
        node("Gather", "shape one", "size"),
        node("Equal", "size three", "flag"),
        choice("flag"),
    ]
    weights = [numpy_helper.from_array(np.array(n), name) for n, name in ((1, "one"), (3, "three"))]
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    assert op_names(check_model(model_of(nodes, [info], ["y"], weights), {"x": X}))[-1] == "math.add"


def test_the_branch_not_taken_does_not_matter_and_branches_nest() -> None:
    kept = branch(node("Identity", "r", "r2"), output="r2")
    inner = node("If", "flag", "t", then_branch=branch(choice("flag"), output="y"), else_branch=kept)
    hopeless = branch(node("Frobnicate", "x", "e"), output="e")
    outer = node("If", "flag", "z", then_branch=branch(inner, output="t"), else_branch=hopeless)
    condition = numpy_helper.from_array(np.array(True), "flag")
    proto = model_of([node("Relu", "x", "r"), outer], [input_info("x", X)], ["z"], [condition])
    assert op_names(imported(proto)) == ["nn.relu", "math.add"]


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("dims", [[], [1]])
def test_if_that_depends_on_the_data(flag: bool, dims: list[int]) -> None:
    info = helper.make_tensor_value_info("flag", TensorProto.BOOL, dims)
    nodes = node("Relu", "x", "r"), choice("flag")
    given = {"x": X, "flag": np.full(dims, flag)}
    module = check_model(model_of(nodes, [input_info("x", X), info], ["y"]), given)
    assert list(module.functions) == ["main", "then", "else"]
    assert op_names(module)[-1] == "control.if"
    assert len(module.main.ops) == 2 + len(dims)


@pytest.mark.parametrize("flags", [(True, False), (False, True), (False, False)])
def test_branches_that_depend_on_the_data_nest(flags: tuple[bool, bool]) -> None:
    infos = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("flag", "other")]
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    # What only gives sizes is passed too: z is as large as x.
    sizes = [node("Shape", "x", "s"), node("ConstantOfShape", "s", "z"), node("Add", "z w", "t")]
    inner = [
        node("Mul", "r w", "r2"),
        node("If", "other", "o", then_branch=choice_of("r2"), else_branch=choice_of("x")),
    ]
    outer = node("If", "flag", "y", then_branch=branch(*sizes, output="t"), else_branch=branch(*inner, output="o"))
    proto = model_of([node("Relu", "x", "r"), outer], [shape, *infos], ["y"])
    module = check_model(proto, {"x": X, "flag": np.array(flags[0]), "other": np.array(flags[1])})
    assert [op.results[0].type.shape for op in module.main.ops][-1] == module.main.inputs[0].type.shape


def choice_of(name: str) -> onnx.GraphProto:
    return branch(node("Neg", name, "e"), output="e")


def test_branches_of_different_sizes() -> None:
    info = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    longer = branch(helper.make_node("Concat", ["x", "x"], ["t"], axis=0), output="t")
    choose = node("If", "flag", "y", then_branch=longer, else_branch=choice_of("x"))
    proto = model_of([choose], [input_info("x", X), info], ["y"])
    for flag in (True, False):
        module = check_model(proto, {"x": X, "flag": np.array(flag)})
    assert [str(v.type) for v in module.main.outputs] == ["f32[u0, 3]"]


def test_branches_that_do_not_agree() -> None:
    info = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    kept = branch(node("Identity", "x", "e"), output="e")
    for op_type, reason in (
        ("ReduceMean", "a result has 0 axes if its condition holds, and 2 if not; if sizes decide, fix them with --dim "
         "or --input"),
        ("IsNaN", "a result is bool[2, 3] if its condition holds, and f32[2, 3] if not"),
    ):  # fmt: skip
        attributes = {"keepdims": 0} if op_type == "ReduceMean" else {}
        other = branch(helper.make_node(op_type, ["x"], ["t"], **attributes), output="t")
        choose = node("If", "flag", "y", "if", then_branch=other, else_branch=kept)
        proto = model_of([choose], [input_info("x", X), info], ["y"])
        assert reasons_of(proto) == [f"node if (If): {reason}"]


def function(
    name: str,
    inputs: str,
    outputs: str,
    *nodes: onnx.NodeProto,
    attributes: str = "",
    defaults: dict[str, float] | None = None,
) -> onnx.FunctionProto:
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    protos = [helper.make_attribute(key, value) for key, value in (defaults or {}).items()]
    return helper.make_function("my", name, inputs.split(), outputs.split(), nodes, imports, attributes.split(), protos)


def referring(op_type: str, inputs: str, outputs: str, attribute: str, source: str) -> onnx.NodeProto:
    proto = node(op_type, inputs, outputs)
    proto.attribute.append(onnx.AttributeProto(name=attribute, ref_attr_name=source, type=onnx.AttributeProto.FLOAT))
    return proto


def call(name: str, inputs: list[str], outputs: list[str], **attributes: object) -> onnx.NodeProto:
    return helper.make_node(name, inputs, outputs, name="call", domain="my", **attributes)


LEAKY = function("Leaky", "a", "b", referring("LeakyRelu", "a", "b", "alpha", "slope"), attributes="slope")
DEFAULT = function("Default", "a", "b", referring("LeakyRelu", "a", "b", "alpha", "slope"), defaults={"slope": 0.25})


def test_functions_of_the_model() -> None:
    outer = function(
        "Outer",
        "p q",
        "r s",
        helper.make_node("Leaky", ["p"], ["t"], domain="my", slope=0.5),
        helper.make_node("Default", ["t"], ["u"], domain="my"),
        node("Add", "u q", "r"),
        node("Sub", "u q", "s"),
    )
    nodes = call("Outer", ["x", "w"], ["a", "b"]), node("Mul", "a b", "y")
    proto = model(*nodes, functions=[LEAKY, DEFAULT, outer], domain="my")
    module = check_model(proto, {"x": X})
    assert op_names(module) == ["nn.leaky_relu", "nn.leaky_relu", "math.add", "math.sub", "math.mul"]
    assert names(module) == ["x", "w", "", "", "a", "b", "y"]
    assert {op.location for op in module.main.ops} == {(), ("call",), ("y",)}


@pytest.mark.parametrize("attributes", [{}, {"slope": 0.75}])
def test_default_attributes_of_functions(attributes: dict[str, float]) -> None:
    check_model(model(call("Default", ["x"], ["y"], **attributes), functions=[DEFAULT], domain="my"), {"x": X})


@pytest.mark.parametrize(
    ("inputs", "ops"), [(["x"], []), (["x", "low"], ["math.clamp"]), (["x", "", "low"], ["math.clamp"])]
)
def test_operands_that_a_call_leaves_out(inputs: list[str], ops: list[str]) -> None:
    clip = function("Between", "a low high", "b", node("Clip", "a low high", "b"))
    low = numpy_helper.from_array(np.array(-0.5, np.float32), "low")
    proto = model_of(
        [call("Between", inputs, ["y"])], [input_info("x", X)], ["y"], [low], domain="my", functions=[clip]
    )
    assert op_names(imported(proto)) == ops


def test_reasons_in_functions_name_the_caller() -> None:
    bad = function("Bad", "a", "b", node("Frobnicate", "a", "c"), node("Gizmo", "c c", "b"))
    proto = model(call("Bad", ["x"], ["t"]), node("Relu", "t", "y"), functions=[bad], domain="my")
    assert reasons_of(proto) == [
        "node call (my.Bad), whose definition has Frobnicate: ONNX has no operator Frobnicate in opset 17",
        "node call (my.Bad), whose definition has Gizmo: ONNX has no operator Gizmo in opset 17",
    ]
    proto = model(call("Leaky", ["x", "w"], ["y"], slope=0.5), functions=[LEAKY], domain="my")
    assert reasons_of(proto) == ["node call (my.Leaky): it has 2 operands, but its definition takes 1"]


def test_functions_that_grow_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_NODES", 1000)
    functions = [function("F0", "a", "b", node("Relu", "a", "b"))]
    for level in range(1, 30):
        calls = [
            helper.make_node(f"F{level - 1}", ["a"], ["c"], domain="my"),
            helper.make_node(f"F{level - 1}", ["c"], ["b"], domain="my"),
        ]
        functions.append(function(f"F{level}", "a", "b", *calls))
    (reason,) = reasons_of(model(call("F29", ["x"], ["y"]), functions=functions, domain="my"))
    assert reason.endswith("with all its functions inlined the model has over 1000 nodes")


def test_unused_outputs_need_no_support() -> None:
    proto = OneNode("MaxPool", [floats(1, 1, 4, 4)], {"kernel_shape": [2, 2]}, outputs=2).model
    del proto.graph.output[1]
    imported(proto)


def test_types_given_by_the_caller() -> None:
    proto = model(node("Relu", "x", "y"))
    module = import_model(proto, lambda declared: {n: t and t.with_shape((5, 7)) for n, t in declared.items()})
    assert str(module.main.outputs[0].type) == "f32[5, 7]"

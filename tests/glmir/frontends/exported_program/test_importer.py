"""Inputs, outputs, states, places and refusals of programs put together by hand."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from glmir.driver.inputs import InputSpecs, parse_input_specs
from glmir.errors import CompileError, InputError, ModelWarning
from glmir.frontends.exported_program import graphs
from glmir.frontends.exported_program.importer import import_exported
from glmir.interpreter import run
from glmir.ir import Array, Module
from glmir.ops.tensor import Constant
from glmir.types import DType, TensorType
from glmir.verifier import verify

from .building import (
    INT64,
    Json,
    archive,
    graph,
    meta,
    node,
    payload,
    program,
    relu_program,
    returned,
    tensor,
    user,
)

TWO_BY_THREE = np.arange(6, dtype=np.float32).reshape(2, 3)


def f32(numbers: object) -> Array:
    return np.array(numbers, np.float32)


def imported(content: Json, specs: InputSpecs | None = None, **payloads: Json | Array) -> Module:
    """The module of a program; payloads are entries of the weights' configuration, and the bytes of members."""
    specs = specs or InputSpecs()
    weights = {name: value for name, value in payloads.items() if isinstance(value, dict)}
    members: dict[str, bytes | Array] = {n: value for n, value in payloads.items() if not isinstance(value, dict)}
    module = import_exported(archive(content, weights, None, **members), specs.specialize, specs.values)
    verify(module)
    return module


def reasons(content: Json, **payloads: Json | Array) -> list[str]:
    with pytest.raises(CompileError) as caught:
        imported(content, None, **payloads)
    return caught.value.reasons


def signature(module: Module) -> tuple[dict[str, str], dict[str, str]]:
    outputs = zip(module.main.output_names, module.main.outputs, strict=True)
    return {v.name: str(v.type) for v in module.main.inputs}, {name: str(v.type) for name, v in outputs}


def buffer(name: str, kind: str = "buffer") -> Json:
    field = {"buffer": "buffer_name", "parameter": "parameter_name", "tensor_constant": "tensor_constant_name"}[kind]
    return {kind: {"arg": {"name": f"b_{name}"}, field: name, "persistent": True}}


def test_inputs_and_outputs_keep_their_names() -> None:
    module = imported(relu_program("Symbol('s77', positive=True, integer=True)", 3))
    assert signature(module) == ({"x": "f32[s77, 3]"}, {"output0": "f32[s77, 3]"})


def test_a_dim_and_a_type_specialise() -> None:
    content = relu_program("s77", 3)
    assert signature(imported(content, parse_input_specs({}, {"s77": 4})))[0] == {"x": "f32[4, 3]"}
    assert signature(imported(content, parse_input_specs({"x": "f32[n, 3]"}, {})))[0] == {"x": "f32[n, 3]"}
    with pytest.raises(InputError, match="cannot become"):
        imported(content, parse_input_specs({"x": "f32[n, 4]"}, {}))
    with pytest.raises(InputError, match="axis 1 of input x is 3 in the exported program and cannot become m: export"):
        imported(content, parse_input_specs({"x": "f32[n, m]"}, {}))


def test_sizes_out_of_the_programs_range_are_refused() -> None:
    content = relu_program("s77", 3, range_constraints={"s77": {"min_val": 2, "max_val": 9}})
    assert imported(content, parse_input_specs({}, {"s77": 9}))
    with pytest.raises(InputError, match=r"dim s77 is 2\.\.9 in the exported program and cannot become 10"):
        imported(content, parse_input_specs({}, {"s77": 10}))


def test_a_pinned_input_is_a_constant_for_the_program() -> None:
    content = program(
        {"x": meta([2, 3]), "k": meta([], INT64)},
        [
            node("item", [{"as_sym_int": {"as_name": "i"}}], tensor("k")),
            node("transpose", "y", tensor("x"), {"as_sym_int": {"as_name": "i"}}, {"as_int": 1}),
        ],
        [tensor("y")],
    )
    module = imported(content, parse_input_specs({"k": 0}, {}))
    assert signature(module)[1] == {"output0": "f32[3, 2]"}
    assert [v.name for v in module.main.inputs] == ["x", "k"]


def test_outputs_that_are_no_tensors() -> None:
    outputs: list[Json] = [
        {"as_none": True},
        tensor("y"),
        {"as_int": 3},
        {"as_float": 1.5},
        {"as_bool": True},
        {"as_string": "text"},
    ]
    content = program({"x": meta([2])}, [node("relu", "y", tensor("x"))], outputs)
    with pytest.warns(ModelWarning, match="the text 'text', which is left out"):
        module = imported(content)
    expected = {"output0": "f32[2]", "output1": "i64[]", "output2": "f32[]", "output3": "bool[]"}
    assert signature(module)[1] == expected
    result = run(module, {"x": f32([-1, 1])})
    assert [result[f"output{i}"].item() for i in (1, 2, 3)] == [3, 1.5, True]


def test_a_program_without_tensors_to_return() -> None:
    assert reasons(program({"x": meta([2])}, [], [{"as_none": True}])) == ["forward returns no tensor"]


def test_inputs_that_are_numbers() -> None:
    content = program(
        {"x": meta([2])}, [node("mul.Tensor", "y", tensor("x"), {"as_sym_int": {"as_name": "k"}})], [tensor("y")]
    )
    graph_json = content["graph_module"]["graph"]  # type: ignore[index]
    graph_json["nodes"][0]["target"] = "torch.ops.aten.mul.Tensor"
    graph_json["inputs"].append({"as_sym_int": {"as_name": "k"}})
    graph_json["sym_int_values"]["k"] = {"as_expr": {"expr_str": "s5", "hint": None}}
    specs = content["graph_module"]["signature"]["input_specs"]  # type: ignore[index]
    specs.append({"user_input": {"arg": {"as_sym_int": {"as_name": "k"}}}})
    module = imported(content)
    assert signature(module)[0] == {"x": "f32[2]", "k": "i64[]"}
    result = run(module, {"x": f32([1, 2]), "k": np.array(3)})
    np.testing.assert_array_equal(result["output0"], [3, 6])
    pinned = imported(content, parse_input_specs({"k": 5}, {}))
    assert any(isinstance(op, Constant) for op in pinned.main.ops)


def constant_input(value: Json) -> Json:
    return {"constant_input": {"name": "k", "value": value}}


def test_constant_inputs_are_no_inputs() -> None:
    content = program(
        {"x": meta([2])},
        [node("relu", "y", tensor("x"))],
        [tensor("y")],
        [user("x"), constant_input({"as_int": 3})],
    )
    content["graph_module"]["graph"]["inputs"].append({"as_int": 3})  # type: ignore[index]
    assert signature(imported(content))[0] == {"x": "f32[2]"}


def counting(specs: Sequence[Json] | None = None, nodes: Sequence[Json] | None = None) -> Json:
    """h += x; return h"""
    inputs = {"b_h": meta([3]), "x": meta([3])}
    nodes = nodes or [node("add_", "new", tensor("b_h"), tensor("x")), node("relu", "y", tensor("new"))]
    return program(inputs, nodes, [tensor("y")], specs or [buffer("h"), user("x")])


H = f32([1, 2, 3])


@pytest.mark.parametrize("kind", ["buffer", "parameter", "tensor_constant"])
def test_what_an_in_place_operation_writes_is_a_state(kind: str) -> None:
    module = imported(counting([buffer("h", kind), user("x")]), h=payload("weight_0", H), weight_0=H)
    assert signature(module) == ({"x": "f32[3]", "h": "f32[3]"}, {"output0": "f32[3]", "h_out": "f32[3]"})
    (state,) = module.states
    assert (state.input, state.output) == ("h", "h_out")
    np.testing.assert_array_equal(state.initial.array, H)
    result = run(module, {"x": H})
    np.testing.assert_array_equal(result["h_out"], 2 * H)


def test_a_write_through_a_view_is_a_state() -> None:
    nodes = [
        node("slice", "part", tensor("b_h"), {"as_int": 0}, {"as_int": 1}, {"as_int": 3}),
        node("zero_", "zero", tensor("part")),
        node("add", "y", tensor("b_h"), tensor("x")),
    ]
    module = imported(counting(nodes=nodes), h=payload("weight_0", H), weight_0=H)
    np.testing.assert_array_equal(run(module, {"x": H})["h_out"], [1, 0, 0])


def test_in_place_operations_on_results_make_no_state() -> None:
    nodes = [node("add", "sum", tensor("b_h"), tensor("x")), node("relu_", "y", tensor("sum"))]
    module = imported(counting(nodes=nodes), h=payload("weight_0", H), weight_0=H)
    assert module.states == []
    assert signature(module)[0] == {"x": "f32[3]"}


def test_mutations_that_the_signature_tells() -> None:
    content = program(
        {"b_h": meta([3]), "x": meta([3])},
        [node("add", "new", tensor("b_h"), tensor("x")), node("mul", "twice", tensor("x"), tensor("x"))],
        [tensor("new"), tensor("twice"), tensor("new")],
        [buffer("h"), user("x")],
        [
            {"buffer_mutation": {"arg": {"name": "new"}, "buffer_name": "h"}},
            {"user_input_mutation": {"arg": {"name": "twice"}, "user_input_name": "x"}},
            returned(tensor("new")),
        ],
    )
    module = imported(content, h=payload("weight_0", H), weight_0=H)
    outputs = {"output0": "f32[3]", "h_out": "f32[3]", "x_out": "f32[3]"}
    assert signature(module) == ({"x": "f32[3]", "h": "f32[3]"}, outputs)
    assert [s.input for s in module.states] == ["h"]


def test_two_names_of_one_memory_are_one_state() -> None:
    # As caches are exported: as buffers, and once more as constants, which the program writes.
    inputs = {"b_h": meta([3]), "b_lifted": meta([3]), "x": meta([3])}
    nodes = [node("add_", "new", tensor("b_lifted"), tensor("x")), node("relu", "y", tensor("b_h"))]
    content = program(inputs, nodes, [tensor("y")], [buffer("h"), buffer("lifted", "tensor_constant"), user("x")])
    module = imported(content, h=payload("weight_0", H), lifted=payload("weight_0", H), weight_0=H)
    assert [(s.input, s.output) for s in module.states] == [("h", "h_out")]
    result = run(module, {"x": H})
    np.testing.assert_array_equal(result["output0"], 2 * H)
    np.testing.assert_array_equal(result["h_out"], 2 * H)


def test_a_state_whose_memory_another_tensor_shares() -> None:
    content = counting()
    inner = content["graph_module"]
    inner["graph"]["inputs"].append(tensor("b_other"))  # type: ignore[index]
    inner["signature"]["input_specs"].append(buffer("other"))  # type: ignore[index]
    part = payload("weight_0", H)
    part["tensor_meta"] |= {"sizes": [{"as_int": 1}], "strides": [{"as_int": 1}]}  # type: ignore[operator,index]
    shared: dict[str, Json] = {"h": payload("weight_0", H), "other": part}
    (reason,) = reasons(content, weight_0=H, **shared)
    assert reason == "the buffer h is written and shares its memory with other: copy it first"


def test_weights_by_strides_and_offsets_share_their_bytes() -> None:
    stored = np.arange(12, dtype=np.float32)
    part = meta([2, 2])
    part |= {"strides": [{"as_int": 1}, {"as_int": 4}], "storage_offset": {"as_int": 5}}
    content = program(
        {"b_a": meta([2, 2]), "b_b": meta([2, 2])},
        [node("add", "y", tensor("b_a"), tensor("b_b"))],
        [tensor("y")],
        [buffer("a", "parameter"), buffer("b")],
    )
    entry: Json = {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": part}
    module = imported(content, a=entry, b=entry, weight_0=stored)
    constants = [op for op in module.main.ops if isinstance(op, Constant)]
    assert len(constants) == 1
    assert not constants[0].value.array.flags.owndata
    np.testing.assert_array_equal(run(module, {})["output0"], 2 * f32([[5, 9], [6, 10]]))


def test_all_unsupported_operations_are_told_with_their_place() -> None:
    place = {
        "stack_trace": 'File "/home/me/net.py", line 12, in forward\n    x\n'
        'File "/venv/lib/python3.11/site-packages/torch/nn/functional.py", line 99, in f\n    y\n',
        "nn_module_stack": "L__self__,,net.Net;L__self__blocks.0,blocks.0,net.Block",
    }
    nodes = [
        node("no_such_op", "a", tensor("x")) | {"metadata": place},
        node("relu", "b", tensor("a")),
        node("torch.ops.mine.special.default", "c", tensor("x")) | {"metadata": {"stack_trace": 3}},
        node("add", "y", tensor("b"), tensor("c")),
    ]
    assert reasons(program({"x": meta([2])}, nodes, [tensor("y")])) == [
        "no_such_op, in blocks.0 (net.py:12): it is not supported",
        "mine::special, in the module itself: it is not supported; it is none of PyTorch's own, and must be written "
        "with those",
    ]


def test_ops_carry_module_and_line() -> None:
    place = {"stack_trace": 'File "net.py", line 7, in f', "nn_module_stack": "a,conv.0@1,C"}
    content = program({"x": meta([2])}, [node("relu", "y", tensor("x")) | {"metadata": place}], [tensor("y")])
    (op,) = imported(content).main.ops
    assert op.location == ("conv.0@1", "net.py:7")
    assert op.result.name == "y"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"use_pickle": True}, "no plain tensor"),
        ({"tensor_meta": None}, "no plain tensor"),
        ({"tensor_meta": meta([3], 9)}, "complex32"),
        ({"tensor_meta": meta([3], layout=2)}, "sparse"),
    ],
)
def test_payloads_that_the_ir_cannot_hold(entry: Mapping[str, object], reason: str) -> None:
    (told,) = reasons(counting(), h={**payload("weight_0", H), **entry}, weight_0=H)
    assert told.startswith("h: ")
    assert reason in told


def test_objects_of_classes_are_refused() -> None:
    custom: Json = {"custom_obj": {"arg": {"name": "x", "class_fqn": "__torch__.Tokenizer"}, "custom_obj_name": "t"}}
    (told,) = reasons(program({"x": meta([2])}, [node("relu", "y", tensor("x"))], [tensor("y")], [custom]))
    assert "__torch__.Tokenizer" in told


def region(target: str, *before: Json) -> Json:
    """A program whose only node runs a graph: relu."""
    inner = graph({"a": meta([2])}, [node("relu", "b", tensor("a"))], [tensor("b")])
    body: Json = {"as_graph": {"name": "g", "graph": inner}}
    outer = node(f"torch.ops.higher_order.{target}", "y", *before, body, tensor("x"))
    return program({"x": meta([2])}, [outer], [tensor("y")])


def test_regions_are_inlined() -> None:
    autocast: list[Json] = [{"as_string": "cpu"}, {"as_none": True}, {"as_bool": False}, {"as_none": True}]
    for content in (region("wrap_with_set_grad_enabled", {"as_bool": False}), region("wrap_with_autocast", *autocast)):
        result = run(imported(content), {"x": f32([-1, 1])})
        np.testing.assert_array_equal(result["output0"], [0, 1])


def test_autocast_is_refused() -> None:
    autocast: list[Json] = [{"as_string": "cpu"}, {"as_none": True}, {"as_bool": True}, {"as_none": True}]
    (told,) = reasons(region("wrap_with_autocast", *autocast))
    assert "torch.autocast" in told


def test_assertions_leave_nothing_behind() -> None:
    nodes = [
        node("item", [{"as_sym_int": {"as_name": "u0"}}], tensor("k")),
        node("_operator.ge", [{"as_sym_bool": {"as_name": "ok"}}], {"as_sym_int": {"as_name": "u0"}}, {"as_int": 1}),
        node("_assert_scalar", [], {"as_sym_bool": {"as_name": "ok"}}, {"as_string": "no"}),
        node("relu", "y", tensor("x")),
    ]
    module = imported(program({"x": meta([2]), "k": meta([], INT64)}, nodes, [tensor("y")]))
    assert len(module.main.ops) == 1


def test_operations_with_effects_hand_on_a_token() -> None:
    def effect(name: str, before: str, target: str, result: Json, *arguments: Json) -> Json:
        given = ({"as_tensor": {"name": before}}, {"as_operator": f"torch.ops.aten.{target}.default"}, *arguments)
        outputs = [{"as_tensor": {"name": name}}, result]
        return node("torch.ops.higher_order.with_effects", outputs, *given)

    nodes = [
        effect("t1", "t", "_linalg_check_errors", {"as_none": True}, tensor("k"), {"as_string": "linalg.inv"}),
        effect("t2", "t1", "relu", tensor("y"), tensor("x")),
    ]
    content = program({"t": meta([0]), "x": meta([2]), "k": meta([], INT64)}, nodes, [tensor("y")])
    module = imported(content)
    assert [type(op).__name__ for op in module.main.ops] == ["Relu"]


def test_dtypes_have_the_numbers_of_the_schema() -> None:
    codes = {1: "u8", 2: "i8", 3: "i16", 4: "i32", 5: "i64", 6: "f16", 7: "f32", 8: "f64", 12: "bool", 13: "bf16"}
    for code, name in codes.items():
        module = imported(program({"x": meta([2], code)}, [], [tensor("x")]))
        assert module.main.inputs[0].type == TensorType(DType(name), (2,))
    assert reasons(program({"x": meta([2], 10)}, [], [tensor("x")])) == [
        "input x: tensors of dtype complex64 are not supported"
    ]


def feeds() -> dict[str, Array]:
    return {"x": TWO_BY_THREE}


def test_programs_that_do_not_tell_keywords() -> None:
    call = node("softmax", "y", tensor("x"), {"as_int": -1})
    call["inputs"] = [{"name": "self", "arg": tensor("x")}, {"name": "dim", "arg": {"as_int": 0}}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(imported(program({"x": meta([2, 3])}, [call], [tensor("y")])), feeds())
    np.testing.assert_allclose(result["output0"].sum(0), 1, rtol=1e-6)


def test_complex_weights_are_read() -> None:
    turns = np.exp(1j * np.arange(3)).astype(np.complex64)
    entry: Json = payload("weight_0", H) | {"tensor_meta": meta([3], 10)}
    content = program(
        {"b_z": meta([3], 10), "x": meta([3])},
        [node("view_as_real", "parts", tensor("b_z")), node("add", "y", tensor("parts"), {"as_int": 1})],
        [tensor("y")],
        [buffer("z"), user("x")],
    )
    result = run(imported(content, None, z=entry, weight_0=turns), {"x": H})["output0"]
    np.testing.assert_array_equal(result, np.stack([turns.real, turns.imag], -1) + 1)
    mutation: Json = {"buffer_mutation": {"arg": {"name": "b_z"}, "buffer_name": "z"}}
    written = program({"b_z": meta([3], 10)}, [], [tensor("b_z")], [buffer("z")], [mutation])
    assert reasons(written, z=entry, weight_0=turns) == ["z: complex tensors can be read, but not be written to"]


def sym(name: str) -> Json:
    return {"as_sym_int": {"as_name": name}}


@pytest.mark.parametrize(
    ("target", "args", "expected"),
    [
        ("_operator.add", [sym("n"), {"as_int": 3}], 7),
        ("_operator.floordiv", [sym("n"), {"as_int": 3}], 1),
        ("_operator.mod", [sym("n"), {"as_int": 3}], 1),
        ("_operator.neg", [sym("n")], -4),
        ("_operator.pos", [sym("n")], 4),
        ("_operator.pow", [sym("n"), {"as_int": 2}], 16),
        ("_operator.pow", [{"as_int": 2}, sym("n")], 16),
        ("_operator.truediv", [sym("n"), {"as_int": 8}], 0.5),
        ("_operator.lt", [sym("n"), {"as_int": 8}], True),
        ("torch.sym_max", [sym("n"), {"as_int": 8}], 8),
        ("torch.sym_max", [sym("n"), sym("k")], 9),
        ("torch.sym_min", [sym("n"), {"as_int": 8}], 4),
        ("torch.sym_min", [{"as_float": 1.5}, {"as_float": 2.5}], 1.5),
        ("torch.sym_float", [sym("n")], 4.0),
        ("torch.sym_sum", [{"as_sym_ints": [{"as_name": "n"}, {"as_int": 2}, {"as_name": "n"}]}], 10),
        ("torch.sym_sum", [{"as_sym_ints": [{"as_name": "n"}, {"as_name": "k"}]}], 13),
        ("torch.sym_ite", [{"as_bool": True}, sym("n"), {"as_int": 2}], 4),
        ("torch.sym_ite", [sym("big"), sym("n"), {"as_int": 2}], 4),
    ],
)
def test_arithmetic_on_sizes(target: str, args: Sequence[Json], expected: float) -> None:
    nodes = [
        node("sym_size.int", [sym("n")], tensor("x"), {"as_int": 0}) | {"target": "torch.ops.aten.sym_size.int"},
        node("item", [sym("k")], tensor("count")),
        node("_operator.gt", [sym("big")], sym("k"), {"as_int": 5}),
        node(target, [sym("result")], *args),
    ]
    module = imported(program({"x": meta(["s77"]), "count": meta([], INT64)}, nodes, [sym("result")]))
    result = run(module, {"x": np.zeros(4, np.float32), "count": np.array(9)})["output0"]
    assert result == expected
    assert result.dtype == (np.float32 if isinstance(expected, float) else np.array(expected).dtype)


def test_loops_in_loops_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_NODES", 1000)
    body = graph({"a": meta([])}, [node("relu", "b", tensor("a"))], [tensor("b")])
    for rank in (1, 2):
        inner: Json = {"as_graph": {"name": "g", "graph": body}}
        call = node("torch.ops.higher_order.map_impl", "b", inner, {"as_tensors": [{"name": "a"}]}, {"as_tensors": []})
        body = graph({"a": meta([400] * rank)}, [call], [tensor("b")])
    outer: Json = {"as_graph": {"name": "g", "graph": body}}
    call = node("torch.ops.higher_order.map_impl", "y", outer, {"as_tensors": [{"name": "x"}]}, {"as_tensors": []})
    (told,) = reasons(program({"x": meta([400] * 3)}, [call], [tensor("y")]))
    assert "more than 1000 nodes" in told

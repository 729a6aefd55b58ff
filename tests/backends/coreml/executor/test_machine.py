"""The executor itself: control flow, states, classes, functions, types, and what it refuses."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.backends.coreml import executor, runtime, schema
from glmir.backends.coreml.executor import ProgramError
from glmir.backends.coreml.protobuf import assign
from glmir.backends.coreml.schema import (
    Block,
    DataType,
    DictionaryFeatureType,
    FeatureDescription,
    FeatureType,
    Function,
    FunctionDescription,
    ImmediateValue,
    ListType,
    ListValue,
    Model,
    ModelDescription,
    NamedValueType,
    Operation,
    Program,
    RepeatedStrings,
    SizeRange,
    StateFeatureType,
    StateType,
    StringFeatureType,
    TensorValue,
    Value,
    ValueType,
)
from glmir.dims import symbol
from glmir.errors import InputError
from glmir.types import DType, TensorType
from tests.backends.coreml.executor.programs import (
    Input,
    array_feature,
    bound,
    compute,
    constant,
    immediate,
    model_of,
    operation,
    run_model,
    tensor_type,
    type_of,
    write_package,
)

X = np.array([1.0, -2.0, 3.0], np.float32)
F32 = type_of(X)
RANK_6 = tensor_type(DataType.FLOAT32, (1, 1, 1, 1, 1, 3))


def relu(source: str, result: str, declared: ValueType = F32) -> Operation:
    return operation("relu", {"x": source}, {result: declared})


def test_cond_runs_one_block_with_the_outer_names() -> None:
    limit = constant("limit", immediate(np.array(0, np.float32)))
    total = operation("reduce_sum", {"x": "x", "keep_dims": "keep"}, {"total": tensor_type(DataType.FLOAT32, ())})
    keep = constant("keep", immediate(np.array(False)))
    positive = operation("greater", {"x": "total", "y": "limit"}, {"positive": tensor_type(DataType.BOOL, ())})
    branch = operation("cond", {"pred": "positive"}, {"y": F32})
    blocks = [Block(operations=[relu("x", "a")], outputs=["a"]), Block(outputs=["x"])]
    branch.MergeFrom(Operation(blocks=blocks))  # type: ignore[attr-defined]
    model = model_of([limit, keep, total, positive, branch], {"x": X}, {"y": X})
    np.testing.assert_array_equal(run_model(model, {"x": X})["y"], np.maximum(X, 0))
    np.testing.assert_array_equal(run_model(model, {"x": -X})["y"], -X)


def test_while_loop_carries_its_values() -> None:
    """i, x = 0, x; while i < 3: i, x = i + 1, x + x."""
    i32, boolean = tensor_type(DataType.INT32, ()), tensor_type(DataType.BOOL, ())
    condition = Block(
        inputs=[NamedValueType(name="i0", type=i32), NamedValueType(name="x0", type=F32)],
        operations=[operation("less", {"x": "i0", "y": "three"}, {"more": boolean})],
        outputs=["more"],
    )
    body = Block(
        inputs=[NamedValueType(name="i1", type=i32), NamedValueType(name="x1", type=F32)],
        operations=[
            operation("add", {"x": "i1", "y": "one"}, {"i2": i32}),
            operation("add", {"x": "x1", "y": "x1"}, {"x2": F32}),
        ],
        outputs=["i2", "x2"],
    )
    loop = operation("while_loop", {"loop_vars": ["zero", "x"]}, {"count": i32, "y": F32})
    loop.MergeFrom(Operation(blocks=[condition, body]))  # type: ignore[attr-defined]
    numbers = {"zero": 0, "one": 1, "three": 3}
    constants = [constant(name, immediate(np.array(n, np.int32))) for name, n in numbers.items()]
    model = model_of([*constants, loop], {"x": X}, {"y": X, "count": np.array(0, np.int32)})
    got = run_model(model, {"x": X})
    np.testing.assert_array_equal(got["y"], X * 8)
    assert got["count"] == 3


def test_states_outlive_a_prediction(tmp_path_factory: pytest.TempPathFactory) -> None:
    half = X.astype(np.float16)
    declared, state = type_of(half), ValueType(state_type=StateType(wrapped_type=type_of(half)))
    operations = [
        operation("read_state", {"input": "memory"}, {"old": declared}),
        operation("add", {"x": "old", "y": "x"}, {"new": declared}),
        Operation(type="write_state", inputs={"input": bound("memory"), "data": bound("new")}),
        operation("read_state", {"input": "memory"}, {"y": declared}),
    ]
    model = model_of(operations, {"x": half}, {"y": half}, "CoreML8")
    function = model.ml_program.functions["main"]
    function.MergeFrom(Function(inputs=[NamedValueType(name="memory", type=state)]))  # type: ignore[attr-defined]
    kept = FeatureType(state_type=StateFeatureType(array_type=array_feature("", half).type.multi_array_type))
    memory = ModelDescription(state=[FeatureDescription(name="memory", type=kept)])
    model.description.MergeFrom(memory)  # type: ignore[attr-defined]
    package = executor.load(write_package(tmp_path_factory.mktemp("states") / "m.mlpackage", model))
    states = executor.new_states(package, "main")
    for times in (1, 2, 3):
        got = executor.execute(package, "main", {"x": half}, states)
        np.testing.assert_array_equal(got["y"], half * times)


def classifier() -> Model:
    labels = [
        Value(
            type=tensor_type(DataType.STRING, ()),
            immediate_value=ImmediateValue(tensor=TensorValue(strings=RepeatedStrings(values=[label]))),
        )
        for label in ("cat", "dog", "bird")
    ]
    text = tensor_type(DataType.STRING, ())
    classes = Value(
        type=ValueType(list_type=ListType(type=text)), immediate_value=ImmediateValue(list=ListValue(values=labels))
    )
    dictionary = ValueType(
        dictionary_type=schema.DictionaryType(key_type=text, value_type=tensor_type(DataType.FLOAT64, ()))
    )
    classify = operation("classify", {"probabilities": "x"}, {"label": text, "scores": dictionary})
    classify.inputs["classes"].MergeFrom(  # type: ignore[attr-defined]
        schema.Argument(arguments=[schema.Binding(value=classes)])
    )
    model = model_of([classify], {"x": X}, {})
    outputs = [
        FeatureDescription(name="label", type=FeatureType(string_type=StringFeatureType())),
        FeatureDescription(
            name="scores",
            type=FeatureType(dictionary_type=DictionaryFeatureType(string_key_type=StringFeatureType())),
        ),
    ]
    described = ModelDescription(output=outputs, predicted_feature_name="label", predicted_probabilities_name="scores")
    model.description.MergeFrom(described)  # type: ignore[attr-defined]
    block = model.ml_program.functions["main"].block_specializations["CoreML6"]
    block.MergeFrom(Block(outputs=["label", "scores"]))  # type: ignore[attr-defined]
    return model


def test_a_classifier_gives_its_label_and_all_scores() -> None:
    got = run_model(classifier(), {"x": X})
    assert got["label"] == "bird"
    np.testing.assert_array_equal(got["scores"], X)


def test_one_of_several_functions(tmp_path_factory: pytest.TempPathFactory) -> None:
    functions, described = {}, []
    for name, kind in (("first", "relu"), ("second", "abs")):
        block = Block(operations=[operation(kind, {"x": "x"}, {"y": F32})], outputs=["y"])
        functions[name] = Function(
            inputs=[NamedValueType(name="x", type=F32)], opset="CoreML8", block_specializations={"CoreML8": block}
        )
        described.append(FunctionDescription(name=name, input=[array_feature("x", X)], output=[array_feature("y", X)]))
    model = Model(
        specification_version=9,
        description=ModelDescription(functions=described, default_function_name="second"),
        ml_program=Program(version=1, functions=functions),
    )
    path = write_package(tmp_path_factory.mktemp("functions") / "m.mlpackage", model)
    np.testing.assert_array_equal(executor.run(path, {"x": X})["y"], abs(X))
    np.testing.assert_array_equal(executor.run(path, {"x": X}, "first")["y"], np.maximum(X, 0))


def flexible() -> Model:
    """x[1 to 4, 3] -> relu"""
    declared = tensor_type(DataType.FLOAT32, (None, 3))
    model = model_of([relu("x", "y", declared)], {"x": X[None]}, {"y": X[None]})
    function = model.ml_program.functions["main"]
    assign(function.inputs[0].type, declared)
    array = model.description.input[0].type.multi_array_type
    sizes = [SizeRange(lower_bound=1, upper_bound=4), SizeRange(lower_bound=3, upper_bound=3)]
    assign(array.shape_range, schema.ShapeRange(size_ranges=sizes))
    model.description.output[0].type.multi_array_type.ClearField("shape")  # type: ignore[attr-defined]
    return model


def test_a_dimension_of_a_range(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write_package(tmp_path_factory.mktemp("flexible") / "m.mlpackage", flexible())
    assert runtime.input_types(path) == {"x": TensorType(DType.F32, (symbol("x_dim0"), 3))}
    three = np.tile(X, (3, 1))
    np.testing.assert_array_equal(runtime.run(path, {"x": three})["y"], np.maximum(three, 0))
    with pytest.raises(InputError, match=r"cannot have the shape \[5, 3\]"):
        runtime.run(path, {"x": np.zeros((5, 3), np.float32)})


def test_inputs_that_do_not_fit(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = model_of([relu("x", "y")], {"x": X}, {"y": X})
    path = write_package(tmp_path_factory.mktemp("inputs") / "m.mlpackage", model)
    for inputs in ({}, {"x": X, "z": X}, {"x": X.astype(np.float64)}, {"x": X[:2]}):
        with pytest.raises(InputError):
            runtime.run(path, inputs)


def refused(model: Model, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        run_model(model, {"x": X})


def renamed(model: Model) -> None:
    model.description.output[0].name = "z"


def unbounded(model: Model) -> None:
    sizes = [SizeRange(lower_bound=1, upper_bound=-1)]
    assign(model.description.input[0].type.multi_array_type.shape_range, schema.ShapeRange(size_ranges=sizes))


def half_input(model: Model) -> None:
    model.description.input[0].type.multi_array_type.data_type = schema.ArrayDataType.FLOAT16
    model.specification_version = 6


def scalar_input(model: Model) -> None:
    model.description.input[0].type.multi_array_type.ClearField("shape")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (renamed, r"returns y, described are z"),
        (unbounded, "not one it may have"),
        (half_input, "fp16, which specification version 6 does not have"),
        (scalar_input, "rank 0"),
    ],
)
def test_descriptions_that_do_not_fit(change: Callable[[Model], None], message: str) -> None:
    model = model_of([relu("x", "y")], {"x": X}, {"y": X})
    change(model)
    refused(model, message)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([operation("relux", {"x": "x"}, {"y": F32})], r"operator relux \(y\): there is no such operator"),
        ([relu("z", "y")], "reads z, which is not there"),
        ([operation("relu", {"x": "x", "z": "x"}, {"y": F32})], "has no parameter z"),
        ([operation("relu", {}, {"y": F32})], "required parameter x is missing"),
        ([operation("softmax", {"x": "x"}, {"y": F32})], "required parameter axis is missing"),
        ([operation("softmax", {"x": "x", "axis": "x"}, {"y": F32})], "axis is fp32, not i32"),
        ([operation("resize", {"x": "x"}, {"y": F32})], "before a later opset than iOS 16"),
        ([relu("x", "y", tensor_type(DataType.FLOAT32, (4,)))], r"declared as fp32\[4\], but is fp32\[3\]"),
        ([relu("x", "y", tensor_type(DataType.FLOAT16, (3,)))], r"declared as fp16\[3\], but is fp32\[3\]"),
        ([relu("x", "x")], "defines x once more"),
        ([relu("x", "a-b")], "'a-b' is no identifier"),
        ([relu("x", "z")], "returns y, which it does not have"),
        (
            [constant("h", immediate(np.zeros(3, np.float16))), operation("add", {"x": "x", "y": "h"}, {"y": F32})],
            "y is fp16, other parameters of its type are fp32",
        ),
        (
            [constant("axes", immediate(np.arange(5, dtype=np.int32))),
             operation("expand_dims", {"x": "x", "axes": "axes"}, {"y": RANK_6})],
            "rank 6, more than 5",
        ),
    ],
)  # fmt: skip
def test_programs_that_core_ml_would_not_run(operations: list[Operation], message: str) -> None:
    refused(model_of(operations, {"x": X}, {"y": X}), message)


def test_a_parameter_that_has_to_be_constant() -> None:
    with pytest.raises(ProgramError, match="axis is not a constant"):
        array = np.array([1], np.int32)
        compute("softmax", X, x=Input(X), axis=Input(array))


def test_constants_in_the_field_that_is_not_read() -> None:
    value = immediate(X)
    assign(value.immediate_value.tensor, TensorValue(bytes=schema.RepeatedBytes(values=X.tobytes())))
    refused(model_of([constant("c", value), relu("c", "y")], {"x": X}, {"y": X}), "in bytes, not in floats")


def test_a_package_that_is_not_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("broken")
    with pytest.raises(ProgramError, match="is no package"):
        executor.load(folder)
    path = write_package(folder / "m.mlpackage", model_of([relu("x", "y")], {"x": X}, {"y": X}))
    (path / "Data" / "com.apple.CoreML" / "model.mlmodel").write_bytes(b"\xff\xff")
    with pytest.raises(ProgramError, match="not a Model message"):
        executor.load(path)
    (path / "Data" / "com.apple.CoreML" / "model.mlmodel").unlink()
    with pytest.raises(ProgramError, match="lacks"):
        executor.load(path)


def test_metadata(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = model_of([relu("x", "y")], {"x": X}, {"y": X})
    assign(model.description.metadata, schema.Metadata(author="me", user_defined={"names": "{}"}))
    metadata = executor.load(write_package(tmp_path_factory.mktemp("metadata") / "m.mlpackage", model)).metadata
    assert metadata["author"] == "me"
    assert metadata["names"] == "{}"

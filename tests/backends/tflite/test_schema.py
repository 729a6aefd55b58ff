"""The TFLite schema against the runtime's own, which may be newer, and small models run in the LiteRT interpreter."""

import inspect
import re
import types
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pytest

from glmir.backends.flatbuffer import Table, read, to_bytes
from glmir.backends.flatbuffer.tables import (
    ArrayField,
    EnumField,
    Field,
    ReferencesField,
    StringField,
    TableField,
    UnionField,
    VectorField,
)
from glmir.backends.tflite import schema, schema_enums, schema_options, schema_stablehlo_options
from glmir.backends.tflite.schema import Model
from glmir.backends.tflite.schema_enums import BuiltinOperator, TensorType

MODULES = (schema, schema_options, schema_stablehlo_options)
TABLES: dict[str, type[Table]] = {
    name: kind
    for module in MODULES
    for name, kind in inspect.getmembers(module, lambda member: inspect.isclass(member) and issubclass(member, Table))
    if kind is not Table
}
ENUMS: dict[str, type[IntEnum]] = {
    name: kind
    for name, kind in inspect.getmembers(schema_enums, inspect.isclass)
    if issubclass(kind, IntEnum) and kind is not IntEnum
}


@pytest.fixture(scope="session")
def wheel() -> types.ModuleType:
    module: types.ModuleType = pytest.importorskip("ai_edge_litert.schema_py_generated")
    return module


def key(name: str) -> str:
    return name.replace("_", "").lower()


def wheel_slots(wheel: types.ModuleType, name: str) -> dict[str, tuple[int, str, str]]:
    """For each field of the wheel's table: its slot, wire type and default, from the functions that add it."""
    slots = {}
    for function_name, function in inspect.getmembers(wheel, inspect.isfunction):
        if not function_name.startswith(f"{name}Add"):
            continue
        match = re.search(r"Prepend(\w+)Slot\((\d+), .*, ([-\w.]+)\)", inspect.getsource(function))
        if match and match[0] and hasattr(wheel, name):
            slots[key(function_name.removeprefix(f"{name}Add"))] = (int(match[2]), match[1], match[3])
    return slots


WIRE_TYPES = {
    "?": "Bool",
    "b": "Int8",
    "B": "Uint8",
    "i": "Int32",
    "I": "Uint32",
    "q": "Int64",
    "Q": "Uint64",
    "f": "Float32",
}


def test_tables_are_the_wheels(wheel: types.ModuleType) -> None:
    names = {
        name.removesuffix("T") for name, _ in inspect.getmembers(wheel, inspect.isclass) if f"{name}T" in vars(wheel)
    }
    names = {name for name in names if f"{name}Start" in vars(wheel)}
    assert names >= set(TABLES)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_fields_are_the_wheels(wheel: types.ModuleType, name: str) -> None:
    for field in TABLES[name].schema.cells:
        is_tag = field not in TABLES[name].schema.fields
        slot, wire_type, default = wheel_slots(wheel, name)[key(field.name) + ("type" if is_tag else "")]
        assert field.slot == slot
        assert wire_type == ("UOffsetTRelative" if field.is_offset else WIRE_TYPES[field.code])
        assert field.default is None or field.default == float({"True": "1"}.get(default, default))


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_enumerations_are_the_wheels(wheel: types.ModuleType, name: str) -> None:
    members = {member: value for member, value in vars(getattr(wheel, name)).items() if not member.startswith("_")}
    assert {member.name: member.value for member in ENUMS[name]}.items() <= members.items()


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("BuiltinOptions", schema.BUILTIN_OPTIONS),
        ("BuiltinOptions2", schema_stablehlo_options.BUILTIN_OPTIONS_2),
        ("QuantizationDetails", schema.QUANTIZATION_DETAILS),
        ("SparseIndexVector", schema.SPARSE_INDEX_VECTOR),
    ],
)
def test_unions_are_the_wheels(wheel: types.ModuleType, name: str, variants: dict[int, type[Table]]) -> None:
    members = {value: member for member, value in vars(getattr(wheel, name)).items() if not member.startswith("_")}
    assert {tag: kind.schema.name for tag, kind in variants.items()}.items() <= members.items()


# ------------------------------------------------------------------------------- what we write, the wheel reads


def filled(kind: type[Table]) -> Table:
    """A table with a value other than the default in every field."""
    return kind(**{field.name: sample(field) for field in kind.schema.fields})


def sample(field: Field) -> object:
    match field:
        case EnumField():
            return list(field.members.values())[-1]
        case UnionField():
            return filled(field.variants[max(field.variants)])
        case TableField():
            kind = field.kind
            assert isinstance(kind, type)
            return filled(kind)
        case ReferencesField():
            return [sample(field.element), sample(field.element)]
        case ArrayField():
            return np.arange(5 + field.slot, dtype=np.uint8)
        case VectorField():
            return [True, False] if field.element == "?" else [1, 2, 3]
        case StringField():
            return f"text {field.name}"
    return True if field.code == "?" else 1 + field.slot + (field.default == 1 + field.slot)


def assert_equal(ours: object, theirs: object) -> None:
    """`theirs` is of the wheel's object API: texts are bytes, vectors are lists or arrays."""
    match ours:
        case Table():
            attributes = {key(name): value for name, value in vars(theirs).items()}
            for field in ours.schema.fields:
                assert_equal(getattr(ours, field.name), attributes[key(field.name)])
        case str():
            assert theirs == ours.encode()
        case list() | np.ndarray():
            assert isinstance(theirs, Sequence | np.ndarray)
            assert len(ours) == len(theirs)
            for our, their in zip(ours, theirs, strict=True):
                assert_equal(our, their)
        case _:
            assert ours == theirs


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_wheel_reads_what_is_written(wheel: types.ModuleType, name: str) -> None:
    table = filled(TABLES[name])
    data = to_bytes(table)
    assert_equal(table, getattr(wheel, f"{name}T").InitFromPackedBuf(data))
    assert to_bytes(read(TABLES[name], data)) == data


def test_what_the_wheel_writes_is_read(wheel: types.ModuleType) -> None:
    flatbuffers = pytest.importorskip("flatbuffers")
    data = to_bytes(filled(Model))
    builder = flatbuffers.Builder()
    builder.Finish(wheel.ModelT.InitFromPackedBuf(data).Pack(builder), b"TFL3")
    assert to_bytes(read(Model, bytes(builder.Output()), file_identifier=b"TFL3")) == data


# ------------------------------------------------------------------------------------------------ models that run


def model(
    operator: BuiltinOperator,
    options: Table,
    tensors: list[schema.Tensor],
    weights: Sequence[npt.NDArray[np.generic]],
    version: int = 1,
) -> bytes:
    """One operator: all tensors but the last are its operands, those without a buffer its inputs."""
    last = len(tensors) - 1
    inputs = [index for index, tensor in enumerate(tensors) if tensor.buffer == 0 and index != last]
    subgraph = schema.SubGraph(
        name="main",
        tensors=tensors,
        inputs=inputs,
        outputs=[last],
        operators=[schema.Operator(inputs=list(range(last)), outputs=[last], builtin_options=options)],
    )
    signature = schema.SignatureDef(
        signature_key="serving_default",
        inputs=[schema.TensorMap(name=tensors[index].name, tensor_index=index) for index in inputs],
        outputs=[schema.TensorMap(name=tensors[last].name, tensor_index=last)],
    )
    root = Model(
        version=schema.SCHEMA_VERSION,
        operator_codes=[schema.operator_code(operator, version)],
        subgraphs=[subgraph],
        buffers=[schema.Buffer(), *(schema.Buffer(data=weight) for weight in weights)],
        signature_defs=[signature],
    )
    return to_bytes(root, file_identifier=schema.FILE_IDENTIFIER)


def run(data: bytes, **inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(model_content=data)
    outputs: dict[str, npt.NDArray[np.float32]] = interpreter.get_signature_runner("serving_default")(**inputs)
    return outputs["y"]


def test_an_add_runs() -> None:
    tensors = [schema.Tensor(shape=[2, 3], name=name) for name in ("a", "b", "y")]
    options = schema_options.AddOptions(fused_activation_function=schema_enums.ActivationFunctionType.RELU)
    a, b = np.array([[1, -2, 3], [4, 5, 6]], np.float32), np.array([[1, 1, 1], [-9, 0, 2]], np.float32)
    np.testing.assert_array_equal(run(model(BuiltinOperator.ADD, options, tensors, []), a=a, b=b), np.maximum(a + b, 0))


def test_a_fully_connected_with_a_transposed_weight_runs() -> None:
    weight = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    bias, x = np.array([1, 2, 3], np.float32), np.array([[1, 2, 3, 4, 5]], np.float32)
    tensors = [
        schema.Tensor(shape=[1, 5], name="x", shape_signature=[-1, 5]),
        schema.Tensor(shape=[3, 5], name="weight", buffer=1),
        schema.Tensor(shape=[3], name="bias", buffer=2),
        schema.Tensor(shape=[1, 3], name="y", shape_signature=[-1, 3]),
    ]
    data = model(BuiltinOperator.FULLY_CONNECTED, schema_options.FullyConnectedOptions(), tensors, [weight.T, bias])
    np.testing.assert_allclose(run(data, x=x), x @ weight + bias, rtol=1e-5)


def test_an_operator_beyond_the_127th_runs() -> None:
    tensors = [
        schema.Tensor(shape=[1, 3], name="x"),
        schema.Tensor(shape=[2], name="shape", type=TensorType.INT32, buffer=1),
        schema.Tensor(shape=[2, 3], name="y"),
    ]
    data = model(
        BuiltinOperator.BROADCAST_TO,
        schema_options.BroadcastToOptions(),
        tensors,
        [np.array([2, 3], np.int32)],
        version=2,
    )
    x = np.array([[1, 2, 3]], np.float32)
    np.testing.assert_array_equal(run(data, x=x), np.broadcast_to(x, (2, 3)))


def test_the_operator_of_a_code() -> None:
    for operator in (BuiltinOperator.ADD, BuiltinOperator.BATCH_MATMUL, BuiltinOperator.GELU):
        code = schema.operator_code(operator, version=2)
        assert code.deprecated_builtin_code == min(operator, 127)
        assert schema.builtin_operator(code) == operator
    old = schema.OperatorCode(deprecated_builtin_code=BuiltinOperator.MUL)
    assert schema.builtin_operator(old) == BuiltinOperator.MUL

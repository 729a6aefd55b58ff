"""Packages of one operator, written by hand from the messages of the schema, for tests of the executor."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glmir.backends.coreml import executor
from glmir.backends.coreml.protobuf import serialize
from glmir.backends.coreml.schema import (
    Argument,
    ArrayDataType,
    ArrayFeatureType,
    Binding,
    Block,
    ConstantDimension,
    DataType,
    Dimension,
    FeatureDescription,
    FeatureType,
    Function,
    ImmediateValue,
    Model,
    ModelDescription,
    NamedValueType,
    Operation,
    Program,
    RepeatedBools,
    RepeatedBytes,
    RepeatedFloats,
    RepeatedInts,
    RepeatedStrings,
    TensorType,
    TensorValue,
    UnknownDimension,
    Value,
    ValueType,
)

Array = NDArray[Any]
VERSIONS = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9}

_TYPES = {
    "bool": DataType.BOOL,
    "float16": DataType.FLOAT16,
    "float32": DataType.FLOAT32,
    "int8": DataType.INT8,
    "int16": DataType.INT16,
    "int32": DataType.INT32,
    "uint8": DataType.UINT8,
    "uint16": DataType.UINT16,
    "uint32": DataType.UINT32,
}
_BORDER = {
    "float16": ArrayDataType.FLOAT16,
    "float32": ArrayDataType.FLOAT32,
    "int32": ArrayDataType.INT32,
}


@dataclass(frozen=True)
class Input:
    """A parameter that is an input of the program; all others are constants."""

    array: Array


Parameter = Input | Array | str | bool | int | Sequence[int] | Sequence[bool] | Sequence[Input | Array]


def tensor_type(dtype: int, shape: Sequence[int | None]) -> ValueType:
    """None stands for an unknown dimension."""
    dims = [
        Dimension(unknown=UnknownDimension()) if d is None else Dimension(constant=ConstantDimension(size=d))
        for d in shape
    ]
    return ValueType(tensor_type=TensorType(data_type=dtype, rank=len(dims), dimensions=dims))


def type_of(array: Array) -> ValueType:
    return tensor_type(_TYPES[array.dtype.name], array.shape)


def immediate(value: Array | str) -> Value:
    """A constant with its value in the message."""
    if isinstance(value, str):
        tensor = TensorValue(strings=RepeatedStrings(values=[value]))
        return Value(type=tensor_type(DataType.STRING, ()), immediate_value=ImmediateValue(tensor=tensor))
    match value.dtype.name:
        case "float32":
            tensor = TensorValue(floats=RepeatedFloats(values=value.ravel().tolist()))
        case "int32" | "int16" | "uint16":
            tensor = TensorValue(ints=RepeatedInts(values=value.ravel().tolist()))
        case "bool":
            tensor = TensorValue(bools=RepeatedBools(values=value.ravel().tolist()))
        case _:
            tensor = TensorValue(bytes=RepeatedBytes(values=value.tobytes()))
    return Value(type=type_of(value), immediate_value=ImmediateValue(tensor=tensor))


def constant(name: str, value: Value) -> Operation:
    output = NamedValueType(name=name, type=value.type)
    return Operation(type="const", outputs=[output], attributes={"name": immediate(name), "val": value})


def bound(*names: str) -> Argument:
    return Argument(arguments=[Binding(name=name) for name in names])


def operation(kind: str, inputs: Mapping[str, str | Sequence[str]], outputs: Mapping[str, ValueType]) -> Operation:
    """An operation whose parameters are bound to names."""
    return Operation(
        type=kind,
        inputs={p: bound(*([names] if isinstance(names, str) else names)) for p, names in inputs.items()},
        outputs=[NamedValueType(name=name, type=declared) for name, declared in outputs.items()],
    )


def array_feature(name: str, array: Array) -> FeatureDescription:
    described = ArrayFeatureType(shape=array.shape, data_type=_BORDER[array.dtype.name])
    return FeatureDescription(name=name, type=FeatureType(multi_array_type=described))


def write_package(path: Path, model: Model, weights: bytes | None = None) -> Path:
    """A package with that model, and a weight file when there are bytes for it."""
    folder = path / "Data" / "com.apple.CoreML"
    folder.mkdir(parents=True)
    (folder / "model.mlmodel").write_bytes(serialize(model))
    entries = {"model": {"path": "com.apple.CoreML/model.mlmodel"}}
    if weights is not None:
        (folder / "weights").mkdir()
        (folder / "weights" / "weight.bin").write_bytes(weights)
        entries["weights"] = {"path": "com.apple.CoreML/weights"}
    manifest = {"fileFormatVersion": "1.0.0", "rootModelIdentifier": "model", "itemInfoEntries": entries}
    (path / "Manifest.json").write_text(json.dumps(manifest))
    return path


def model_of(
    operations: Sequence[Operation], inputs: Mapping[str, Array], outputs: Mapping[str, Array], opset: str = "CoreML6"
) -> Model:
    """A model of one function; the outputs' arrays only give their types."""
    block = Block(outputs=list(outputs), operations=operations)
    function = Function(
        inputs=[NamedValueType(name=name, type=type_of(array)) for name, array in inputs.items()],
        opset=opset,
        block_specializations={opset: block},
    )
    description = ModelDescription(
        input=[array_feature(name, array) for name, array in inputs.items()],
        output=[array_feature(name, array) for name, array in outputs.items()],
    )
    program = Program(version=1, functions={"main": function})
    return Model(specification_version=VERSIONS[opset], description=description, ml_program=program)


def run_model(model: Model, inputs: Mapping[str, Array], weights: bytes | None = None) -> dict[str, Array]:
    with tempfile.TemporaryDirectory() as folder:
        return executor.run(write_package(Path(folder) / "model.mlpackage", model, weights), inputs)


def compute(
    kind: str,
    *expected: Array,
    opset: str = "CoreML6",
    attributes: Mapping[str, Value] | None = None,
    **given: Parameter,
) -> list[Array]:
    """What the operator computes; the expected arrays give the types that its results are declared with.

    Results that cannot leave a program (bools, bytes) are cast to i32 on their way out.
    """
    operations: list[Operation] = []
    inputs: dict[str, Array] = {}
    bindings = {name: _bind(name, value, operations, inputs) for name, value in given.items()}
    results = {f"result{i}": type_of(array) for i, array in enumerate(expected)}
    operations.append(operation(kind, bindings, results))
    for name, value in (attributes or {}).items():
        operations[-1].attributes[name].MergeFrom(value)  # type: ignore[attr-defined]
    outputs: dict[str, Array] = {}
    for name, array in zip(list(results), expected, strict=True):
        if array.dtype.name in _BORDER:
            outputs[name] = array
            continue
        outputs[f"{name}_i32"] = array.astype(np.int32)
        operations.append(constant(f"{name}_dtype", immediate("int32")))
        cast = {"x": name, "dtype": f"{name}_dtype"}
        operations.append(operation("cast", cast, {f"{name}_i32": type_of(outputs[f"{name}_i32"])}))
    computed = run_model(model_of(operations, inputs, outputs, opset), inputs)
    return [computed[name].astype(array.dtype) for name, array in zip(outputs, expected, strict=True)]


def _bind(name: str, value: Parameter, operations: list[Operation], inputs: dict[str, Array]) -> str | list[str]:
    if isinstance(value, Input):
        inputs[name] = value.array
        return name
    if (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and any(isinstance(v, Input | np.ndarray) for v in value)
    ):
        names = [_bind(f"{name}_{i}", v, operations, inputs) for i, v in enumerate(value)]
        return [n for n in names if isinstance(n, str)]
    array = value if isinstance(value, str | np.ndarray | np.generic) else np.array(value)
    if isinstance(array, np.ndarray) and array.dtype == np.int64:
        array = array.astype(np.int32)
    operations.append(constant(name, immediate(array if isinstance(array, str) else np.asarray(array))))
    return name


def check(kind: str, *expected: Array, relative: float = 1e-5, absolute: float = 1e-6, **given: Any) -> None:
    """Holds what the operator computes against the expected arrays."""
    for got, want in zip(compute(kind, *expected, **given), expected, strict=True):
        if want.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=relative, atol=absolute)
        else:
            np.testing.assert_array_equal(got, want)

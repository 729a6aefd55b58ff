"""Candidates of the runtimes, one thread each: LiteRT with XNNPACK, MNN in full precision, onnxruntime with all its
optimisations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from MNN import expr, nn

from glmir.backends.flatbuffer import read
from glmir.backends.mnn.runtime import CPU, HIGH
from glmir.backends.mnn.schema import Net
from glmir.backends.mnn.schema_enums import OpType
from glmir.backends.tflite.schema import FILE_IDENTIFIER, Model
from glmir.backends.tflite.schema_enums import BuiltinOperator
from glmir.ir import Array

from .measuring import Arrays, Candidate

ERRORS_ONLY = 4


def in_litert(name: str, path: Path, inputs: Arrays) -> Candidate:
    """Inputs go by name where the names agree, else by position; channels-last where the file wants it.

    Raises RuntimeError or ValueError for a file that LiteRT refuses.
    """
    model = path.read_bytes()
    interpreter = Interpreter(model_content=model, num_threads=1)
    given = _matched(interpreter, inputs)
    for detail in interpreter.get_input_details():
        shape = given[detail["index"]].shape
        if tuple(detail["shape"]) != shape:
            interpreter.resize_tensor_input(detail["index"], shape)
    interpreter.allocate_tensors()
    for index, array in given.items():
        interpreter.set_tensor(index, array)
    interpreter.invoke()
    places = [detail["index"] for detail in interpreter.get_output_details()]
    parsed = read(Model, model, file_identifier=FILE_IDENTIFIER)
    codes = [code.builtin_code for code in parsed.operator_codes or ()]
    operators = [codes[o.opcode_index] for graph in parsed.subgraphs or () for o in graph.operators or ()]

    def outputs() -> list[Array]:
        return [interpreter.get_tensor(place) for place in places]

    transposes = operators.count(BuiltinOperator.TRANSPOSE)
    return Candidate(name, interpreter.invoke, outputs, len(operators), transposes)


def _matched(interpreter: Interpreter, inputs: Arrays) -> dict[int, Array]:
    details = interpreter.get_input_details()
    by_name: dict[str, Array] = {}
    for signature in interpreter.get_signature_list():
        names = interpreter.get_signature_runner(signature).get_input_details()
        by_name |= {names[name]["name"]: array for name, array in inputs.items() if name in names}
    arrays = list(inputs.values())
    if len(details) != len(arrays):
        raise ValueError(f"it has {len(details)} inputs, the source {len(arrays)}")
    found = {}
    for detail, array in zip(details, arrays, strict=True):
        array = by_name.get(detail["name"], array)
        last = np.moveaxis(array, 1, -1) if array.ndim > 1 else array
        if not _fits(array, detail["shape_signature"]) and _fits(last, detail["shape_signature"]):
            array = last
        found[detail["index"]] = np.ascontiguousarray(array).astype(detail["dtype"])
    return found


def _fits(array: Array, signature: Sequence[int]) -> bool:
    """Whether the array has the shape, in which -1 is any size."""
    return array.ndim == len(signature) and all(d in (-1, s) for d, s in zip(signature, array.shape, strict=True))


def in_mnn(name: str, path: Path, inputs: Arrays, outputs: Sequence[str]) -> Candidate:
    """Raises RuntimeError or SystemError for a file that MNN refuses."""
    manager = nn.create_runtime_manager(({"backend": CPU, "numThread": 1, "precision": HIGH},))
    module = nn.load_module_from_file(str(path), list(inputs), list(outputs), runtime_manager=manager)
    variables = [_variable(array) for array in inputs.values()]

    def results() -> list[Array]:
        return [result.read() for result in module.forward(variables)]

    def run() -> None:
        results()

    ops = [op.type for op in read(Net, path.read_bytes()).oplists or ()]
    written = sum(op not in (OpType.CONST, OpType.INPUT) for op in ops)
    moves = ops.count(OpType.CONVERT_TENSOR) + ops.count(OpType.PERMUTE)
    return Candidate(name, run, results, written, moves)


def _variable(array: Array) -> object:
    is_float = array.dtype.kind == "f"
    values = np.ascontiguousarray(array, np.float32 if is_float else np.int32)
    return expr.const(values.reshape(-1), list(array.shape), expr.NCHW, expr.float if is_float else expr.int)


def session_of(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def in_onnxruntime(name: str, path: Path, inputs: Arrays) -> Candidate:
    """``Constant`` nodes are not counted: an initializer is the same thing."""
    session = session_of(path)
    given = {i.name: np.ascontiguousarray(inputs[i.name]) for i in session.get_inputs()}

    def run() -> None:
        session.run(None, given)

    def outputs() -> list[Array]:
        return list(session.run(None, given))

    kinds = [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]
    return Candidate(name, run, outputs, len(kinds) - kinds.count("Constant"), kinds.count("Transpose"))

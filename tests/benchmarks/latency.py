"""The latency of a compiled model in LiteRT, beside other .tflite files of the same network and onnxruntime.

    python -m tests.benchmarks.latency model.onnx [other.tflite ...] [--io-layout nhwc] [--runs 50]

One thread each, XNNPACK in LiteRT (its default), one run of each in turn. Every row says how far its outputs are from
onnxruntime's, so that no wrong file looks fast; `transposes` counts those that are left as operators.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

import glmir
from glmir.backends.flatbuffer import read
from glmir.backends.tflite.schema import FILE_IDENTIFIER, Model
from glmir.backends.tflite.schema_enums import BuiltinOperator
from glmir.driver.samples import seeded_inputs
from glmir.driver.verification import compare_output
from glmir.ir import Array
from glmir.types import TensorType

WARM_UP = 5
IMAGE_RANK = 4
"""``--io-layout nhwc`` changes inputs and outputs of at least this rank."""

Arrays = Mapping[str, Array]


@dataclass
class Candidate:
    """Something that computes the network: one run, its outputs after it, and the seconds of all runs."""

    name: str
    run: Callable[[], None]
    outputs: Callable[[], list[Array]]
    operators: str
    seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        started = time.perf_counter()
        self.run()
        self.seconds.append(time.perf_counter() - started)


def main() -> None:
    """Compiles the model, measures it and the other files, and prints a table."""
    arguments = _parser().parse_args()
    dims = {name: int(size) for name, _, size in (text.partition("=") for text in arguments.dim)}
    types = {v.name: v.type for v in glmir.load(arguments.model).main.inputs}
    inputs = seeded_inputs(_with_dims(types, dims))
    artifact = glmir.compile(
        arguments.model, target="tflite", opt_level=arguments.opt_level, io_layout=arguments.io_layout
    )
    is_nhwc = arguments.io_layout == "nhwc"
    candidates = [_in_litert("glmc", artifact.to_bytes(), _channels_last(inputs) if is_nhwc else inputs)]
    if is_nhwc:
        outputs = candidates[0].outputs
        candidates[0].outputs = lambda: [np.moveaxis(y, -1, 1) if y.ndim >= IMAGE_RANK else y for y in outputs()]
    for path in arguments.others:
        try:
            candidates.append(_in_litert(f"{path.parent.name}/{path.name}", path.read_bytes(), inputs))
        except (RuntimeError, ValueError) as error:
            print(f"{path} does not run: {str(error).splitlines()[0]}")
    candidates.append(_in_onnxruntime(arguments.model, inputs))
    _measure(candidates, arguments.runs)
    _print(candidates)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.latency", description="Measure the latency of a compiled model."
    )
    parser.add_argument("model", type=Path, help="an ONNX model")
    parser.add_argument("others", type=Path, nargs="*", help=".tflite files of the same network; inputs go by position")
    parser.add_argument("--runs", type=int, default=50, help="measured runs of each (default: 50)")
    parser.add_argument("--io-layout", choices=["nchw", "nhwc"], default="nchw", help="as in glmc")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="the size of a symbolic dim")
    parser.add_argument("-O", dest="opt_level", default="2", help="as in glmc")
    return parser


def _with_dims(types: Mapping[str, TensorType], dims: Mapping[str, int]) -> dict[str, TensorType]:
    return {name: type_.substitute(dict(dims)) for name, type_ in types.items()}


def _in_litert(name: str, model: bytes, inputs: Arrays) -> Candidate:
    """Raises RuntimeError or ValueError for a file that LiteRT refuses."""
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
    return Candidate(
        name, interpreter.invoke, lambda: [interpreter.get_tensor(place) for place in places], _operators(model)
    )


def _matched(interpreter: Interpreter, inputs: Arrays) -> dict[int, Array]:
    """Tensor index -> array, by name where the names agree, else by position; channels-last where the file wants it."""
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
        if not _fits(array, detail["shape_signature"]) and _fits(np.moveaxis(array, 1, -1), detail["shape_signature"]):
            array = np.moveaxis(array, 1, -1)
        found[detail["index"]] = np.ascontiguousarray(array)
    return found


def _fits(array: Array, signature: Sequence[int]) -> bool:
    """Whether the array has the shape, in which -1 is any size."""
    return array.ndim == len(signature) and all(d in (-1, s) for d, s in zip(signature, array.shape, strict=True))


def _channels_last(arrays: Arrays) -> dict[str, Array]:
    return {name: np.moveaxis(a, 1, -1) if a.ndim >= IMAGE_RANK else a for name, a in arrays.items()}


def _operators(model: bytes) -> str:
    parsed = read(Model, model, file_identifier=FILE_IDENTIFIER)
    codes = [code.builtin_code for code in parsed.operator_codes or ()]
    operators = [codes[o.opcode_index] for graph in parsed.subgraphs or () for o in graph.operators or ()]
    return f"{len(operators)} | {operators.count(BuiltinOperator.TRANSPOSE)}"


def _in_onnxruntime(path: Path, inputs: Arrays) -> Candidate:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    outputs: list[Array] = session.run(None, dict(inputs))

    def run() -> None:
        session.run(None, dict(inputs))

    return Candidate("onnxruntime", run, lambda: outputs, " | ")


def _measure(candidates: Sequence[Candidate], runs: int) -> None:
    for _ in range(WARM_UP):
        for candidate in candidates:
            candidate.run()
    for _ in range(runs):
        for candidate in candidates:
            # What ran before has filled the caches with its own weights, which would count against this one.
            candidate.run()
            candidate.measure()


def _print(candidates: Sequence[Candidate]) -> None:
    expected = candidates[-1].outputs()
    print("| | min ms | median ms | largest error | operators | transposes |\n|---|---|---|---|---|---|")
    for candidate in candidates:
        error = _error(candidate.outputs(), expected)
        best, middle = min(candidate.seconds) * 1e3, median(candidate.seconds) * 1e3
        print(f"| {candidate.name} | {best:.2f} | {middle:.2f} | {error:.1e} | {candidate.operators} |")


def _error(outputs: Sequence[Array], expected: Sequence[Array]) -> float:
    """The largest error of any output, as a part of its largest magnitude; outputs are matched by position."""
    errors = []
    for actual, reference in zip(outputs, expected, strict=True):
        if actual.shape != reference.shape and actual.ndim == reference.ndim:
            actual = np.moveaxis(actual, -1, 1)
        errors.append(compare_output("", actual, reference).relative)
    return max(errors, default=0.0)


if __name__ == "__main__":
    main()

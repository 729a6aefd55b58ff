"""Quantizers by name, ours and other tools': from a task to an artifact that can be run.

All tools get the same float network (the source with the task's shapes, written by us in the format that the tool
takes) and the same calibration data. ai-edge-quantizer is installed once into an environment of its own, beside the
cached models. MNN's tools run in a process of their own, as calls: its commands install a package and report their use.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter

import glmir
from glmir.backends.mnn.runtime import CPU, HIGH
from glmir.backends.mnn.runtime import input_types as mnn_input_types
from glmir.backends.target import TARGETS
from tests.models.fetch import cache_folder
from tests.models.quantization.task import Array, Inputs, Run, Task, onnxruntime_run

AI_EDGE_QUANTIZER = "ai-edge-quantizer==0.10.0"
CALL_MNN = "import _tools, json, sys; getattr(_tools, sys.argv[1])(*json.loads(sys.argv[2]))"
"""A call of one of MNN's tools, with its arguments as JSON."""


@dataclass(frozen=True)
class Artifact:
    """A file and how to run it, prepared once, with one thread."""

    path: Path
    run: Run


Tool = Callable[[Task, Path], Artifact]
"""From a task and an empty folder to a quantized artifact."""


class ToolFailure(Exception):
    """The tool made nothing of the network; the message is its own."""


def ours(target: str, recipe: str | None = None) -> Tool:
    """Compiled by glmc with a recipe, run in the target's runtime."""

    def quantize(task: Task, folder: Path) -> Artifact:
        calibrate = None if recipe is None else task.calibration
        artifact = glmir.compile(
            task.model(), target=target, inputs=dict(task.pins), quantize=recipe, calibrate=calibrate
        )
        path = artifact.save(folder / f"ours{artifact.target.suffix}")
        return Artifact(path, RUNNERS[target](path) if target in RUNNERS else artifact.run)

    return quantize


def litert_run(path: Path) -> Run:
    """A .tflite file in LiteRT. Inputs take the types that the file has at its border, integers their scales."""
    interpreter = Interpreter(str(path), num_threads=1)
    (signature,) = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(signature)
    taken, given = runner.get_input_details(), runner.get_output_details()

    def run(inputs: Inputs) -> Mapping[str, Array]:
        outputs = runner(**{name: stored(inputs[name], detail) for name, detail in taken.items()})
        return {name: real(array, given[name]) for name, array in outputs.items()}

    return run


def stored(array: Array, detail: Mapping[str, Any]) -> Array:
    scale, zero = detail["quantization"]
    if scale == 0:
        return array.astype(detail["dtype"])
    bounds = np.iinfo(detail["dtype"])
    steps = np.rint(array.astype(np.float32) / np.float32(scale)) + zero
    return np.asarray(np.clip(steps, bounds.min, bounds.max), detail["dtype"])


def real(array: Array, detail: Mapping[str, Any]) -> Array:
    scale, zero = detail["quantization"]
    return array if scale == 0 else np.asarray((array.astype(np.float32) - zero) * np.float32(scale))


def mnn_run(path: Path, outputs: list[str] | None = None) -> Run:
    """An .mnn file in MNN with the runtime's defaults in full precision; `outputs` where the file names none."""
    from MNN import expr, nn

    types = mnn_input_types(path)
    manager = nn.create_runtime_manager(({"backend": CPU, "numThread": 1, "precision": HIGH},))
    module = nn.load_module_from_file(str(path), list(types), outputs or [], runtime_manager=manager)
    names = outputs or list(module.get_info()["outputNames"])

    def variable(array: Array) -> object:
        is_float = array.dtype.kind == "f"
        values = np.ascontiguousarray(array, np.float32 if is_float else np.int32)
        return expr.const(values.reshape(-1), list(array.shape), expr.NCHW, expr.float if is_float else expr.int)

    def run(inputs: Inputs) -> Mapping[str, Array]:
        results = module.forward([variable(inputs[name]) for name in types])
        if len(results) != len(names):
            raise ToolFailure(f"MNN gives {len(results)} outputs, not {len(names)}")
        # Outputs may be in the runtime's own layout.
        return {n: np.array(expr.convert(r, expr.NCHW).read()) for n, r in zip(names, results, strict=True)}

    return run


RUNNERS: Mapping[str, Callable[[Path], Run]] = {"onnx": onnxruntime_run, "tflite": litert_run, "mnn": mnn_run}
"""Core ML is not here: it is executed op by op, and its latency means nothing."""


def float_network(task: Task, folder: Path, target: str = "onnx") -> Path:
    # Above opset 18 onnxruntime's quantizer writes files for some networks that onnxruntime refuses.
    opset = 17 if target == "onnx" else None
    artifact = glmir.compile(task.model(), target=target, inputs=dict(task.pins), opset=opset)
    return artifact.save(folder / f"float{artifact.target.suffix}")


def onnxruntime_static(calibrator: str) -> Tool:
    """onnxruntime's static quantizer: QDQ, int8 activations, int8 weights per channel."""

    def quantize(task: Task, folder: Path) -> Artifact:
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        path = folder / "quantized.onnx"
        quantize_static(
            prepared_by_onnxruntime(task, folder),
            path,
            Reader(task.calibration()),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[calibrator],
        )
        return Artifact(path, onnxruntime_run(path))

    return quantize


def onnxruntime_int4(task: Task, folder: Path) -> Artifact:
    """onnxruntime's weight-only int4, blocks of 32, of matrix products."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    path = folder / "quantized.onnx"
    quantizer = MatMulNBitsQuantizer(str(float_network(task, folder)), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(str(path))
    return Artifact(path, onnxruntime_run(path))


class Reader:
    """Calibration data as onnxruntime's quantizer takes them."""

    def __init__(self, samples: Iterator[Inputs]) -> None:
        self.samples = samples

    def get_next(self) -> Inputs | None:
        return next(self.samples, None)


def prepared_by_onnxruntime(task: Task, folder: Path) -> Path:
    """The float network after the preparation that the tool's documentation asks for."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = folder / "prepared.onnx"
    quant_pre_process(str(float_network(task, folder)), str(path), skip_symbolic_shape=True)
    return path


def ai_edge_quantizer(method: str) -> Tool:
    """Google's quantizer of TFLite files, by one of its recipes."""

    def quantize(task: Task, folder: Path) -> Artifact:
        source, path, data = float_network(task, folder, "tflite"), folder / "quantized.tflite", folder / "data"
        data.mkdir()
        for index, inputs in enumerate(task.calibration()):
            np.savez(data / f"{index:04}.npz", **inputs)  # type: ignore[arg-type]
        script = Path(__file__).with_name("litert_quantizer.py")
        call([environment(AI_EDGE_QUANTIZER), str(script), method, str(source), str(path), str(data)], folder, path)
        return Artifact(path, litert_run(path))

    return quantize


def environment(requirement: str) -> str:
    """The Python of an environment that holds a package, made if need be."""
    folder = cache_folder().parent / "peers" / requirement.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:", requirement]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        (folder / "complete").touch()
    return str(python)


def call(command: list[str], folder: Path, result: Path) -> None:
    """Runs a tool that shall write `result`; raises ToolFailure with its last line."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not result.is_file():
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise ToolFailure(f"exit code {done.returncode}: {lines[-1]}")


def converted_by_mnn(task: Task, folder: Path, *options: str) -> Path:
    """What MNN's converter makes of the network."""
    source, path = float_network(task, folder), folder / "converted.mnn"
    # "MNNConvert" stands for the command's own name.
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(path), "--bizCode", "x"]
    call([sys.executable, "-c", CALL_MNN, "mnnconvert", json.dumps([[*arguments, *options]])], folder, path)
    return path


def mnn_weights(*options: str) -> Tool:
    """MNN's converter with weights of few bits."""

    def quantize(task: Task, folder: Path) -> Artifact:
        path = converted_by_mnn(task, folder, *options)
        return Artifact(path, mnn_run(path, output_names(task)))

    return quantize


def mnn_static(method: str) -> Tool:
    """MNN's quantizer: activations and weights of 8 bits in convolutions."""

    def quantize(task: Task, folder: Path) -> Artifact:
        source, path, data = converted_by_mnn(task, folder), folder / "quantized.mnn", folder / "data"
        samples = 0
        for samples, inputs in enumerate(task.calibration(), start=1):
            write_mnn_sample(data / f"{samples:04}", inputs, output_names(task))
        config = {
            "input_type": "sequence",
            "path": str(data),
            "used_sample_num": samples,
            "batch_size": 1,
            "quant_bits": 8,
            "feature_quantize_method": method,
            "weight_quantize_method": "MAX_ABS",
        }
        (folder / "config.json").write_text(json.dumps(config))
        arguments = [["mnnquant", str(source), str(path), str(folder / "config.json")]]
        call([sys.executable, "-c", CALL_MNN, "mnnquant", json.dumps(arguments)], folder, path)
        return Artifact(path, mnn_run(path, output_names(task)))

    return quantize


def write_mnn_sample(folder: Path, inputs: Inputs, outputs: list[str]) -> None:
    folder.mkdir(parents=True)
    shapes = [{"name": name, "shape": list(array.shape)} for name, array in inputs.items()]
    (folder / "input.json").write_text(json.dumps({"inputs": shapes, "outputs": outputs}))
    for name, array in inputs.items():
        (folder / f"{name}.txt").write_text("\n".join(repr(value) for value in array.reshape(-1).tolist()))


def output_names(task: Task) -> list[str]:
    return [output.name for output in onnx.load(task.model(), load_external_data=False).graph.output]


OUR_RECIPES = (None, "int8", "auto", "int16", "int8-weights", "int4-weights", "int8-dynamic", "palette")

TOOLS: Mapping[str, Tool] = {
    **{f"ours {target} {recipe or 'float'}": ours(target, recipe) for target in TARGETS for recipe in OUR_RECIPES},
    "onnxruntime int8 minmax": onnxruntime_static("MinMax"),
    "onnxruntime int8 entropy": onnxruntime_static("Entropy"),
    "onnxruntime int8 percentile": onnxruntime_static("Percentile"),
    "onnxruntime int4": onnxruntime_int4,
    "ai-edge int8": ai_edge_quantizer("static_wi8_ai8"),
    "ai-edge int16": ai_edge_quantizer("static_wi8_ai16"),
    "ai-edge int8-weights": ai_edge_quantizer("weight_only_wi8_afp32"),
    "ai-edge int4-weights": ai_edge_quantizer("weight_only_wi4_afp32"),
    "ai-edge int8-dynamic": ai_edge_quantizer("dynamic_wi8_afp32"),
    "mnn float": mnn_weights(),
    "mnn int8 KL": mnn_static("KL"),
    "mnn int8 ADMM": mnn_static("ADMM"),
    "mnn int8 EMA": mnn_static("EMA"),
    "mnn int8-weights": mnn_weights("--weightQuantBits=8"),
    "mnn int4-weights": mnn_weights("--weightQuantBits=4", "--weightQuantBlock=32", "--weightQuantAsymmetric"),
    "mnn int4-weights hqq": mnn_weights("--weightQuantBits=4", "--weightQuantBlock=32", "--hqq"),
}

"""Whether an artifact is to be expected slower than its float model, and why: a static estimate.

Every op costs what its kernel takes a unit of work: a multiplication of a layer, or an element of another op's result.
The constants are nanoseconds on one core of an x86-64 server processor (AVX-512 with VNNI), LiteRT 2.3, MNN 3.6 and
onnxruntime 1.31, as ``tests/benchmarks/integer_kernels.py`` measures them; what counts is which kernels are much slower
in integers, and that is a matter of who has written a fast one. For whole networks see
``tests/benchmarks/quantized_latency.py``. Of Core ML nothing is known: it runs on other processors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from ...dims import UnboundSymbolError, evaluate
from ...ir import Module, Op, Value
from ...ops import math, nn, quant, tensor
from ...passes.patterns import is_compressed, is_known
from ...passes.quantization.costs import multiplications
from ...passes.quantization.moves import moved_operands
from ...types import DType
from ..compilation import Artifact
from .targets import INTEGERS, form_of

SLOWER = 1.1
"""By which factor an artifact is expected to be slower before it is said: the estimate is no better."""


@dataclass(frozen=True)
class Cost:
    """Nanoseconds a unit in floats, in integers of 8 bits and in those of 16."""

    floats: float
    bytes: float
    words: float


@dataclass(frozen=True)
class Costs:
    """A target's costs by kind of op. ``dequantize`` is that of an element of a weight which is made float at each run,
    ``convert`` that of an element between floats and integers, ``launch`` that of any integer op."""

    kinds: Mapping[str, Cost]
    elementwise: Cost
    move: Cost
    convert: float
    dequantize: float = 0.0
    launch: float = 0.0


DEPTHWISE, SHIFTED = "depthwise", "shifted product"
"""Convolutions of a channel each; products of two computed operands, of which the right one has a zero point."""

TARGET_COSTS: Mapping[str, Costs] = {
    "tflite": Costs(
        {
            # The 16-bit kernels of layers are reference code, but for fully connected layers.
            "nn.conv": Cost(0.019, 0.0055, 0.8),
            "nn.conv_transpose": Cost(0.019, 0.0055, 0.8),
            DEPTHWISE: Cost(0.045, 0.055, 1.85),
            "nn.linear": Cost(0.0185, 0.0048, 0.013),
            "math.mat_mul": Cost(0.019, 0.009, 0.95),
            # XNNPACK takes no such product of bytes: it is left to the runtime's own loops.
            SHIFTED: Cost(0.019, 0.16, 0.95),
            "nn.softmax": Cost(0.35, 2.0, 0.6),
            # Bytes are summed and divided by one.
            "nn.average_pool": Cost(0.29, 4.2, 13.0),
            "nn.max_pool": Cost(0.44, 0.14, 12.5),
            "math.clamp": Cost(0.05, 3.0, 3.0),
            "math.reduce_mean": Cost(0.1, 0.12, 14.0),
            "nn.gelu": Cost(0.29, 0.3, 0.54),
            "nn.layer_norm": Cost(0.5, 0.5, 0.5),
        },
        elementwise=Cost(0.07, 0.14, 4.0),
        move=Cost(0.03, 0.03, 0.25),
        convert=0.06,
    ),
    "mnn": Costs(
        {
            # Bytes win where the processor has dot products of them that MNN uses: phones since 2018, not x86-64.
            "nn.conv": Cost(0.014, 0.029, 0.029),
            "nn.conv_transpose": Cost(0.014, 0.029, 0.029),
            DEPTHWISE: Cost(0.059, 0.123, 0.123),
            "nn.linear": Cost(0.0206, 0.035, 0.035),
            "math.mat_mul": Cost(0.021, 0.025, 0.025),
            SHIFTED: Cost(0.021, 0.025, 0.025),
            "math.add": Cost(0.11, 6.1, 6.1),
            "math.sub": Cost(0.11, 6.1, 6.1),
            "math.mul": Cost(0.11, 17.0, 17.0),
            "nn.softmax": Cost(1.5, 1.9, 1.9),
            "nn.gelu": Cost(1.7, 2.0, 2.0),
            "math.round": Cost(1.0, 1.0, 1.0),
        },
        elementwise=Cost(0.2, 0.6, 0.6),
        move=Cost(0.03, 0.03, 0.03),
        convert=0.24,
    ),
    "onnx": Costs(
        {
            # There are no kernels of 16 bits: pairs stay, and what is between them computes in floats.
            "nn.conv": Cost(0.018, 0.005, 0.018),
            "nn.conv_transpose": Cost(0.018, 0.018, 0.018),
            DEPTHWISE: Cost(0.029, 0.049, 0.029),
            "nn.linear": Cost(0.0175, 0.0049, 0.0175),
            "math.mat_mul": Cost(0.018, 0.0062, 0.018),
            SHIFTED: Cost(0.018, 0.0062, 0.018),
            "nn.softmax": Cost(0.37, 2.4, 0.37),
            "nn.max_pool": Cost(0.21, 10.0, 0.21),
            "nn.average_pool": Cost(0.25, 9.2, 0.25),
            "nn.elu": Cost(1.8, 2.0, 1.8),
        },
        elementwise=Cost(0.15, 0.49, 0.15),
        move=Cost(0.05, 0.05, 0.05),
        convert=0.12,
        dequantize=2.0,
        launch=2000.0,
    ),
}

_REMEDIES = {
    SHIFTED: "--quantize 'int8{symmetric=true}' makes these products fast",
    "dequantized weights": "onnxruntime restores them at each run; this form is for size alone",
    "conversions": "what stays float between integers costs more than it saves: keep=… more of it in float, or less",
}


@dataclass
class _Estimate:
    """Nanoseconds by kind of op."""

    by_kind: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, nanoseconds: float) -> None:
        self.by_kind[kind] = self.by_kind.get(kind, 0.0) + nanoseconds

    @property
    def total(self) -> float:
        return sum(self.by_kind.values())


def warnings_of(artifact: Artifact, reference: Module, sizes: Mapping[str, int]) -> Iterator[str]:
    """A sentence when the artifact is expected to be slower than the float module, with the reason and a way out.

    ``sizes`` are those of symbolic dims.
    """
    costs = TARGET_COSTS.get(artifact.target.name)
    if costs is None:
        return
    exact = _estimate(reference, costs, sizes)
    found = _estimate(artifact.module, costs, sizes)
    if not exact.total or found.total <= SLOWER * exact.total:
        return
    excess = {kind: t - exact.by_kind.get(kind, 0.0) for kind, t in found.by_kind.items()}
    worst = max(excess, key=lambda kind: excess[kind])
    times = f"{found.total / exact.total:.1f}"
    yield f"expected to take {times} times as long as float ({_reason(worst, artifact)}); {_remedy(worst, artifact)}"


def _reason(kind: str, artifact: Artifact) -> str:
    if _has_words(artifact.module):
        return "the runtime has no fast kernels for activations of 16 bits"
    if kind == SHIFTED:
        return "the runtime is slow at products of bytes whose right operand has a zero point"
    if kind == "dequantized weights":
        return "weights are made float again at each run"
    if kind == "conversions":
        return "numbers change between floats and integers many times"
    where = " on processors without dot products of bytes" if artifact.target.name == "mnn" else ""
    return f"mostly {kind}, which the runtime is slow at in integers{where}"


def _remedy(kind: str, artifact: Artifact) -> str:
    if _has_words(artifact.module):
        return "int16 is for exactness; --quantize int8 or auto is fast"
    known = _REMEDIES.get(kind)
    if known is not None:
        return known
    if artifact.target.name == "mnn":
        return "measure it on the phone; --quantize int8-weights is as small, and no slower"
    return "keep=… those ops in float"


def _has_words(module: Module) -> bool:
    """Whether activations are stored in 16 bits, or rounded to them by arithmetic."""
    for value in module.main.values():
        if value.type.quantization is not None and value.type.quantization.storage is DType.I16:
            return True
        if isinstance(value.owner, quant.Quantize) and value.owner.storage is DType.I16:
            return True
    return False


def _estimate(module: Module, costs: Costs, sizes: Mapping[str, int]) -> _Estimate:
    estimate = _Estimate()
    for op in module.main.ops:
        if isinstance(op, tensor.Constant) or not op.results:
            continue
        if is_compressed(op.results[0]):
            # Whatever takes the numbers: that is where other compressed forms end.
            if not all(user.is_compressed for user in op.results[0].users):
                estimate.add("dequantized weights", costs.dequantize * _elements(op.results[0], sizes))
        elif isinstance(op, quant.Convert | quant.Scaled):
            estimate.add("conversions", _conversion(op, costs, sizes))
        elif not is_known(op.results[0]):
            estimate.add(*_computation(op, costs, sizes))
    return estimate


def _conversion(op: Op, costs: Costs, sizes: Mapping[str, int]) -> float:
    """That of what a kernel of integers takes or gives is no work of its own."""
    if isinstance(op, quant.Quantize) and op.storage is not DType.I16 and _is_integer(op.x.owner):
        return 0.0
    if isinstance(op, quant.Dequantize) and op.stored is not DType.I16 and all(map(_is_integer, op.result.users)):
        return 0.0
    return costs.convert * _elements(op.results[0], sizes)


def _is_integer(op: Op | None) -> bool:
    return op is not None and bool(op.results) and form_of(op) == INTEGERS


def _computation(op: Op, costs: Costs, sizes: Mapping[str, int]) -> tuple[str, float]:
    kind = _kind(op)
    if kind in costs.kinds:
        cost = costs.kinds[kind]
    else:
        cost = costs.move if moved_operands(op) or isinstance(op, tensor.Reshape) else costs.elementwise
    units = multiplications(op, sizes) or sum(_elements(r, sizes) for r in op.results)
    if isinstance(op, math.ReduceMean):
        units = _elements(op.x, sizes)
    if isinstance(op, tensor.Reshape):
        units = 0
    bits = _bits(op)
    if bits == 0:
        return kind, cost.floats * units
    return kind, (cost.words if bits > 8 else cost.bytes) * units + costs.launch


def _kind(op: Op) -> str:
    if isinstance(op, nn.Conv) and op.groups > 1 and op.groups == op.weight.type.shape[0]:
        return DEPTHWISE
    if isinstance(op, math.MatMul) and not is_known(op.y) and _has_zero_point(op.y):
        return SHIFTED
    return op.definition.name


def _has_zero_point(value: Value) -> bool:
    quantization = value.type.quantization
    if quantization is not None:
        return any(quantization.zero_points)
    return isinstance(value.owner, quant.Dequantize) and value.owner.zero_point is not None


def _bits(op: Op) -> int:
    """Those of what the op computes on; 0 for floats."""
    if form_of(op) != INTEGERS:
        return 0
    for value in op.operands:
        if value.type.quantization is not None and not is_known(value):
            return value.type.quantization.storage.bits
        if isinstance(value.owner, quant.Dequantize) and not is_known(value):
            return value.owner.stored.bits
    return 8


def _elements(value: Value, sizes: Mapping[str, int]) -> int:
    try:
        return prod(d if isinstance(d, int) else evaluate(d, dict(sizes)) for d in value.type.shape)
    except UnboundSymbolError:
        return prod(d for d in value.type.shape if isinstance(d, int))


__all__ = ["TARGET_COSTS", "warnings_of"]

"""Whether an artifact is to be expected slower than its float model, and why: a static estimate.

Every op costs what its kernel takes a unit of work: a multiplication of a layer, or an element of another op's result.
The constants are nanoseconds on one core of an x86-64 server processor (AVX-512 with VNNI), LiteRT 2.3, MNN 3.6 and
onnxruntime 1.31, as ``tests/benchmarks/integer_kernels.py`` measures them; what counts is which kernels are much slower
in integers, and that is a matter of who has written a fast one. For whole networks see
``tests/benchmarks/quantized_latency.py``. Of Core ML nothing is known: it runs on other processors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from ...dims import UnboundSymbolError, evaluate
from ...ir import Module, Op, Value
from ...ops import math, nn, quant, tensor
from ...passes.patterns import is_compressed, is_known
from ...passes.quantization.costs import multiplications
from ...passes.quantization.moves import moved_operands
from ...passes.quantization.roles import LAYERS
from ...types import DType
from ..compilation import Artifact
from ..quantization.recipe import Static
from ..quantization.record import Record
from .targets import INTEGERS, form_of

SLOWER = 1.1
"""By which factor an artifact is expected to be slower before it is said: the estimate is no better."""


MOST_NAMES = 3


@dataclass(frozen=True)
class Cost:
    """Nanoseconds a unit in floats, in integers of 8 bits and in those of 16."""

    floats: float
    bytes: float
    words: float


@dataclass(frozen=True)
class Costs:
    """A target's costs by kind of op; ``launch`` is what any op costs besides. ``convert`` is that of an element
    between floats and integers. ``dequantize`` and ``dequantize_kernel`` are those of an element of a weight that is
    made float at each run, for a product and for a convolution."""

    kinds: Mapping[str, Cost]
    elementwise: Cost
    move: Cost
    launch: Cost
    convert: float
    dequantize: float = 0.0
    dequantize_kernel: float = 0.0


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
        launch=Cost(300, 300, 300),
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
        launch=Cost(1000, 1000, 1000),
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
        launch=Cost(1500, 3500, 3000),
        convert=0.12,
        dequantize=0.6,
        # The kernel's own order of a weight that is not constant is found at each run, too.
        dequantize_kernel=2.0,
    ),
}

DEQUANTIZED, CONVERSIONS = "dequantized weights", "conversions"

_GROUPS = {
    "nn.conv": "convolutions",
    "nn.conv_transpose": "convolutions",
    DEPTHWISE: "convolutions",
    "nn.linear": "products",
    "math.mat_mul": "products",
}
"""Kinds that targets make of each other, so that only together they tell what became slower."""

_REASONS = {
    SHIFTED: "the runtime is slow at products of bytes whose right operand has a zero point",
    DEQUANTIZED: "weights are made float again at each run",
    CONVERSIONS: "numbers change between floats and integers many times",
}
_REMEDIES = {
    SHIFTED: "--quantize 'int8{symmetric=true}' makes these products fast",
    DEQUANTIZED: "this form is for size alone, --quantize int8 is fast",
    CONVERSIONS: "leave more in float between the ops that are float: keep=…",
}


@dataclass
class _Estimate:
    """Nanoseconds by kind of op."""

    by_kind: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, nanoseconds: float) -> None:
        self.by_kind[kind] = self.by_kind.get(kind, 0.0) + nanoseconds

    @property
    def groups(self) -> dict[str, float]:
        """By what may be compared between two modules."""
        grouped: dict[str, float] = {}
        for kind, time in self.by_kind.items():
            group = _GROUPS.get(kind, kind)
            grouped[group] = grouped.get(group, 0.0) + time
        return grouped

    @property
    def total(self) -> float:
        return sum(self.by_kind.values())


def warnings_of(artifact: Artifact, record: Record, sizes: Mapping[str, int]) -> Iterator[str]:
    """A sentence when the artifact is expected to be slower than the float module, with the reason and a way out.

    ``sizes`` are those of symbolic dims.
    """
    costs = TARGET_COSTS.get(artifact.target.name)
    if costs is None:
        return
    exact = _estimate(record.reference, costs, sizes)
    found = _estimate(artifact.module, costs, sizes)
    ratio = found.total / exact.total if exact.total else 0.0
    if ratio <= SLOWER:
        return
    excess = {kind: time - exact.groups.get(kind, 0.0) for kind, time in found.groups.items()}
    worst = max(excess, key=lambda kind: excess[kind])
    has_words = isinstance(record.recipe, Static) and record.recipe.storage.bits > 8
    reason, remedy = _why_words() if has_words else _why(worst, artifact.target.name, record.reference)
    if worst == DEQUANTIZED and isinstance(record.recipe, Static):
        remedy = f"leave these in float: {_option(_restored(artifact.module))}"
    times = f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
    yield f"expected to take about {times} times as long as float: {reason}; {remedy}"


def _why_words() -> tuple[str, str]:
    reason = "the runtime has no fast kernels for activations of 16 bits"
    return reason, "int16 is for exactness, --quantize int8 and auto are fast"


def _why(kind: str, target: str, reference: Module) -> tuple[str, str]:
    """The reason, and the way out."""
    if kind in _REASONS:
        return _REASONS[kind], _REMEDIES[kind]
    if target == "mnn":
        reason = f"its {kind} are slow in integers on processors of whose dot products of bytes MNN makes no use"
        return reason, "measure it on the phone; --quantize int8-weights is as small, and no slower"
    return f"the runtime is slow at {kind} in integers", f"leave these in float: {_keep(kind, reference)}"


def _keep(kind: str, reference: Module) -> str:
    """The option that leaves ops of a kind in float; the first of them, when they are many."""
    return _option([op.results[0].name for op in reference.main.ops if op.results and kind == op.definition.name])


def _restored(module: Module) -> list[str]:
    """What takes weights that are made float at each run."""
    weights = [op for op in module.main.ops if isinstance(op, quant.Dequantize) and is_compressed(op.result)]
    users = [user for op in weights for user in op.result.users if op.x.type.rank > 1 and not _is_integer(user)]
    return list(dict.fromkeys(user.results[0].name for user in users if user.results and user.results[0].name))


def _option(names: Sequence[str]) -> str:
    more = ";…" if len(names) > MOST_NAMES else ""
    return f'keep="{";".join(names[:MOST_NAMES])}{more}"'


def _estimate(module: Module, costs: Costs, sizes: Mapping[str, int]) -> _Estimate:
    estimate = _Estimate()
    for op in module.main.ops:
        if isinstance(op, tensor.Constant) or not op.results:
            continue
        if is_compressed(op.results[0]):
            estimate.add(DEQUANTIZED, _restoration(op, costs, sizes))
        elif isinstance(op, quant.Convert | quant.Scaled):
            estimate.add(CONVERSIONS, _conversion(op, costs, sizes))
        elif not is_known(op.results[0]) and not _is_fused(op):
            estimate.add(*_computation(op, costs, sizes))
    return estimate


def _is_fused(op: Op) -> bool:
    """Whether it is an activation that the target's ops do not have, but its runtime's kernels."""
    if not isinstance(op, nn.Relu | nn.Relu6 | math.Clamp):
        return False
    return op.x.has_one_use and isinstance(op.x.owner, (*LAYERS, math.Binary))


def _restoration(op: Op, costs: Costs, sizes: Mapping[str, int]) -> float:
    """That of a weight which a layer takes as floats; runtimes fold palettes and sparse forms when they load them."""
    users = [user for user in op.results[0].users if not _is_integer(user)]
    if not users or not isinstance(op, quant.Dequantize) or op.x.type.rank < 2:
        return 0.0
    is_kernel = any(isinstance(user, nn.Convolution) for user in users)
    return (costs.dequantize_kernel if is_kernel else costs.dequantize) * _elements(op.result, sizes)


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
        return kind, 0.0
    bits = _bits(op)
    if bits == 0:
        return kind, cost.floats * units + costs.launch.floats
    if bits > 8:
        return kind, cost.words * units + costs.launch.words
    return kind, cost.bytes * units + costs.launch.bytes


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

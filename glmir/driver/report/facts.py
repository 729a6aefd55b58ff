"""What a report says: plain facts, which pages are made of and which a file keeps.

SQNR is the ratio of a signal's power to the power of the error that quantization makes in it, in dB: 20 dB are a tenth
of the amplitude, 40 dB a hundredth. None where it is not known, infinite where there is no error.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measured:
    """What was run to measure SQNRs: so many samples, of the calibration data or ``is_random``."""

    samples: int
    is_random: bool


@dataclass(frozen=True)
class OutputFacts:
    """How exact an output of the quantized model is."""

    name: str
    sqnr: float | None


@dataclass(frozen=True)
class TensorFacts:
    """How a value is stored: the range that was seen, the one that is covered, and what rounding costs.

    ``clipped`` is the part of the elements outside. ``expected`` is the SQNR that the histogram predicts, ``measured``
    that of the samples.
    """

    name: str
    nodes: tuple[str, ...]
    storage: str
    scale: float
    zero_point: int
    low: float
    high: float
    seen_low: float | None = None
    seen_high: float | None = None
    clipped: float | None = None
    expected: float | None = None
    measured: float | None = None


@dataclass(frozen=True)
class OpFacts:
    """What an op computes in, and why; ``multiplications`` are those of a layer in one call.

    ``sqnr`` is that of its result, with the errors of all before it; ``own`` that of its result when it takes exact
    numbers. ``share`` is its part of the error of the worst output.
    """

    name: str
    nodes: tuple[str, ...]
    kind: str
    is_layer: bool
    is_integer: bool
    reason: str
    multiplications: int
    sqnr: float | None = None
    own: float | None = None
    share: float | None = None

    @property
    def title(self) -> str:
        return ", ".join(self.nodes) or self.name


@dataclass(frozen=True)
class WeightFacts:
    """How a weight is stored, and its SQNR; ``reason`` says why it is not as was asked for. ``zeros`` is the part of
    its elements that are zero."""

    name: str
    op: str
    shape: tuple[int, ...]
    form: str
    bits: int
    axis: int | None
    block: int | None
    zeros: float
    sqnr: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Advice:
    """What would make the model more exact, and why that is to be expected."""

    op: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class TargetOp:
    """What a target computes an op in: ``integers``, ``floats``, ``both``, ``stored`` (floats, the weight in fewer
    bits), or ``gone`` into others; and for what rule not in integers, where the recipe asked for them."""

    op: str
    computed: str
    rule: str = ""


@dataclass(frozen=True)
class LiveFacts:
    """A value that lives where most do, as ``f32[1, 16, 32, 32]``, and its bytes."""

    name: str
    type: str
    bytes: int


@dataclass(frozen=True)
class MemoryFacts:
    """What an artifact's activations need, in bytes: the most that live at a time and the arena that holds them, in the
    order of the ops before order-ops and as they are written.

    ``op`` is what runs at the peak, ``live`` the largest values that live there. ``runtime_arena`` is what the target's
    own kernels take, with what they need while they run, where that is known.
    """

    peak_before: int
    arena_before: int
    peak: int
    arena: int
    op: str
    kind: str
    live: tuple[LiveFacts, ...] = ()
    runtime_arena: int | None = None
    is_nominal: bool = False
    """Whether symbolic sizes were taken to be nominal ones."""


@dataclass(frozen=True)
class TransposeFacts:
    """What an artifact's transposes move in one run, ``bytes`` by ``transposes``, and those that the source brought.

    ``bound`` is the least that they can cost where ops are channels-first or channels-last, ``op_by_op`` their cost if
    no more were channels-last than must be; none where nothing must be.
    """

    brought: int
    bytes_brought: int
    transposes: int
    bytes: int
    bound: int | None = None
    op_by_op: int | None = None


@dataclass(frozen=True)
class TargetFacts:
    """One artifact. Bytes are of its file or files, and of all constants in it."""

    name: str
    file: str
    file_bytes: int
    weight_bytes: int
    ops: int
    conversions: int
    layers: int
    integer_layers: int
    integer_share: float
    """The part of all multiplications."""

    computed: tuple[TargetOp, ...] = ()
    warnings: tuple[str, ...] = ()
    memory: MemoryFacts | None = None
    transposes: TransposeFacts | None = None


@dataclass(frozen=True)
class Report:
    """All facts on one run of the compiler. ``source_weight_bytes`` are those of the model before pruning, in float."""

    source: str
    recipe: str
    options: str
    source_bytes: int
    source_weight_bytes: int
    calibration_samples: int
    measured: Measured | None = None
    outputs: tuple[OutputFacts, ...] = ()
    ops: tuple[OpFacts, ...] = ()
    tensors: tuple[TensorFacts, ...] = ()
    weights: tuple[WeightFacts, ...] = ()
    targets: tuple[TargetFacts, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = field(default=())
    precision: tuple[str, ...] = ()
    """A line for each op and weight that stays f32 where the rest is f16, and why."""

    @property
    def worst_sqnr(self) -> float | None:
        """Of the worst output."""
        return min((o.sqnr for o in self.outputs if o.sqnr is not None), default=None)

    def worst_ops(self, count: int | None = None) -> list[OpFacts]:
        """Integer ops, those first that cost the outputs most; where that was not measured, those of the worst own
        SQNR."""
        measured = [op for op in self.ops if op.share is not None or op.own is not None]
        infinity = float("inf")
        ranked = sorted(measured, key=lambda op: (-(op.share or 0.0), infinity if op.own is None else op.own))
        return ranked[:count]

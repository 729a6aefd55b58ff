"""What to try for the layers that cost most: for each, where its error comes from, and what takes that away.

An op's own error has three sources: its weight's rounding, the rounding of what it takes, and that of what it gives.
As they are independent their powers add up, and the greatest of them is what the advice is on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir import Function, Op
from ...ops import nn
from ...passes.patterns import constant_array
from ...passes.quantization.calibrators import Calibrator
from ...passes.quantization.histograms import Histogram
from ...passes.quantization.weights import weights_of
from ..quantization.recipe import Recipe, Static, Weights
from ..quantization.record import Record
from .facts import Advice, OpFacts, Report, TensorFacts, WeightFacts

COUNT = 5
"""More at once nobody tries."""

GOOD = 40.0
"""dB: a layer whose error is a hundredth of its result needs no advice."""

SMALL_SHARE = 0.05
"""Nor does one that makes less than this part of the outputs' error."""

FEW_SAMPLES = 8
"""Below this the greatest of what was seen says little of what will come."""

MANY_CLIPPED = 1e-3

UNEVEN = 8.0
"""By how much channels' greatest weights differ where one scale for all costs three bits of the smallest."""

PEAKED = 12.0
"""How far beyond its root mean square a tensor reaches when single elements spoil its scale: a Gaussian reaches 4.5 in
a hundred thousand elements."""

MAGNIFIED = 4.0
"""How much more power an op's own error has than its sources together before it is the op that makes it large."""

TOO_NOISY = 30.0
"""dB of the worst output below which users are told of automatic mixed precision."""

UNSEEN = 3.0
"""dB that the samples are less exact than the histogram predicts when calibration saw other data."""


@dataclass(frozen=True)
class _Case:
    """An op and all that is known of it."""

    op: OpFacts
    weights: Sequence[WeightFacts]
    inputs: Sequence[TensorFacts]
    output: TensorFacts | None
    exact: Op
    record: Record
    name: str

    @property
    def keep(self) -> str:
        return f"keep it in float: keep={_quoted(self.name)}"

    def peak_to_rms(self, tensor: TensorFacts) -> float:
        calibration = self.record.calibration
        statistics = None if calibration is None else calibration.tensors.get(tensor.name)
        if statistics is None or statistics.histogram is None:
            return 0.0
        peak = max(-statistics.minimum, statistics.maximum)
        rms = _rms(statistics.histogram)
        return peak / rms if rms > 0 else 0.0


def advise(report: Report, record: Record) -> list[Advice]:
    """Advice on the worst ops, those first that cost most; on the data first where it is the reason."""
    advice = [*_on_data(report), *_on_the_whole(report, record.recipe)]
    operators = _ops_by_name(record.reference.main)
    tensors = {t.name: t for t in report.tensors}
    nodes = Counter(node for op in report.ops for node in op.nodes)
    weights: dict[str, list[WeightFacts]] = {}
    for weight in report.weights:
        weights.setdefault(weight.op, []).append(weight)
    for op in report.worst_ops():
        if len(advice) >= COUNT:
            break
        exact = operators.get(op.name)
        if exact is None or not _deserves_advice(op):
            continue
        inputs = [tensors[v.name] for v in exact.operands if v.name in tensors]
        name = _own_name(op, nodes)
        case = _Case(op, weights.get(op.name, []), inputs, tensors.get(op.name), exact, record, name)
        found = _on_case(case, record.recipe)
        if found is not None:
            advice.append(found)
    return advice


def _own_name(op: OpFacts, nodes: Mapping[str, int]) -> str:
    """What the command line calls the op: the source's name of it, where no other op came from that node."""
    own = (node for node in op.nodes if nodes[node] == 1 and ";" not in node)
    return next(own, op.name)


def _deserves_advice(op: OpFacts) -> bool:
    if op.share is not None and op.share < SMALL_SHARE:
        return False
    return op.own is not None and op.own < GOOD


def _on_data(report: Report) -> Iterator[Advice]:
    if 0 < report.calibration_samples < FEW_SAMPLES:
        number = f"{report.calibration_samples} sample" + ("s" if report.calibration_samples > 1 else "")
        problem = f"calibration saw {number} only: what comes later may lie outside of the ranges that it chose"
        yield Advice("", problem, "give more data: some dozens of samples of all kinds")


def _on_the_whole(report: Report, recipe: Recipe | None) -> Iterator[Advice]:
    sqnr = report.worst_sqnr
    if sqnr is None or sqnr >= TOO_NOISY or type(recipe) is not Static:
        return
    remedy = f"--quantize auto --min-sqnr {TOO_NOISY:.0f} finds what to leave in float"
    yield Advice("", f"the worst output keeps {_db(sqnr)}", remedy)


def _on_case(case: _Case, recipe: Recipe | None) -> Advice | None:
    sources = [(_noise(w.sqnr), _on_weight(case, w, recipe)) for w in case.weights if w.sqnr is not None]
    if isinstance(recipe, Static):
        tensors = [*case.inputs, *([case.output] if case.output is not None else [])]
        sources += [(_noise(t.measured), _on_tensor(case, t, recipe)) for t in tensors if t.measured is not None]
    if not sources:
        return None
    greatest, advice = max(sources, key=lambda source: source[0])
    own = _noise(case.op.own if case.op.own is not None else float("inf"))
    if own > MAGNIFIED * sum(noise for noise, _ in sources):
        return _on_magnified(case, recipe)
    return advice if greatest > 0 else None


def _on_magnified(case: _Case, recipe: Recipe | None) -> Advice:
    """What the op takes is exact as a whole, but not in what matters for the result."""
    tensors = [*case.inputs, *([case.output] if case.output is not None else [])]
    peaked = max(tensors, key=case.peak_to_rms, default=None)
    if peaked is not None and isinstance(recipe, Static) and case.peak_to_rms(peaked) > PEAKED:
        exactness = f"its result keeps {_db(case.op.own)}: single elements of {_role(case, peaked)}"
        return _on_peaked(case, peaked, exactness, recipe)
    problem = f"its result keeps {_db(case.op.own)}: it is a small difference of large numbers"
    return Advice(case.op.name, problem, _remedy(case.keep, *_wider(recipe)))


def _on_peaked(case: _Case, tensor: TensorFacts, exactness: str, recipe: Static) -> Advice:
    usual = f"{case.peak_to_rms(tensor):.0f} times as large as is usual"
    problem = f"{exactness} are {usual}, and spoil the scale of the others"
    calibrator = () if recipe.calibrator is Calibrator.MSE else ("calibrator=mse",)
    smooth = ("smooth=0.5",) if isinstance(case.exact, nn.Linear) and recipe.smooth is None else ()
    return Advice(case.op.name, problem, _remedy(*calibrator, *smooth, case.keep, *_wider(recipe)))


def _role(case: _Case, tensor: TensorFacts) -> str:
    return "what it gives" if tensor.name == case.op.name else f"what it takes ({tensor.name})"


def _on_weight(case: _Case, weight: WeightFacts, recipe: Recipe | None) -> Advice:
    uneven = _unevenness(case.exact)
    if weight.axis is None and uneven > UNEVEN:
        exactness = f"its weight keeps {_db(weight.sqnr)} with one scale"
        problem = f"{exactness}, and its channels differ by a factor of {uneven:.0f}"
        return Advice(case.op.name, problem, _remedy("per-channel=true", "equalize=true", case.keep))
    problem = f"its weight keeps {_db(weight.sqnr)} in {weight.bits} bits ({weight.form})"
    if isinstance(recipe, Weights) and weight.bits < 8:
        finer = f"block={weight.block // 2}" if weight.block is not None and weight.block > 32 else "bits=8 for all"
        has_data = case.record.calibration is not None or case.record.first is not None
        more = () if has_data else ("give --calibrate: rounding then follows what the layer takes",)
        return Advice(case.op.name, problem, _remedy(*more, case.keep, finer))
    return Advice(case.op.name, problem, _remedy(case.keep))


def _on_tensor(case: _Case, tensor: TensorFacts, recipe: Static) -> Advice:
    exactness = f"most of its error is that {_role(case, tensor)} keeps {_db(tensor.measured)} in {tensor.storage}"
    if tensor.clipped is not None and tensor.clipped > MANY_CLIPPED and _mostly_clips(tensor):
        problem = f"{exactness}: {tensor.clipped:.2%} of it lie outside of [{tensor.low:.4g}, {tensor.high:.4g}]"
        return Advice(case.op.name, problem, _remedy("calibrator=minmax", case.keep))
    if tensor.expected is not None and tensor.measured is not None and tensor.measured < tensor.expected - UNSEEN:
        problem = f"{exactness}, and calibration predicts {_db(tensor.expected)}: it saw other data than this"
        return Advice(case.op.name, problem, _remedy("give more data, of all kinds", "calibrator=minmax"))
    if case.peak_to_rms(tensor) > PEAKED:
        return _on_peaked(case, tensor, f"{exactness}: single elements of it", recipe)
    return Advice(case.op.name, exactness, _remedy(case.keep, *_wider(recipe)))


def _mostly_clips(tensor: TensorFacts) -> bool:
    """Whether rounding alone would be much more exact: the error of a step is its twelfth, squared."""
    if tensor.seen_low is None or tensor.seen_high is None:
        return False
    beyond = max(tensor.seen_high - tensor.high, tensor.low - tensor.seen_low)
    # A clipped element is off by up to as far as was seen; half of that is a fair guess.
    clipping = (tensor.clipped or 0.0) * (beyond / 2) ** 2
    return clipping > 4 * tensor.scale**2 / 12


def _unevenness(op: Op) -> float:
    """The ratio of the greatest and the least channel's greatest weight; 1 without a weight."""
    for use in weights_of(op):
        array = constant_array(use.value)
        if array is None or use.output_axis is None:
            continue
        others = tuple(a for a in range(array.ndim) if a != use.output_axis)
        greatest = np.abs(array).max(axis=others, initial=0.0)
        least = float(greatest[greatest > 0].min(initial=np.inf))
        return float(greatest.max(initial=0.0)) / least
    return 1.0


def _rms(histogram: Histogram) -> float:
    """The root mean square, of the middles of the bins."""
    width = 2.0**histogram.exponent
    middles = (np.arange(histogram.counts.size) + histogram.first + 0.5) * width
    total = float(histogram.counts.sum())
    return float(np.sqrt(np.square(middles) @ histogram.counts / total)) if total else 0.0


def _ops_by_name(function: Function) -> Mapping[str, Op]:
    return {op.results[0].name: op for op in function.ops if op.results}


def _wider(recipe: Recipe | None) -> tuple[str, ...]:
    is_bytes = isinstance(recipe, Static) and recipe.storage.bits <= 8
    return ("--quantize int16, for TFLite",) if is_bytes else ()


def _remedy(*choices: str) -> str:
    return "; or ".join(dict.fromkeys(choices))


def _quoted(name: str) -> str:
    return name if name.replace("_", "").replace(".", "").isalnum() else f'"{name}"'


def _noise(sqnr: float) -> float:
    return float(10 ** (-sqnr / 10))


def _db(sqnr: float | None) -> str:
    return "nothing" if sqnr is None or sqnr == -float("inf") else f"{sqnr:.0f} dB"


__all__ = ["advise"]

"""What a page of a report shows, as paragraphs and tables of text: the same for people on every medium."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...passes.nominal_sizes import NOMINAL_SIZE
from .facts import OpFacts, Report, TargetFacts, TargetOp
from .targets import BOTH, FLOATS, GONE, INTEGERS, STORED

WORST = 10
"""Rows of the table of the worst layers."""

COMPUTED = {
    INTEGERS: "integers",
    FLOATS: "floats",
    BOTH: "in part integers",
    STORED: "floats, small weights",
    GONE: "part of others",
}


@dataclass(frozen=True)
class Table:
    """Rows of cells under headings; those whose heading stands in ``numbers`` are numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()

    def without_empty_columns(self) -> "Table":
        """The same, without columns in which no row has anything."""
        kept = [i for i in range(len(self.headings)) if any(row[i] for row in self.rows)]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return Table(tuple(self.headings[i] for i in kept), rows, self.numbers)


@dataclass(frozen=True)
class Section:
    """A part of a page. ``is_long``: it is to be looked things up in, and folded away where that can be."""

    title: str
    text: str = ""
    points: tuple[str, ...] = ()
    table: Table | None = None
    is_long: bool = False


def sections_of(report: Report) -> list[Section]:
    """The sections of a report that have something to say, the most important first."""
    parts = [
        *_overview(report),
        *_warnings(report),
        *_advice(report),
        *_worst(report),
        *_memory(report),
        *_transposes(report),
        *_precision(report),
        *_by_target(report),
        *_rules(report),
        *_ops(report),
        *_tensors(report),
        *_weights(report),
    ]
    notes = (Section("Notes", points=report.notes),) if report.notes else ()
    return [*parts, *notes]


def headline(report: Report) -> str:
    """One line: ``model.onnx, int8``."""
    return f"{report.source}, {report.options}" if report.options else report.source


def _overview(report: Report) -> Iterator[Section]:
    rows = [_target_row(report, target) for target in report.targets]
    numbers = ("size", "weights", "of float", "ops", "layers on integers", "of multiplications", "conversions")
    table = Table(("target", "file", *numbers), tuple(rows), frozenset(numbers))
    text = f"The source has weights of {size(report.source_weight_bytes)} in {size(report.source_bytes)}."
    yield Section("Sizes and targets", text, table=table)
    if report.outputs:
        measured = report.measured
        where = "nothing" if measured is None else f"{measured.samples} sample{'s' * (measured.samples != 1)}"
        kind = (
            " of random numbers, which say little of real data" if measured is not None and measured.is_random else ""
        )
        text = f"SQNR of the outputs against the float model, measured on {where}{kind}: 20 dB are an error of a tenth "
        text += "of the signal's amplitude, 40 dB of a hundredth."
        exactness = tuple((o.name, decibels(o.sqnr)) for o in report.outputs)
        yield Section("How exact it is", text, table=Table(("output", "SQNR"), exactness, frozenset(("SQNR",))))


def _target_row(report: Report, target: TargetFacts) -> tuple[str, ...]:
    before = report.source_weight_bytes
    return (
        target.name,
        target.file,
        size(target.file_bytes),
        size(target.weight_bytes),
        f"{target.weight_bytes / before:.0%}" if before else "",
        f"{target.ops:,}",
        f"{target.integer_layers} of {target.layers}",
        percent(target.integer_share),
        str(target.conversions),
    )


def _warnings(report: Report) -> Iterator[Section]:
    points = tuple(f"{target.name}: {warning}" for target in report.targets for warning in target.warnings)
    if points:
        yield Section("Speed", "Expected of the artifacts, from measurements of kernels:", points)


def _precision(report: Report) -> Iterator[Section]:
    if report.precision:
        text = "What stays f32 where the rest is f16, or should, and why:"
        yield Section("Precision", text, report.precision, is_long=True)


def _advice(report: Report) -> Iterator[Section]:
    if not report.advice:
        return
    titles = {op.name: op.title for op in report.ops}
    points = []
    for advice in report.advice:
        where = f"{titles.get(advice.op, advice.op)}: " if advice.op else ""
        points.append(f"{where}{advice.problem}. Try: {advice.remedy}.")
    yield Section("What to try", points=tuple(points))


def _worst(report: Report) -> Iterator[Section]:
    worst = report.worst_ops(WORST)
    if not worst:
        return
    text = (
        "Own SQNR: of the op's result when all that it takes is exact; at its result: with the errors of all ops "
        "before it. Part of the error: what it makes of the error of the worst output, alone."
    )
    headings = ("op", "kind", "part of the error", "own SQNR", "at its result", "multiplications")
    total = sum(op.multiplications for op in report.ops)
    rows = tuple(
        (op.title, op.kind, percent(op.share), decibels(op.own), decibels(op.sqnr), _part(op.multiplications, total))
        for op in worst
    )
    yield Section("Worst layers", text, table=Table(headings, rows, frozenset(headings[2:])))


def _memory(report: Report) -> Iterator[Section]:
    """The memory of activations, by target, and what to look at where it is the most."""
    rows, points = [], []
    for target in report.targets:
        memory = target.memory
        if memory is None:
            continue
        runtime = "" if memory.runtime_arena is None else size(memory.runtime_arena)
        peak, arena = _change(memory.peak_before, memory.peak), _change(memory.arena_before, memory.arena)
        rows.append((target.name, peak, arena, runtime))
        if memory.op:
            live = ", ".join(f"{v.name} {v.type} ({size(v.bytes)})" for v in memory.live)
            nominal = f", with {NOMINAL_SIZE} for sizes that are not known" if memory.is_nominal else ""
            points.append(f"{target.name}: the peak stands at {memory.op} ({memory.kind}){nominal}, where live {live}")
    if rows:
        numbers = ("peak", "arena", "of the runtime's kernels")
        table = Table(("target", *numbers), tuple(rows), frozenset(numbers))
        text = (
            "Bytes of activations, weights apart: the most that live at a time, and the arena that holds them, before "
            "and after order-ops. The runtime's own kernels need more while they run; delegates have memory of their "
            "own. What lives at the peak is what a smaller input, fewer channels or integers there would shrink."
        )
        yield Section("Memory", text, tuple(points), table)


def _change(before: int, after: int) -> str:
    return size(after) if before == after else f"{size(before)} → {size(after)}"


def _transposes(report: Report) -> Iterator[Section]:
    """What transposes move, by target, beside the least that they can."""
    numbers = ("of the source", "op by op", "bound", "in the artifact")
    rows = []
    for target in report.targets:
        found = target.transposes
        if found is None or not (found.transposes or found.brought or found.op_by_op):
            continue
        costs = ("" if cost is None else size(cost) for cost in (found.op_by_op, found.bound))
        brought = f"{found.brought}: {size(found.bytes_brought)}"
        rows.append((target.name, brought, *costs, f"{found.transposes}: {size(found.bytes)}"))
    if rows:
        text = (
            "How many transposes move elements, and how much in one run. Op by op: what they would cost if each op "
            "that the target has channels-last only were transposed by itself; bound: the least for any choice of "
            "channels-last and channels-first ops, with a little for each transpose. Other orders may save more, and "
            "ops that the target has not in this form may need transposes of their own."
        )
        yield Section("Transposes", text, table=Table(("target", *numbers), tuple(rows), frozenset(numbers)))


def _by_target(report: Report) -> Iterator[Section]:
    if not report.recipe or not report.targets:
        return
    columns = [{made.op: made for made in target.computed} for target in report.targets]
    rows = tuple((op.title, op.kind, *(COMPUTED[column[op.name].computed] for column in columns)) for op in report.ops)
    table = Table(("op", "kind", *(target.name for target in report.targets)), rows)
    text = "What each op computes on in each target; the scales are the same in all."
    yield Section("Targets side by side", text, table=table, is_long=True)


def _rules(report: Report) -> Iterator[Section]:
    """What targets compute in floats though the recipe has integers, by rule."""
    titles = {op.name: op.title for op in report.ops}
    rows = []
    for target in report.targets:
        rules: dict[str, list[TargetOp]] = {}
        for made in target.computed:
            if made.rule:
                rules.setdefault(made.rule, []).append(made)
        rows += [(target.name, rule, str(len(ops)), _listed(titles[o.op] for o in ops)) for rule, ops in rules.items()]
    if rows:
        text = "What the recipe quantizes, and a target keeps float: by which rule."
        table = Table(("target", "rule", "ops", "which"), tuple(rows), frozenset(("ops",)))
        yield Section("Kept in float by a target", text, table=table)


def _ops(report: Report) -> Iterator[Section]:
    if not report.ops:
        return
    headings = ("op", "kind", "precision", "why", "multiplications", "own SQNR", "at its result")
    rows = tuple(_op_row(op, report) for op in report.ops)
    table = Table(headings, rows, frozenset(headings[4:])).without_empty_columns()
    yield Section("All ops", table=table, is_long=True)


def _op_row(op: OpFacts, report: Report) -> tuple[str, ...]:
    precision = "integers" if op.is_integer else "floats"
    count = f"{op.multiplications:,}" if op.multiplications else ""
    return op.title, op.kind, precision if report.recipe else "", op.reason, count, decibels(op.own), decibels(op.sqnr)


def _tensors(report: Report) -> Iterator[Section]:
    if not report.tensors:
        return
    text = "Values that are stored as integers: (stored - zero point) * scale. Clipped: the part outside of the range."
    headings = ("value", "as", "seen", "range", "scale", "zero point", "clipped", "expected SQNR", "measured SQNR")
    rows = tuple(
        (
            t.name,
            t.storage,
            f"{t.seen_low:.4g} … {t.seen_high:.4g}" if t.seen_low is not None and t.seen_high is not None else "",
            f"{t.low:.4g} … {t.high:.4g}",
            f"{t.scale:.6g}",
            str(t.zero_point),
            percent(t.clipped, 3),
            decibels(t.expected),
            decibels(t.measured),
        )
        for t in report.tensors
    )
    yield Section("Values", text, table=Table(headings, rows, frozenset(headings[2:])), is_long=True)


def _weights(report: Report) -> Iterator[Section]:
    if not report.weights:
        return
    headings = ("weight", "shape", "stored as", "SQNR", "zeros", "why")
    rows = tuple(
        (w.name, " × ".join(map(str, w.shape)), w.form, decibels(w.sqnr), percent(w.zeros), w.reason)
        for w in report.weights
    )
    yield Section("Weights", table=Table(headings, rows, frozenset(("SQNR", "zeros"))), is_long=True)


def size(count: int) -> str:
    """``3.7 MB``"""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} bytes"


def decibels(sqnr: float | None) -> str:
    """``38.2 dB``; ``exact`` for an infinite ratio."""
    if sqnr is None:
        return ""
    if sqnr in (float("inf"), -float("inf")):
        return "exact" if sqnr > 0 else "not a number"
    return f"{sqnr:.1f} dB"


def percent(part: float | None, digits: int = 1) -> str:
    """``12.3 %``"""
    return "" if part is None else f"{100 * part:.{digits}f} %"


def _part(count: int, total: int) -> str:
    return percent(count / total) if total and count else ""


def _listed(names: Iterable[str], most: int = 8) -> str:
    found: Sequence[str] = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


__all__ = ["Section", "Table", "decibels", "headline", "percent", "sections_of", "size"]

"""A report in a few lines, for a terminal."""

from collections.abc import Iterator

from .facts import Report, TargetFacts
from .page import decibels, percent, size


def summary(report: Report) -> Iterator[str]:
    """``int8: 52 of 55 layers on integers (99.2 % of multiplications); weights 14.2 MB -> 3.7 MB; …``"""
    parts = []
    if any(op.is_integer for op in report.ops):
        layers = [op for op in report.ops if op.is_layer]
        integer = [op for op in layers if op.is_integer]
        total = sum(op.multiplications for op in layers)
        part = sum(op.multiplications for op in integer) / total if total else 0.0
        parts.append(f"{len(integer)} of {len(layers)} layers on integers ({percent(part)} of multiplications)")
    if report.targets:
        parts.append(f"weights {size(report.source_weight_bytes)} -> {_sizes(report)}")
    parts += _exactness(report)
    if parts:
        yield f"{report.options or 'pruned'}: {'; '.join(parts)}"
    for target in report.targets:
        kept = _kept(target)
        if kept:
            yield f"{target.name}: {kept}"


def _sizes(report: Report) -> str:
    sizes = {target.name: size(target.weight_bytes) for target in report.targets}
    if len(set(sizes.values())) == 1:
        return next(iter(sizes.values()))
    return ", ".join(f"{text} ({name})" for name, text in sizes.items())


def _exactness(report: Report) -> Iterator[str]:
    if report.measured is not None and report.worst_sqnr is not None:
        kind = "random " if report.measured.is_random else ""
        count = report.measured.samples
        yield f"SQNR {decibels(report.worst_sqnr)} on {count} {kind}sample{'s' * (count != 1)}"
    worst = next(iter(report.worst_ops(1)), None)
    if worst is not None and worst.own is not None and worst.own != float("inf"):
        costs = decibels(worst.own) if worst.share is None else f"{percent(worst.share, 0)} of the error"
        yield f"worst: {worst.title} ({costs})"


def _kept(target: TargetFacts) -> str:
    """What the target computes in floats, though the recipe has it on integers."""
    rules: dict[str, int] = {}
    for made in target.computed:
        if made.rule:
            rules[made.rule] = rules.get(made.rule, 0) + 1
    if not rules:
        return ""
    count = sum(rules.values())
    most = max(rules, key=lambda rule: rules[rule])
    more = f" ({rules[most]} of them); --report tells all" if len(rules) > 1 else ""
    what = "op that the recipe quantizes stays" if count == 1 else "ops that the recipe quantizes stay"
    return f"{count} {what} float: {most}{more}"


__all__ = ["summary"]

"""Einsum as transpositions, reshapings, matrix products and sums.

Equations are those of numpy.einsum (ONNX Einsum, torch.einsum): labels, an ellipsis for axes that broadcast, an
optional output. The operands are contracted from left to right, two at a time.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..dims import Dim, known_different, product
from ..ir import Value
from ..ops import math, tensor
from .values import positions, reshape, size_of


class EquationError(ValueError):
    """An equation is malformed or does not fit its operands; the message says why, as the end of a sentence."""


Labels = tuple[str, ...]
"""The label of every axis: a letter, or ``.0``, ``.1``, …, counted from the back, where an ellipsis stands."""


@dataclass(frozen=True)
class _Term:
    """A tensor with labelled axes, no label twice."""

    value: Value
    labels: Labels

    def dim(self, label: str) -> Dim:
        return self.value.type.shape[self.labels.index(label)] if label in self.labels else 1

    def ordered(self, labels: Labels) -> Value:
        """The tensor with its axes in the order of ``labels``, which are its own."""
        if labels == self.labels:
            return self.value
        return tensor.Transpose(self.value, tuple(self.labels.index(label) for label in labels)).result


def einsum(equation: str, operands: Sequence[Value], sums_ellipsis: bool = False) -> Value:
    """The value of the equation; raises EquationError for one that is malformed or does not fit the operands.

    An output that leaves out the ellipsis of the operands is refused, or with ``sums_ellipsis`` summed over it (torch).
    """
    inputs, output = _parse(equation, [v.type.rank for v in operands], sums_ellipsis)
    terms = _broadcast([_without_repeats(value, labels) for value, labels in zip(operands, inputs, strict=True)])
    result = terms[0]
    for place, term in enumerate(terms[1:], 1):
        needed = {*output, *(label for later in terms[place + 1 :] for label in later.labels)}
        result = _contract(_summed(result, {*needed, *term.labels}), _summed(term, {*needed, *result.labels}), needed)
    return _summed(result, output).ordered(output)


def _parse(equation: str, ranks: Sequence[int], sums_ellipsis: bool) -> tuple[list[Labels], Labels]:
    """The labels of every operand and of the output."""
    left, arrow, right = "".join(equation.split()).partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise EquationError(f"the equation {equation!r} is for {len(terms)} operands, not {len(ranks)}")
    inputs = [_labels(equation, term, rank) for term, rank in zip(terms, ranks, strict=True)]
    counts = Counter(label for labels in inputs for label in labels)
    ellipsis = sorted({label for label in counts if label[0] == "."}, key=lambda label: -int(label[1:]))
    if not arrow:
        return inputs, (*ellipsis, *sorted(label for label, n in counts.items() if n == 1 and label[0] != "."))
    output = _labels(equation, right, len(right.replace("...", "")) + len(ellipsis) * ("..." in right))
    keeps_ellipsis = sums_ellipsis or set(ellipsis) <= set(output)
    if len(set(output)) != len(output) or not keeps_ellipsis or not set(output) <= counts.keys():
        raise EquationError(f"the output of the equation {equation!r} does not follow from its operands")
    return inputs, output


def _labels(equation: str, term: str, rank: int) -> Labels:
    before, dots, after = term.partition("...")
    if not (before + after).isalpha() and before + after:
        raise EquationError(f"the equation {equation!r} is malformed")
    hidden = rank - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise EquationError(f"the equation {equation!r} does not fit an operand of rank {rank}")
    return (*before, *(f".{i}" for i in reversed(range(hidden))), *after)


def _without_repeats(value: Value, labels: Labels) -> _Term:
    """The operand with each pair of equal labels replaced by the diagonal of its two axes."""
    while repeated := next((label for label in labels if labels.count(label) > 1), None):
        first = labels.index(repeated)
        second = labels.index(repeated, first + 1)
        rest = [axis for axis in range(len(labels)) if axis not in (first, second)]
        value = _diagonal(tensor.Transpose(value, (*rest, first, second)).result)
        labels = (*(labels[axis] for axis in rest), repeated)
    return _Term(value, labels)


def _diagonal(x: Value) -> Value:
    """[..., n] of [..., n, n]; what is declared of the two sizes may differ where it is symbolic."""
    *lead, rows, columns = x.type.shape
    if known_different(rows, columns):
        raise EquationError(f"the diagonal of {x.type} is not defined: its sizes differ")
    size = rows if isinstance(rows, int) else columns
    flat = tensor.Reshape(x, None, (*lead, rows * columns)).result
    if isinstance(size, int):
        starts, strides = (0,) * (len(lead) + 1), (*[1] * len(lead), size + 1)
        return tensor.Slice(flat, starts, (*lead, size), strides).result
    places = math.Mul(positions(size), size_of(columns + 1)).result
    return tensor.Gather(flat, places, axis=len(lead)).result


def _broadcast(terms: Sequence[_Term]) -> list[_Term]:
    """The terms without their axes of size 1 that meet a larger one under the same label."""
    larger = {
        label
        for term in terms
        for label, size in zip(term.labels, term.value.type.shape, strict=True)
        if known_different(size, 1)
    }
    result = []
    for term in terms:
        shape = term.value.type.shape
        kept = [(a, s) for a, s in zip(term.labels, shape, strict=True) if s != 1 or a not in larger]
        value = reshape(term.value, tuple(size for _, size in kept))
        result.append(_Term(value, tuple(label for label, _ in kept)))
    return result


def _summed(term: _Term, needed: Collection[str]) -> _Term:
    """The term summed over the axes whose labels nothing else needs."""
    axes = tuple(axis for axis, label in enumerate(term.labels) if label not in needed)
    if not axes:
        return term
    kept = tuple(label for label in term.labels if label in needed)
    return _Term(math.ReduceSum(term.value, axes).result, kept)


def _contract(a: _Term, b: _Term, needed: Collection[str]) -> _Term:
    """The product of two terms, summed over the labels that both have and nothing else needs."""
    both = [label for label in a.labels if label in b.labels]
    batch = tuple(label for label in both if label in needed)
    inner = tuple(label for label in both if label not in needed)
    rows = tuple(label for label in a.labels if label not in both)
    columns = tuple(label for label in b.labels if label not in both)
    labels = (*batch, *rows, *columns)
    if not inner:
        return _Term(_outer_product(a, b, labels), labels)
    x, transpose_x = _as_matrices(a, batch, rows, inner)
    y, transpose_y = _as_matrices(b, batch, inner, columns)
    matrices = math.MatMul(x, y, transpose_x, transpose_y).result
    shape = (*matrices.type.shape[: len(batch)], *map(a.dim, rows), *map(b.dim, columns))
    return _Term(reshape(matrices, shape), labels)


def _outer_product(a: _Term, b: _Term, labels: Labels) -> Value:
    def spread(term: _Term) -> Value:
        own = term.ordered(tuple(label for label in labels if label in term.labels))
        return reshape(own, tuple(map(term.dim, labels)))

    return math.Mul(spread(a), spread(b)).result


def _as_matrices(term: _Term, batch: Labels, rows: Labels, columns: Labels) -> tuple[Value, bool]:
    """The term as [*batch, rows, columns], or with True as [*batch, columns, rows] where it is stored so."""
    is_transposed = term.labels == (*batch, *columns, *rows) and bool(rows)
    second, third = (columns, rows) if is_transposed else (rows, columns)
    ordered = term.ordered((*batch, *second, *third))
    shape = (*map(term.dim, batch), product(map(term.dim, second)), product(map(term.dim, third)))
    return reshape(ordered, shape), is_transposed

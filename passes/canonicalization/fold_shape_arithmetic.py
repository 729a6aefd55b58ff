"""fold-shape-arithmetic: sizes that follow from the inputs' shapes are not computed at run time.

Models compute shapes with tensor ops. Where the contents of such tensors are known (glmir/symbolic.py), ops that take
sizes from them take them from their attributes instead, and what only computed them dies.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ...call_graph import callers_first
from ...dims import Dim, SymInt, ceil_div, dim_max, free_symbols, product, substitute
from ...ir import Function, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.tensor.slicing import slice_extent
from ...pass_manager import module_pass
from ...rewriter import Replacement, RuleSet, apply_rules
from ...symbolic import SymbolicContents
from ...types import DType
from ..patterns import constant
from ..substitution import lone_symbol, substitute_in_callees, substitute_symbols

_NOT_FOLLOWED = frozenset((DType.F16, DType.BF16, DType.F32, DType.F64, DType.U64))
"""Results of these dtypes stay: sizes are integers, and u64 is wider than what numpy makes of Python's."""


@module_pass(needed=True)
def fold_shape_arithmetic(module: Module) -> bool:
    """Takes sizes from attributes instead of run-time operands, and replaces known shape tensors by constants."""
    changed = [_fold_function(function, module) for function in callers_first(module)]
    return any(changed)


def _fold_function(function: Function, module: Module) -> bool:
    changed = False
    # What one symbol turns out to be may tell another: every round but the last resolves at least one.
    while equations := _equations(function):
        substitute_symbols(function, equations)
        substitute_in_callees(module, function, equations)
        changed = True
    # Only this function's symbols matter, so the rules are applied to it alone.
    return apply_rules(Module([function]), _rules(frozenset(function.symbols))) or changed


def _equations(function: Function) -> dict[str, Dim]:
    """What the symbols that no input binds are shown to equal: symbol -> dim, free of the symbols it defines."""
    bound = frozenset(function.symbols)
    contents = SymbolicContents()
    equations: dict[str, Dim] = {}
    for op in function.ops:
        for size, dim in _shown_sizes(op, contents, bound):
            name = lone_symbol(size)
            if name is None or name in bound or name in equations:
                continue
            value = substitute(dim, equations)
            if name in free_symbols(value):
                continue
            equations = {n: substitute(d, {name: value}) for n, d in equations.items()} | {name: value}
    return equations


def _shown_sizes(op: Op, contents: SymbolicContents, bound: frozenset[str]) -> list[tuple[Dim, Dim]]:
    """Pairs of a dim of an op's attributes and what the contents of its operands show it to be."""
    if not _has_unbound_attribute(op, bound):
        return []
    match op:
        case tensor.Reshape(x=x, dims=Value() as dims, shape=shape):
            return _pairs(shape, _without_minus_one(_dims_of(dims, contents), x.type.elements))
        case tensor.Expand(dims=Value() as dims, shape=shape) | nn.Resize(dims=Value() as dims, shape=shape):
            return _pairs(shape, _dims_of(dims, contents))
        case math.TopK(count=Value() as count, k=k):
            return _pairs([k], _dims_of(count, contents))
        case tensor.NonZero(count=count):
            positions = contents.of(op.result)
            return [] if positions is None else [(count, positions.shape[1])]
        case tensor.Range(length=length):
            return _pairs([length], [_range_length(op, contents)])
        case tensor.DynamicSlice(shape=shape):
            parts = _slice_parts(op, contents)
            return [(shape[axis], size) for axis, (_, size) in parts.items()]
    return []


def _has_unbound_attribute(op: Op, bound: frozenset[str]) -> bool:
    for attribute in op.definition.attributes_of(op).values():
        dims = attribute if isinstance(attribute, tuple) else (attribute,)
        if any(isinstance(d, SymInt) and not bound.issuperset(free_symbols(d)) for d in dims):
            return True
    return False


def _pairs(sizes: Sequence[Dim], dims: Sequence[Dim | None] | None) -> list[tuple[Dim, Dim]]:
    if dims is None or len(dims) != len(sizes):
        return []
    return [(size, dim) for size, dim in zip(sizes, dims, strict=True) if dim is not None]


def _dims_of(value: Value, contents: SymbolicContents) -> list[Dim | None] | None:
    """The elements of an integer tensor, flat; None for what is not known."""
    elements = contents.of(value)
    if elements is None:
        return None
    return [e if isinstance(e, int | SymInt) else None for e in elements.ravel()]


def _without_minus_one(dims: list[Dim | None] | None, elements: Dim) -> list[Dim | None] | None:
    """The dims with -1, which stands for what is left of the elements, replaced; all others must then be known."""
    if dims is None or -1 not in dims:
        return dims
    others = [d for d in dims if d is not None and d != -1]
    if len(others) != len(dims) - 1 or 0 in others:
        return None
    return [elements // product(others) if d == -1 else d for d in dims]


def _range_length(op: tensor.Range, contents: SymbolicContents) -> Dim | None:
    scalars = [_dims_of(v, contents) for v in (op.start, op.limit, op.delta)]
    if any(s is None for s in scalars) or op.start.type.dtype.is_float:
        known = contents.of(op.result)
        return None if known is None else int(known.shape[0])
    start, limit, delta = (s[0] for s in scalars if s is not None)
    if start is None or limit is None or not isinstance(delta, int) or delta == 0:
        return None
    return dim_max(ceil_div(limit - start, delta), 0)


def _slice_parts(op: tensor.DynamicSlice, contents: SymbolicContents) -> Mapping[int, tuple[Dim, Dim]]:
    """Axis -> start and size, for those axes of a slice whose bounds are known."""
    starts, ends = _dims_of(op.starts, contents), _dims_of(op.ends, contents)
    parts: dict[int, tuple[Dim, Dim]] = {}
    for i, axis in enumerate(op.axes):
        start, end = starts[i] if starts else None, ends[i] if ends else None
        if start is not None and end is not None:
            parts[axis] = slice_extent(start, end, op.strides[i], op.x.type.shape[axis])
    return parts


def _rules(bound: frozenset[str]) -> RuleSet:
    """The rules for a function whose inputs bind the symbols ``bound``."""
    rules = RuleSet()
    contents = SymbolicContents()

    def are_bound(dims: Sequence[Dim]) -> bool:
        return all(bound.issuperset(free_symbols(d)) for d in dims)

    @rules.on(tensor.Reshape)
    def reshape_without_dims(op: tensor.Reshape) -> Replacement:
        """reshape(x, dims) -> reshape(x) when the inputs' shapes give the shape"""
        return replace(op, dims=None) if op.dims is not None and are_bound(op.shape) else None

    @rules.on(tensor.Expand)
    def expand_without_dims(op: tensor.Expand) -> Replacement:
        """expand(x, dims) -> expand(x) when the inputs' shapes give the shape"""
        return replace(op, dims=None) if op.dims is not None and are_bound(op.shape) else None

    @rules.on(nn.Resize)
    def resize_without_dims(op: nn.Resize) -> Replacement:
        """resize(x, dims) -> resize(x) when the inputs' shapes give the shape"""
        return replace(op, dims=None) if op.dims is not None and are_bound(op.shape) else None

    @rules.on(math.TopK)
    def top_k_without_count(op: math.TopK) -> Replacement:
        """top_k(x, count) -> top_k(x) when the inputs' shapes give k"""
        return replace(op, count=None) if op.count is not None and are_bound([op.k]) else None

    @rules.on(tensor.DynamicSlice)
    def known_slice(op: tensor.DynamicSlice) -> Replacement:
        """dynamic_slice(x, starts, ends) -> slice(x) when starts and ends are known"""
        parts = _slice_parts(op, contents)
        if len(parts) < len(op.axes) or not are_bound([d for part in parts.values() for d in part]):
            return None
        shape = op.x.type.shape
        starts = tuple(parts[i][0] if i in parts else 0 for i in range(len(shape)))
        sizes = tuple(parts[i][1] if i in parts else d for i, d in enumerate(shape))
        strides = dict(zip(op.axes, op.strides, strict=True))
        return tensor.Slice(op.x, starts, sizes, tuple(strides.get(i, 1) for i in range(len(shape))))

    @rules.on(Op)
    def known_contents(op: Op) -> Replacement:
        """f(x) -> constant when the inputs' shapes alone give the elements"""
        if isinstance(op, tensor.Constant) or op.has_effect or not op.results:
            return None
        if any(r.type.dtype in _NOT_FOLLOWED for r in op.results):
            return None
        arrays = [contents.of(r) for r in op.results]
        if any(a is None or not all(isinstance(e, int) for e in a.flat) for a in arrays):
            return None
        known = zip(op.results, arrays, strict=True)
        return [constant(np.array(a, np.int64).astype(r.type.dtype.numpy)) for r, a in known]

    return rules

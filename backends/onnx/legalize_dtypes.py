"""Dtypes that onnxruntime has no kernel for: the op is computed in another one, and its results are cast back."""

from collections.abc import Callable, Mapping

from ...ir import Op, Value
from ...opdef import replace
from ...ops import math, nn, tensor
from ...ops.families import GivesPositions
from ...passes.lowering.building import folded, scalar
from ...passes.lowering.dtypes import computed_in_one_of
from ...rewriter import RuleSet
from ...types import DType

_WIDER: Mapping[DType, tuple[DType, ...]] = {
    DType.BOOL: (DType.U8, DType.I32),
    DType.I8: (DType.I32, DType.I64),
    DType.U8: (DType.I32, DType.I64),
    DType.I16: (DType.I32, DType.I64),
    DType.U16: (DType.I32, DType.U32, DType.I64),
    DType.I32: (DType.I64,),
    DType.U32: (DType.I64, DType.U64),
}
"""For each dtype those that hold all its numbers; arithmetic that wraps in the narrow one wraps in the cast."""

_ANY_SIGN = (
    math.Add, math.Sub, math.Mul, math.Equal, math.NotEqual, math.Select, math.BitwiseAnd, math.BitwiseOr,
    math.BitwiseXor, math.BitwiseNot, math.ReduceSum, math.ReduceProd, math.CumSum, math.Square, math.Pow, math.MatMul,
    tensor.Trilu, tensor.Pad, tensor.DepthToSpace, tensor.SpaceToDepth,
)  # fmt: skip
"""Ops that treat u64 and i64 alike, bit by bit."""

_ORDERING = (math.Maximum, math.Minimum, math.ReduceMax, math.ReduceMin, math.ArgReduction, math.TopK)
"""Ops that only compare."""

_OVERFLOWING = (
    nn.Normalization, nn.Mish, nn.Softplus, nn.Gelu, nn.Elu, nn.Celu, nn.Selu, math.Erf, math.Sinh, math.Cosh,
    math.Asinh, math.Acosh,
)  # fmt: skip
"""Ops whose decompositions compute squares and exponentials, which halves cannot hold."""

IsLegal = Callable[[Op], bool]


def half_precision_rules(is_legal: IsLegal) -> RuleSet:
    """What goes before decompositions, whose every step would be rounded otherwise."""
    rule_set = RuleSet()

    @rule_set.on(Op)
    def compute_in_single_precision(op: Op) -> tuple[Value, ...] | None:
        """op(x) -> cast(op(cast(x, f32))) for f16 and bf16, where that kernel exists"""

        def is_better(computed: Op) -> bool:
            return isinstance(computed, _OVERFLOWING) or is_legal(computed)

        return _computed_in_one_of(op, {DType.F16: (DType.F32,), DType.BF16: (DType.F32,)}, is_better)

    return rule_set


def rules(is_legal: IsLegal) -> RuleSet:
    """The rules for other dtypes, behind decompositions into what has kernels for them."""
    rule_set = RuleSet()

    @rule_set.on(Op)
    def compute_doubles_in_single_precision(op: Op) -> tuple[Value, ...] | None:
        """op(x) -> cast(op(cast(x, f32))) for f64, where that kernel exists alone"""
        return _computed_in_one_of(op, {DType.F64: (DType.F32,)}, is_legal)

    @rule_set.on(Op)
    def compute_in_wider_integers(op: Op) -> tuple[Value, ...] | None:
        """op(x) -> cast(op(cast(x, wider))) for integers and truth values, where the wider kernel exists"""
        return _computed_in_one_of(op, _WIDER, is_legal)

    @rule_set.on(Op)
    def count_in_64_bits(op: Op) -> tuple[Value, ...] | None:
        """arg_max(x, i32) -> cast(arg_max(x, i64), i32), and likewise for all that gives positions"""
        if not isinstance(op, GivesPositions) or op.index_dtype is DType.I64:
            return None
        wide = replace(op, index_dtype=DType.I64)
        pairs = zip(op.results, wide.results, strict=True)
        return tuple(new if new.type == old.type else tensor.Cast(new, op.index_dtype).result for old, new in pairs)

    @rule_set.on(Op)
    def compute_in_signed_integers(op: Op) -> tuple[Value, ...] | None:
        """op(x) -> cast(op(cast(x, i64))) for u64, where the sign does not matter"""
        if not isinstance(op, _ANY_SIGN):
            return None
        return _computed_in_one_of(op, {DType.U64: (DType.I64,)}, is_legal)

    @rule_set.on(Op)
    def compare_as_signed(op: Op) -> tuple[Value, ...] | None:
        """op(x) -> op(x + lowest) - lowest for u64 as i64, where the order alone matters"""
        if not isinstance(op, _ORDERING) or op.operands[0].type.dtype is not DType.U64:
            return None
        moved = {"x": _moved(op.operands[0])} | ({"y": _moved(op.y)} if isinstance(op, math.Arithmetic) else {})
        computed = replace(op, **moved)
        if not is_legal(computed):
            return None
        pairs = zip(op.results, computed.results, strict=True)
        return tuple(_moved_back(new) if old.type.dtype is DType.U64 else new for old, new in pairs)

    return rule_set


def _moved(x: Value) -> Value:
    """u64 as i64 in the same order: the top bit turned over."""
    signed = folded(tensor.Cast(x, DType.I64))
    return folded(math.Add(signed, scalar(DType.I64.lowest, signed)))


def _moved_back(x: Value) -> Value:
    return tensor.Cast(math.Add(x, scalar(DType.I64.lowest, x)).result, DType.U64).result


def _computed_in_one_of(
    op: Op, candidates: Mapping[DType, tuple[DType, ...]], is_legal: IsLegal
) -> tuple[Value, ...] | None:
    # What these two make of a dtype has rules of its own.
    if isinstance(op, tensor.NonZero | tensor.OneHot):
        return None
    return computed_in_one_of(op, candidates, is_legal)

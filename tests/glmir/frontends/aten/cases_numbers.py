"""Cases of numbers.py and number_functions.py."""

from math import inf, nan
from typing import Any

from .cases import A, Case, Operations, T, program


def _sizes(ops: Operations, x: Any) -> Any:
    n, m = ops.size(x, 0), ops.size(x, 1)
    half = ops["prim::NumToTensor"](ops.Int(ops["prim::NumToTensor"](n)))
    return [
        ops.floordiv(n, 2),
        ops.remainder(n, 3),
        ops.Int(ops.mul(half, 2)),
        ops["prim::min"](n, m),
        ops.eq(n, n),
        ops.gt(n, 0),
        ops.lt(n, 3),
        ops.__range_length(0, n, 2),
        ops.__derive_index(n, 1, 2),
    ]


def _floats_of_sizes(ops: Operations, x: Any) -> Any:
    n = ops.Float(ops.size(x, 0))
    half = ops["prim::min"](n, 2.5)
    return [
        *(
            ops.floor(half),
            ops.ceil(half),
            n,
            ops["Int.float"](n),
            ops.sqrt(n),
            ops.gt(n, 1.5),
            ops.le(n, 0.5),
            ops.round(n),
        ),
        *(ops.floordiv(n, 2), ops.floordiv(n, 1.5), ops.remainder(n, 2), ops.eq(n, n), ops["prim::max"](n, 1)),
        *(ops.neg(n), ops["Bool.float"](n), ops.exp(n), ops.log(n), ops.fmod(n, 3), ops.copysign(n, -1.0)),
    ]


def _of_data(ops: Operations, x: Any, i: Any, b: Any) -> Any:
    x, i, b = ops.item(x), ops.item(i), ops.item(b)
    return [
        ops.floordiv(i, 2),
        ops.remainder(i, 3),
        ops.__lshift__(i, 2),
        ops.__not__(b),
        ops.__or__(b, False),
        ops["eq.int"](i, 3),
        ops.lt(x, i),
        ops.ge(x, 0.5),
        ops.ceil(x),
        ops.floor(x),
        ops.round(x),
        ops.sqrt(i),
        ops.exp(x),
        ops.tan(x),
        ops["Int.float"](x),
        ops.Float(i),
        ops["Bool.int"](i),
        ops["prim::max"](i, 2),
        ops["prim::abs"](i),
        ops.neg(i),
        ops.isnan(x),
        ops.atan2(x, x),
    ]


CASES = [
    Case("add", 2, 3).gives(5),
    Case("add", 2, 3.5).gives(5.5),
    Case("sub", 2, 3).gives(-1),
    Case("mul", 2.5, 3).gives(7.5),
    Case("div", 1, 2).gives(0.5),
    Case("div", 1.0, 4.0).gives(0.25),
    Case("floordiv", -7, 2).gives(-4),
    Case("floordiv", 7.5, 2).gives(3.0),
    Case("__round_to_zero_floordiv", -7, 2).gives(-3),
    Case("remainder", -7, 3).gives(2),
    Case("remainder", 7.5, 2).gives(1.5),
    Case("fmod", -7, 3).gives(-1.0),
    Case("divmod", 7, 2).gives((3, 1)),
    Case("pow", 2, 3).gives(8.0),
    Case("pow", 2.0, 0.5).gives(2**0.5),
    Case("pow", 2, -1).gives(0.5),
    Case("neg", 3).gives(-3),
    Case("neg", 0.0).gives(-0.0),
    *(
        Case(name, 2, 3).gives(truth)
        for name, truth in [("eq", False), ("ne", True), ("lt", True), ("le", True), ("gt", False)]
    ),
    Case("ge", 3, 3.0).gives(True),
    Case("eq", True, False).gives(False),
    Case("eq", nan, nan).gives(False),
    Case("__and__", True, False).gives(False),
    Case("__and__", 6, 3).gives(2),
    Case("__or__", 6, 3).gives(7),
    Case("__xor__", True, True).gives(False),
    Case("__lshift__", 3, 2).gives(12),
    Case("__rshift__", 13, 2).gives(3),
    Case("__not__", False).gives(True),
    Case("prim::max", 2, 3.5).gives(3.5),
    Case("prim::min", 2, 3.5).gives(2.0),
    Case("prim::max", 2, 3).gives(3),
    Case("prim::abs", -2.5).gives(2.5),
    Case("floor", -2.5).gives(-3),
    Case("ceil", 2.2).gives(3),
    Case("round", 2.5).gives(2.0),
    Case("sqrt", 9).gives(3.0),
    Case("sqrt", -1.0).gives(nan),
    Case("log", 0.0).gives(-inf),
    Case("log", 8, 2).gives(3.0),
    Case("exp", 0).gives(1.0),
    Case("atan2", 0.0, 1).gives(0.0),
    Case("gcd", 12, 18).gives(6),
    Case("factorial", 5).gives(120),
    Case("isnan", nan).gives(True),
    Case("isinf", 1.0).gives(False),
    Case("isfinite", inf).gives(False),
    Case("Int", -2.7).gives(-2),
    Case("Int", "12").gives(12),
    Case("Int", True).gives(1),
    Case("Float", 2).gives(2.0),
    Case("Float", "2.5").gives(2.5),
    Case("Bool", 2).gives(True),
    Case("Bool", 0.0).gives(False),
    Case("__range_length", 0, 7, 2).gives(4),
    Case("__range_length", 7, 0, -2).gives(4),
    Case("__range_length", 7, 0, 2).gives(0),
    Case("__derive_index", 2, 1, 3).gives(7),
    Case("item", A(2.5)),
    Case("item", A([[3]], "i64", constant=True)).gives(3),
    Case("Int", A(2.7)),
    Case("Int", A(-2.7, constant=True)).gives(-2),
    Case("Float", A(2, "i64")),
    Case("Bool", A(2.0)),
    Case("IntImplicit", A(2, "i64")),
    Case("FloatImplicit", A(2.5)),
    Case("ScalarImplicit", A(2.5)),
    Case("item", T(2)).refused("one number"),
    program("sizes", _sizes, T("n=5", "m=3")),
    program("sizes", _sizes, T(5, 3)),
    program("floats of sizes", _floats_of_sizes, T("n=5", 3)),
    program("floats of sizes", _floats_of_sizes, T(5, 3)),
    program("data", _of_data, A(2.75), A(5, "i64"), A(True, "bool")),
]

"""Cases of arithmetic.py."""

from typing import Any

from glmir.types import DType

from .cases import A, Case, Operations, T, program

I32, BOOL, F16 = DType.I32.value, DType.BOOL.value, DType.F16.value
INTS = A([-7, -4, -1, 0, 1, 5, 8], "i64")
FLOATS = A([-7.5, -4.0, -1.25, -0.0, 0.5, 5.0, 8.75])
POSITIVE = {"low": 0.2, "high": 4.0}


def _size_halved(ops: Operations, x: Any) -> Any:
    n = ops["prim::NumToTensor"](ops.size(x, 0))
    half = ops.floor_divide(ops.sub(n, 1), A_TWO(ops))
    return ops.Int(half), ops.add(x, half)


def A_TWO(ops: Operations) -> Any:  # noqa: N802
    return ops["prim::NumToTensor"](2)


CASES = [
    Case("add", T(2, 3), T(3), alpha=2),
    Case("add", T(2, 3), T(3), alpha=-0.5),
    Case("add", T("n=2", 3), T("n=2", 1)),
    Case("add", T(2, 3), 2),
    Case("add", T(2, 3), 2, 3),
    Case("add", T(2, 3, dtype=I32), 2),
    Case("add", T(2, 3, dtype=I32), 2.5),
    Case("add", T(2, 3, dtype=I32), True),
    Case("add", T(2, 3, dtype=BOOL), T(2, 3, dtype=BOOL)),
    Case("add", T(2, 3, dtype=BOOL), 1),
    Case("add", T(2, 3, dtype=BOOL), T(2, 3, dtype=I32)),
    Case("add", T(2, 3, dtype=F16), T(dtype="f32")),
    Case("add", T(2, 3, dtype=F16), T(1, dtype="f32")),
    Case("add", T(2, 3, dtype=F16), T(3, dtype="bf16")),
    Case("add", T(3, dtype="u8", low=0, high=9), T(3, dtype="i8")),
    Case("add", T(3, dtype="u8", low=0, high=9), -3),
    Case("add", T(dtype="i64"), T(3, dtype="i32")),
    Case("add", T(0, 3), T(3)),
    Case("add_", T(2, 3), T(3)),
    Case("add_", T(2, 3, dtype=F16), T(3)),
    Case("add_", T(2, 3), 1, 2),
    Case("sub", T(2, 3), T(3), alpha=2),
    Case("sub", T(2, 3), 1),
    Case("sub", T(2, 3), 1, 2),
    Case("subtract", T(2, 3, dtype=I32), T(2, 1, dtype=I32)),
    Case("sub", T(2, dtype=BOOL), T(2, dtype=BOOL)).refused("bools"),
    Case("sub_", T(2, 3), T(3)),
    Case("rsub", T(2, 3), 1),
    Case("rsub", T(2, 3), 1, 3),
    Case("rsub", T(2, 3, dtype=I32), T(3, dtype=I32), alpha=2),
    Case("mul", T(2, 3), T(3)),
    Case("mul", T(2, 3), 2.5),
    Case("mul", T(2, 3, dtype=I32), 2.5),
    Case("mul", T(3, dtype=BOOL), T(3, dtype=BOOL)),
    Case("multiply", T(3), 2),
    Case("mul_", T(2, 3), T(1)),
    Case("div", T(2, 3), T(3, **POSITIVE)),
    Case("div", INTS, 2),
    Case("div", INTS, A(3, "i64")),
    Case("div", FLOATS, 2),
    Case("divide", FLOATS, 0.1),
    Case("true_divide", INTS, 4),
    Case("div_", T(2, 3), 3),
    *(
        Case(name, x, y, **mode)
        for name, mode in [
            ("div", {"rounding_mode": "floor"}),
            ("div", {"rounding_mode": "trunc"}),
            ("div", {"rounding_mode": None}),
            ("floor_divide", {}),
            ("remainder", {}),
            ("fmod", {}),
        ]
        for x, y in [
            (INTS, 3),
            (INTS, -2),
            (INTS, A([3, 2, -2, 1, -5, 2, 3], "i64")),
            (FLOATS, 3),
            (FLOATS, -0.1),
            (FLOATS, A([1.5, -0.5, 0.1, 2, 3, -2, 0.3])),
            (INTS, 2.5),
        ]
    ),
    Case("floor_divide", A([1.0, -1.0, 0.0]), A([0.0, 0.0, 0.0])),
    Case("floor_divide", A([1.0, 0.7]), 0.1),
    Case("floor_divide_", A([5.0, -5.0]), 2),
    Case("remainder", 7, T(4, dtype="i64", low=1, high=5)),
    Case("remainder_", A([5.0, -5.0]), 3),
    *(Case("pow", T(5, **POSITIVE), e) for e in [2, 3, 0.5, -0.5, -1, -2, 0, 1, 4, 2.5, True]),
    *(Case("pow", INTS, e) for e in [0, 1, 2, 3, 4, 0.0, 2.0]),
    Case("pow", T(5, dtype=BOOL), 2),
    Case("pow", FLOATS, 3),
    Case("pow", T(2, 3, **POSITIVE), T(3)),
    Case("pow", T(2, 3, dtype=I32), T(3, dtype=I32, low=0)),
    Case("pow", T(2, 3, dtype=I32, low=1), T(3)),
    Case("pow", 2, T(4)),
    Case("pow", 2.718281828459045, T(4)),
    Case("pow", 2, T(4, dtype=I32, low=0)),
    Case("pow", 2.5, T(4, dtype=I32)),
    Case("pow_", T(4), 2),
    Case("float_power", T(5, **POSITIVE), 1.5).within("approximate"),
    Case("float_power", INTS, 2),
    Case("float_power", 2, T(3)).within("approximate"),
    Case("float_power", T(3, **POSITIVE), T(2, 3)).within("approximate"),
    Case("addcmul", T(2, 3), T(2, 1), T(3), value=0.5),
    Case("addcmul", T(2, 3, dtype=I32), T(3, dtype=I32), T(3, dtype=I32), value=2),
    Case("addcmul_", T(2, 3), T(2, 1), T(3)),
    Case("addcdiv", T(2, 3), T(2, 1), T(3, **POSITIVE), value=-0.5),
    Case("addcdiv_", T(2, 3), T(2, 1), T(3, **POSITIVE)),
    Case("lerp", T(2, 3), T(2, 3), 0.25),
    Case("lerp", T(2, 3), T(3), 0.75),
    Case("lerp", T(2, 3), T(2, 3), T(2, 1, low=0, high=1)),
    Case("lerp_", T(2, 3), T(2, 3), 0.5),
    program("a size in tensors, halved", _size_halved, T("n=4")),
]

"""Cases of comparison.py."""

from math import inf, nan
from typing import Any

from .cases import A, Case, Operations, T, program

ODD = A([-inf, -2.5, -0.5, -0.0, 0.0, 1.0, 0.5, 1.5, 2.5, inf, nan])
OTHER = A([-inf, 2.5, -0.5, 0.0, -1.0, nan, 0.0, 1.5, -2.5, 1.0, nan])
INTS, MORE = A([-3, -1, 0, 2, 5], "i32"), A([2, -1, 1, 2, -7], "i32")
BOOLS, OTHER_BOOLS = A([True, True, False, False], "bool"), A([True, False, True, False], "bool")


def _where_on_view(ops: Operations, x: Any) -> Any:
    ops.clamp_(ops.select(x, 0, 1), 0, 1)
    return x


CASES = [
    *(
        Case(name, *operands)
        for name in ["eq", "ne", "lt", "le", "gt", "ge"]
        for operands in [(ODD, OTHER), (INTS, MORE), (INTS, 2), (INTS, 0.5), (BOOLS, OTHER_BOOLS), (BOOLS, True)]
    ),
    *(Case(name, T(2, 3), T(3)) for name in ["not_equal", "less", "less_equal", "greater", "greater_equal"]),
    Case("eq", T("n=2", 3), T(3)),
    Case("eq", T(2, 3, dtype="i32"), T(3)),
    Case("lt", T(2, 3, dtype="f16"), 0.1),
    Case("gt_", T(2, 3), 0),
    *(Case(name, ODD, OTHER) for name in ["logical_and", "logical_or", "logical_xor", "isclose", "fmax", "fmin"]),
    *(
        Case(name, INTS, MORE)
        for name in ["logical_and", "logical_xor", "fmax", "fmin", "maximum", "minimum", "max", "min"]
    ),
    *(Case(name, BOOLS, OTHER_BOOLS) for name in ["logical_or", "maximum", "minimum"]),
    *(Case(name, ODD, OTHER) for name in ["maximum", "minimum", "max", "min"]),
    Case("logical_and", INTS, A([True, False, True, False, True], "bool")),
    *(
        Case(name, *operands)
        for name in ["bitwise_and", "bitwise_or", "bitwise_xor", "__and__", "__or__", "__xor__", "__iand__", "__ior__"]
        for operands in [(INTS, MORE), (BOOLS, OTHER_BOOLS), (INTS, 6), (BOOLS, True)]
    ),
    Case("__ixor__", INTS, 3),
    Case("bitwise_and", 6, INTS),
    Case("bitwise_or_", INTS, 6),
    *(
        Case(name, INTS, 2)
        for name in [
            "__lshift__",
            "__rshift__",
            "__ilshift__",
            "__irshift__",
            "bitwise_left_shift",
            "bitwise_right_shift",
        ]
    ),
    Case("bitwise_left_shift", INTS, A([1, 2, 3, 0, 1], "i32")),
    Case("bitwise_left_shift", 1, A([1, 2, 3, 0, 1], "i32")),
    Case("where", T(2, 3, dtype="bool"), T(2, 3), T(3)),
    Case("where", T(2, 1, dtype="bool"), T(2, 3), 0),
    Case("where", T(2, 1, dtype="bool"), 1.5, T(2, 3)),
    Case("where", T(2, 1, dtype="bool"), T(2, 3, dtype="i32"), 0.5),
    Case("where", T(2, 1, dtype="bool"), 1, 0),
    Case("where", T(2, 1, dtype="bool"), 1, 0.5),
    Case("where", T("n=2", 1, dtype="bool"), T("n=2", 3), T(3)),
    *(
        Case(name, ODD, *bounds)
        for name in ["clamp", "clip"]
        for bounds in [(-1, 1), (None, 0.5), (0,), (0.5, -0.5), (-inf, inf), (nan, 1)]
    ),
    *(Case("clamp", INTS, *bounds) for bounds in [(-1, 3), (0.5, None), (None, 2)]),
    Case("clamp", T(2, 3), T(3), T(2, 1)),
    Case("clamp", T(2, 3), None, T(2, 1)),
    Case("clamp", T(2, 3, dtype="i32"), T(3)),
    Case("clamp", T(2, 3, dtype="f16"), -1, 1),
    Case("clamp_", T(2, 3), -1, 1),
    Case("clamp_min", ODD, 0.5),
    Case("clamp_min", T(3), T(3)),
    Case("clamp_max", ODD, 0.5),
    Case("clamp_max_", T(3), 0),
    Case("clamp", T(3)).refused("neither"),
    program("clamp a view", _where_on_view, T(3, 4)),
    Case("isclose", A([1.0, 1.0, nan, inf]), A([1.0 + 1e-6, 1.1, nan, inf]), 1e-5, 1e-8, True),
    Case("isclose", INTS, MORE),
    Case("allclose", T(3), T(3)),
    Case("equal", INTS, INTS),
    Case("equal", T(2, 3), T(2, 3)),
    Case("equal", T(2, 3), T(3)).gives(False),
    Case("is_nonzero", T(1)),
    Case("heaviside", ODD, A(0.5)),
    Case("heaviside", INTS, MORE),
    Case("copysign", ODD, OTHER),
    Case("copysign", ODD, -1),
    Case("copysign", INTS, MORE),
    Case("atan2", T(4, 5), T(4, 5)),
    Case("atan2", A([1.0, -1.0, 0.0, 0.0, 0.0, 2.0]), A([0.0, 0.0, 0.0, 2.0, -2.0, -inf])),
    Case("arctan2", INTS, MORE),
    Case("hypot", T(3), T(3)),
    Case("logaddexp", ODD, OTHER),
    Case("logaddexp", T(3, low=-50, high=50), T(3, low=-50, high=50)),
    Case("logaddexp2", T(3), T(3)),
    *(
        Case(name, A([0.0, 1.0, 2.0, 0.0]), A([0.0, 0.5, 3.0, nan]))
        for name in ["xlogy", "special_xlogy", "special_xlog1py"]
    ),
    Case("xlogy", A([0.0, 2.0]), 3),
    Case("xlogy", 2, A([0.5, 2.0])),
    Case("xlogy", 2, A([1, 2], "i32")),
    Case("special_xlog1py", 2, A([0.5, 2.0])),
    Case("ldexp", T(4), A([1, -2, 0, 3], "i32")),
]

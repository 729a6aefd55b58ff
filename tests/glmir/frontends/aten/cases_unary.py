"""Cases of unary.py and special.py."""

from math import inf, nan

from .cases import A, Case, T

ODD = A([-inf, -2.5, -0.5, -0.0, 0.0, 1e-5, 0.5, 1.5, 2.5, inf, nan])
UNIT = {"low": -0.9, "high": 0.9}
POSITIVE = {"low": 0.1, "high": 4.0}

CASES = [
    *(
        Case(name, T(2, 3))
        for name in ["exp", "sin", "cos", "tan", "atan", "arctan", "sinh", "cosh", "tanh", "asinh", "arcsinh"]
    ),
    *(Case(name, T(2, 3)) for name in ["erf", "special_erf", "sigmoid", "special_expit", "reciprocal"]),
    *(Case(name, T(2, 3, **UNIT)) for name in ["asin", "arcsin", "acos", "arccos", "atanh", "arctanh"]),
    *(Case(name, T(2, 3, low=1, high=5)) for name in ["acosh", "arccosh"]),
    *(Case(name, T(2, 3, **POSITIVE)) for name in ["log", "sqrt", "rsqrt", "log2", "log10"]),
    *(Case(name, T(4, dtype="i32", low=1, high=6)) for name in ["exp", "log", "sqrt", "sigmoid", "reciprocal", "log2"]),
    *(Case(name, T(4, dtype="bool")) for name in ["exp", "sigmoid", "square", "sign", "logical_not", "isnan"]),
    *(Case(name, T(4, dtype="f16")) for name in ["exp", "sigmoid", "erf", "expm1", "tanh"]),
    Case("exp", T("n=2", 3)),
    Case("exp_", T(2, 3)),
    Case("sqrt", T(0, 3)),
    *(Case(name, ODD) for name in ["floor", "ceil", "trunc", "fix", "round", "neg", "negative", "abs", "absolute"]),
    *(
        Case(name, A([-2.5, -0.5, 0.0, 1.25, 7.75]))
        for name in ["frac", "sgn", "sign", "square", "positive", "deg2rad"]
    ),
    *(Case(name, T(4, dtype="i64")) for name in ["floor", "ceil", "trunc", "round", "neg", "abs", "sign", "square"]),
    Case("round", A([1.2345, -2.3456, 1005.5]), decimals=2),
    Case("round", A([1234.5, -26.0, 55.0]), decimals=-1),
    Case("special_round", A([0.5, 1.5, 2.5])),
    Case("rad2deg", T(4)),
    Case("rad2deg", T(4, dtype="i32")),
    Case("exp2", T(4)),
    Case("exp2", T(4, dtype="i32")),
    Case("special_exp2", T(4)),
    *(
        Case(name, A([-30.0, -1.5, -0.4, -1e-4, 0.0, 1e-6, 1e-3, 0.3, 0.6, 3.0]))
        for name in ["expm1", "special_expm1", "erfc", "special_erfc", "sinc", "special_sinc"]
    ),
    *(Case("log1p", A(x)) for x in [[-0.9, -0.3, -1e-4], [0.0, 1e-7], [1e-4, 1e-3], [0.4, 3.0, 1e5], [inf, -1.0, nan]]),
    *(Case("expm1", A(x)) for x in [[1e-7, -1e-6], [0.01, -0.02], [inf, -inf]]),
    Case("special_log1p", A([1e-5, 2e-5])),
    Case("logit", T(4, low=0.1, high=0.9)),
    Case("logit", A([-0.5, 0.3, 1.5]), 0.01),
    Case("special_logit", T(4, low=0.1, high=0.9), 1e-6),
    Case("logical_not", ODD),
    Case("logical_not", T(4, dtype="i32", low=-1, high=2)),
    Case("bitwise_not", T(4, dtype="i32")),
    Case("bitwise_not", T(4, dtype="bool")),
    *(Case(name, ODD) for name in ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal", "signbit"]),
    *(Case(name, T(3, dtype="i32")) for name in ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit"]),
    Case("nan_to_num", ODD),
    Case("nan_to_num", ODD, 1.5),
    Case("nan_to_num", ODD, 0.0, 9.0),
    Case("nan_to_num", ODD, 0.0, 9.0, -9.0),
    Case("nan_to_num", ODD, neginf=-5.0),
    Case("nan_to_num", T(3, dtype="i32")),
    Case("nan_to_num_", ODD, nan=0.25),
    Case("neg", T(3, dtype="bool")).refused("bools"),
]

"""Cases of statistics.py, quantiles.py and scans.py."""

from glmir.types import DType

from .cases import A, Case, T

NAN = float("nan")
INTS, N = T(3, 4, dtype="i32"), A([[1.0, NAN, -2.0, 4.0], [NAN, NAN, NAN, NAN], [3.0, 3.0, 1.0, 2.0]])
S = T("n=3", "m=4")

CASES = [
    *(
        case
        for name in ("var", "std", "var_mean", "std_mean")
        for case in (
            Case(name, S),
            Case(name, S, False),
            Case(name, S, True),
            Case(name, S, [1]),
            Case(name, S, [-1], False, True),
            Case(name, S, [0, 1], True),
            Case(name, S, None, correction=0, keepdim=True),
            Case(name, S, [1], correction=2),
            Case(name, S, [1], correction=1.5),
            Case(name, S, correction=None),
            Case(name, T(3, 1), [1]),
            Case(name, T("n=3", "m=1"), [1]),
        )
    ),
    Case("var", INTS).refused("PyTorch refuses"),
    Case("kthvalue", S, 2),
    Case("kthvalue", T(3, 4), 3, 0, True),
    *(Case(name, x) for name in ("median", "nanmedian") for x in (S, T(2, 3), INTS, N, T())),
    *(Case(name, x, -1) for name in ("median", "nanmedian") for x in (T(2, 3), T("n=5"), A([[1.0, NAN, 0.5]]))),
    *(Case(name, T("n=5", 4), 0, True) for name in ("median", "nanmedian")),
    Case("mode", A([[1.0, 2.0, 2.0, 1.0], [3.0, 1.0, 3.0, 3.0]])),
    Case("mode", A([[1, 2, 2, 1], [3, 1, 3, 3]], "i64"), 0, True),
    *(
        Case(name, x, q, d, k)
        for name in ("quantile", "nanquantile")
        for x in (S, N)
        for q in (0.3, A([0.0, 0.5, 0.9]))
        for d in (None, 0, 1)
        for k in (False, True)
    ),
    *(
        Case("quantile", T(3, 4), 0.4, 1, interpolation=way)
        for way in ("lower", "higher", "nearest", "midpoint", "linear")
    ),
    *(Case(name, x, -1) for name in ("cumsum", "cumprod") for x in (S, INTS, T(3, 4, dtype="bool"), T(), T(3, 5))),
    *(Case(name, INTS, 0, dtype=DType.F32) for name in ("cumsum", "cumprod")),
    *(Case(name, x, -1) for name in ("cummax", "cummin") for x in (S, INTS, T(3, 4, dtype="bool"), T(), T(3, 5))),
    *(Case(name, A([1.0, 3.0, 3.0, NAN, 2.0, NAN]), 0) for name in ("cummax", "cummin")),
    Case("cummax", T(3, 4, 2), 1),
    Case("logcumsumexp", S, 1),
    Case("logcumsumexp", T(3, 4), 0),
    Case("diff", S),
    Case("diff", T(3, 5), 2, 1),
    Case("diff", INTS, 1, 0),
    Case("diff", T(3, 4, dtype="bool")),
    Case("diff", T(3, 4), 1, 1, T(3, 1), T(3, 2)),
]

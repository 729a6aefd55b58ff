"""Cases of reduction.py and norms.py."""

from glmir.types import DType

from .cases import A, Case, T

INF, NAN = float("inf"), float("nan")
B, INTS, N = T(3, 4, dtype="bool"), T(3, 4, dtype="i32"), A([[1.0, NAN, -2.0], [NAN, NAN, NAN]])
S = T("n=3", "m=4")

CASES = [
    *(
        case
        for name in ("sum", "nansum", "mean", "nanmean")
        for case in (
            Case(name, S, None),
            Case(name, S, [1]),
            Case(name, S, [-1, 0], True),
            Case(name, S, [], True),
            Case(name, T(), None),
            Case(name, T(), [0], True),
            Case(name, N, [1]),
            Case(name, T(3, 4, dtype="f16"), [0], dtype=DType.F32),
        )
    ),
    *(Case(name, INTS, [0], dtype=DType.F32) for name in ("sum", "nansum", "mean")),
    Case("sum", S),
    Case("mean", S),
    *(Case(name, x, [1]) for name in ("sum", "nansum") for x in (B, INTS, T(3, 4, dtype="u8"))),
    Case("sum", T(0, 3), [0]),
    Case("mean", T(0, 3), [0]),
    Case("sum", [1, 2, 3]).gives(6),
    Case("sum", [0.5, 2.0]).gives(2.5),
    Case("any", [0, 0]).gives(False),
    Case("any", [0.0, 2.0]).gives(True),
    Case("all", [True, False]).gives(False),
    Case("any", ["", "a"]).gives(True),
    *(Case("prod", x) for x in (S, B, INTS, T())),
    *(Case("prod", x, -1, True) for x in (S, B, INTS, T())),
    Case("prod", INTS, 1, dtype=DType.F32),
    *(Case("count_nonzero", x) for x in (T("n=3", 4, dtype="i64"), B, T())),
    Case("count_nonzero", INTS, 1),
    Case("count_nonzero", INTS, [0, -1]),
    *(Case(name, x) for name in ("max", "min", "argmax", "argmin") for x in (S, INTS, T(), A([1.0, NAN, 3.0]))),
    *(Case(name, B) for name in ("max", "min", "amax", "amin")),
    *(
        Case(name, x, -1, keep)
        for name in ("max", "min", "argmax", "argmin")
        for x in (S, INTS, T(), N)
        for keep in (False, True)
    ),
    *(Case(name, B, 0) for name in ("max", "min")),
    *(Case(name, S, None, True) for name in ("argmax", "argmin")),
    *(
        Case(name, x, y)
        for name in ("maximum", "minimum", "max", "min")
        for x, y in (
            (S, T("m=4")),
            (INTS, T(4)),
            (INTS, T(3, 4, dtype="i64")),
            (B, T(3, 4, dtype="bool", seed=1)),
            (T(3, 4, dtype="f16"), T()),
            (N, A([NAN, 1.0, 2.0])),
        )
    ),
    *(Case(name, x, y) for name in ("fmax", "fmin") for x, y in ((S, T("m=4")), (INTS, INTS), (N, A([NAN, 1.0, 2.0])))),
    *(Case(name, x, [0, -1]) for name in ("amax", "amin") for x in (S, INTS)),
    *(Case(name, S) for name in ("amax", "amin")),
    *(Case(name, S, [1], True) for name in ("amax", "amin")),
    Case("aminmax", S),
    Case("aminmax", S, dim=1, keepdim=True),
    Case("_aminmax", S),
    Case("_aminmax", S, 0),
    *(Case(name, x) for name in ("any", "all") for x in (S, B, INTS, T(), T(3, 4, dtype="u8"))),
    *(Case(name, B, 1, True) for name in ("any", "all")),
    *(Case(name, B, [0, 1]) for name in ("any", "all")),
    *(Case(name, T("n=3", 4, dtype="bool"), -2) for name in ("any", "all")),
    Case("trace", S),
    Case("trace", T(4, 3, dtype="i32")),
    Case("sum_to_size", T(2, 3, 4), [3, 1]),
    Case("bincount", A([1, 4, 1, 0], "i64")),
    Case("bincount", A([1, 4, 1, 0], "i64"), None, 7),
    Case("bincount", A([1, 4, 1, 0], "i64"), T(4)),
    Case("histc", T(30), 5),
    Case("histc", T(30), 7, -2, 2),
    Case("histc", A([2.0, 2.0]), 4),
    # Norms
    *(Case("norm", S, p) for p in (0, 1, 2, 3, 0.5, INF, -INF)),
    *(Case("norm", S, p, [1], True) for p in (None, 1, INF)),
    Case("norm", S),
    Case("norm", T(3, 4, dtype="f16"), 2, [0], False, dtype=DType.F32),
    Case("norm", T(3, 4, dtype="f16"), 1, dtype=DType.F32),
    *(Case("linalg_vector_norm", S, p, d) for p in (0, 1, 2, 2.5, -INF) for d in (None, [0], [0, 1])),
    Case("linalg_vector_norm", T(3, dtype="f16"), dtype=DType.F32),
    Case("linalg_norm", S),
    Case("linalg_norm", T("n=3", 4, 2), None, [0, 2], True),
    *(Case("linalg_norm", S, o) for o in (1, -1, INF, -INF, "fro")),
    *(Case("linalg_norm", S, o, [1]) for o in (1, 2, INF)),
    Case("linalg_norm", T(4), 1),
    Case("linalg_norm", S, 2).refused("singular values"),
    Case("linalg_norm", S, "nuc").refused("singular values"),
    *(Case("linalg_matrix_norm", T(2, 3, 4), o, [2, 0], k) for o in (1, INF, -INF) for k in (False, True)),
    Case("linalg_matrix_norm", T(2, 3, 4)),
    Case("frobenius_norm", S, [1]),
    Case("nuclear_norm", S).refused("singular values"),
    *(Case(name, S, [1], True) for name in ("logsumexp", "special_logsumexp")),
    Case("logsumexp", A([[INF, 1.0], [-INF, -INF], [500.0, 500.0]]), [1]),
    Case("logsumexp", INTS, [0, 1]),
    *(Case("dist", T(3, 4), T(4), p) for p in (0, 1, 2, INF)),
    *(Case("pairwise_distance", S, T("n=3", "m=4"), p) for p in (1.0, 2.0, 3.0)),
    Case("pairwise_distance", S, T("m=4"), 2.0, 0.1, True),
    Case("cosine_similarity", S, T("n=3", "m=4")),
    Case("cosine_similarity", T(2, 3, 4), T(3, 4), -1, 0.5),
    Case("cosine_similarity", T(2, 3, 4), T(3, 4), 0),
    *(Case("cdist", T(2, 3, 4), T(2, 5, 4), p) for p in (1.0, 2.0, INF)),
    Case("cdist", T("n=3", 4), T(5, 4), 2.0, 1),
    Case("_cdist_forward", T(3, 4), T(5, 4), 2.0, 2),
    Case("pdist", T(4, 3)),
    Case("norm_except_dim", T(2, 3, 4), 2, 1),
    Case("norm_except_dim", T(2, 3, 4), 2, -1),
    Case("_weight_norm", T(2, 3, 4), T(2, 1, 1)),
    Case("_weight_norm_interface", T(2, 3, 4), T(2, 1, 1)),
    Case("renorm", T(2, 3, 4), 2, 1, 2.5),
]

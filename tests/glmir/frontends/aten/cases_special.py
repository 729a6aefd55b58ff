"""Cases of special.py: approximations to single precision."""

from math import inf, nan

from .cases import A, Case

WIDE = [-12.0, -5.0, -3.7, -1.3, -0.2, 0.0, 0.01, 0.6, 1.0, 2.5, 3.75, 8.0]

CASES = [
    *(
        Case(name, A([x])).within("approximate")
        for name in ["erfinv", "special_erfinv"]
        for x in [-1.0, -0.9999, -0.7, 0.0, 1e-4, 0.3, 0.99, 1.0, 1.5]
    ),
    *(Case("special_ndtr", A([x])).within("approximate") for x in WIDE),
    *(Case("special_log_ndtr", A([x])).within("approximate") for x in WIDE),
    *(Case("special_ndtri", A([x])).within("approximate") for x in [0.001, 0.3, 0.5, 0.9, 0.999, 0.0, 1.0]),
    *(Case("special_erfcx", A([x])).within("approximate") for x in WIDE[1:]),
    *(Case("special_entr", A([x])) for x in [-1.0, 0.0, 0.5, 2.0, inf, nan]),
    *(
        Case(name, A([x])).within("approximate")
        for name in ["lgamma", "special_gammaln", "digamma", "special_psi"]
        for x in [-2.5, -0.3, 0.1, 0.5, 1.0, 1.5, 2.0, 3.3, 10.0, 100.0]
    ),
    Case("digamma", A([0.0])),
    Case("lgamma", A([0.0])),
    Case("lgamma_", A([2.0, 7.0])).within("approximate"),
    Case("mvlgamma", A([2.0, 7.0]), 2).within("approximate"),
    *(
        Case(name, A([x])).within("approximate")
        for name in ["i0", "special_i0", "special_i0e", "special_i1", "special_i1e"]
        for x in WIDE
    ),
    Case("erfinv", A([0], "i32")),
]

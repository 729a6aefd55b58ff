"""Cases of linear_systems.py."""

from .cases import A, Case, T

# The first column's largest element stands in the last row, the second step meets a zero.
EXCHANGED = A([[0.0, 1.0, 2.0], [1.0, 2.0, -1.0], [4.0, 8.0, 3.0]])
SINGULAR = A([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, 1.0, 7.0]])

CASES = [
    Case("linalg_inv", T(3, 3)),
    Case("linalg_inv", T("b=2", 4, 4)),
    Case("linalg_inv", T(3, 3, dtype="f64")),
    Case("linalg_inv", A([[4.0]])),
    Case("inverse", EXCHANGED),
    Case("inverse", T(2, 2, 3, 3, constant=True)),
    Case("linalg_inv_ex", T(2, 3, 3)),
    Case("linalg_inv", T(2, 3, 4)).refused("not square"),
    Case("linalg_inv", T(17, 17)).refused("of 1 to 16 rows"),
    Case("linalg_inv", T("n=3", "n=3")).refused("of 1 to 16 rows"),
    Case("linalg_det", T(2, 3, 3)),
    Case("det", EXCHANGED),
    Case("det", SINGULAR),
    Case("det", T(5, 5)),
    Case("logdet", A([[3.0, 1.0], [1.0, 2.0]])),
    Case("linalg_slogdet", EXCHANGED),
    Case("slogdet", T(3, 4, 4)),
    Case("linalg_solve", T(2, 3, 3), T(2, 3, 2)),
    Case("linalg_solve", T(2, 3, 3), T(3, 2)),
    Case("linalg_solve", T(2, 3, 3), T(2, 3)),
    Case("linalg_solve", T(3, 3), T(3)),
    Case("linalg_solve", T(3, 3), T(5, 3, 2)),
    Case("linalg_solve", T(3, 3), T(2, 3), left=False),
    Case("linalg_solve_ex", T(3, 3), T(3, 2)),
]

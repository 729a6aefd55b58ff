"""Cases of linear.py."""

from typing import Any

from .cases import Case, Operations, T, program

W = T(4, 3, constant=True)


def _linear_by_addmm(ops: Operations, x: Any, weight: Any, bias: Any) -> Any:
    return ops.addmm(bias, x, ops.t(weight)), ops.addmm(bias, x, ops.t(weight), beta=2, alpha=0.5)


CASES = [
    Case("linear", T(2, 3), W),
    Case("linear", T("n=2", "l=5", 3), W, T(4)),
    Case("linear", T(3), W, T(4)),
    Case("linear", T(2, 3), T(3)),
    Case("matmul", T(3), T(3)),
    Case("matmul", T(2, 3), T(3)),
    Case("matmul", T(3), T(3, 4)),
    Case("matmul", T(2, 3), T(3, 4)),
    Case("matmul", T(5, 2, 3), T(3, 4)),
    Case("matmul", T(2, 3), T(5, 3, 4)),
    Case("matmul", T(5, 2, 3), T(3)),
    Case("matmul", T(3), T(5, 3, 4)),
    Case("matmul", T(5, 1, 2, 3), T(2, 3, 4)),
    Case("matmul", T("b=2", "n=4", 3), T("b=2", 3, "n=4")),
    Case("matmul", T(2, 3, dtype="i64"), T(3, 4, dtype="i64")),
    Case("mm", T(2, 3), T(3, 4)),
    Case("bmm", T(2, 3, 4), T(2, 4, 5)),
    Case("mv", T(2, 3), T(3)),
    Case("dot", T(3), T(3)),
    Case("vdot", T(3), T(3)),
    Case("inner", T(2, 3), T(4, 5, 3)),
    Case("inner", T(3), T(3)),
    Case("inner", T(2, 3), T()),
    Case("outer", T(3), T(2)),
    Case("outer", T(3), T(2, dtype="i64")),
    Case("ger", T(3), T(2)),
    Case("addmm", T(4), T(2, 3), T(3, 4)),
    Case("addmm", T(2, 4), T(2, 3), T(3, 4), beta=0.5, alpha=2),
    Case("addmm", T(2, 4, low=float("nan")), T(2, 3), T(3, 4), beta=0),
    program("a linear layer", _linear_by_addmm, T(2, 3), W, T(4)),
    Case("_addmm_activation", T(4), T(2, 3), T(3, 4)),
    Case("baddbmm", T(2, 3, 5), T(2, 3, 4), T(2, 4, 5), beta=0.5, alpha=2),
    Case("baddbmm", T(1, 1, 5), T(2, 3, 4), T(2, 4, 5)),
    Case("addbmm", T(3, 5), T(2, 3, 4), T(2, 4, 5), beta=0.5, alpha=2),
    Case("addmv", T(2), T(2, 3), T(3), beta=0.5, alpha=2),
    Case("addr", T(3, 2), T(3), T(2), beta=0.5, alpha=2),
    Case("chain_matmul", [T(2, 3), T(3, 4), T(4, 2)]),
    Case("linalg_multi_dot", [T(3), T(3, 4), T(4, 2), T(2)]),
    Case("linalg_matmul", T(2, 3), T(3, 4)),
    Case("matrix_power", T(3, 3), 5),
    Case("matrix_power", T(2, 3, 3), 2),
    Case("linalg_matrix_power", T(2, 3, 3), 0),
    Case("matrix_power", T(3, 3), 1),
    Case("matrix_power", T(3, 3), -1).refused("inverse"),
    Case("bilinear", T(2, 3), T(2, 4), T(5, 3, 4), T(5)),
    Case("bilinear", T(2, 2, 3), T(2, 2, 4), T(5, 3, 4)),
    Case("_trilinear", T(2, 3), T(5, 3, 4), T(2, 4), [1, 3], [0], [1, 2], [2, 3]),
    Case("linalg_vecdot", T(2, 3), T(2, 3), dim=0),
    Case("linalg_cross", T(2, 3), T(2, 3)),
    Case("linalg_cross", T(2, 3), T(1, 3)),
    Case("cross", T(3, 2), T(3, 2)),
    Case("cross", T(2, 3), T(2, 3), 1),
]

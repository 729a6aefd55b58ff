"""Cases of attributes.py."""

from typing import Any

from glmir.types import DType

from .cases import A, Case, Operations, T, program


def _aliases(ops: Operations, x: Any) -> Any:
    x = ops.mul(x, 2)
    y = ops.to(x, DType.F32)
    ops.add_(y, 1)
    z = ops.clone(x)
    ops.add_(z, 1)
    w = ops.to(x, DType.F32, False, True)
    ops.add_(w, 1)
    return x, y, z, w


def _shapes(ops: Operations, x: Any) -> Any:
    return ops.size(x), ops.size(x, -1), ops.numel(x), ops.dim(x), ops.stride(x), ops.len(x)


CASES = [
    *(
        Case("to", A([-1.5, 0.0, 2.7, 100.0]), dtype)
        for dtype in [DType.I32, DType.I64, DType.F16, DType.BOOL, DType.F64]
    ),
    Case("to", T(3, dtype="i32"), DType.F32),
    Case("to", T(3, dtype="bool"), DType.I64),
    Case("to", T(3), 4),
    Case("to", T(3), T(2, dtype="f16")),
    Case("to", T(3), "cpu", DType.F64),
    Case("to", T(3), dtype=DType.F64),
    Case("to", T(3), device="cpu"),
    Case("_to_copy", T(3), dtype=DType.I32),
    Case("_to_copy", T(3)),
    Case("type_as", T(3), T(2, dtype="i64")),
    Case("clone", T(3)),
    Case("_cast_Int", T(3)),
    program("aliases", _aliases, T(3)),
    program("shapes", _shapes, T("n=2", 3, 4)),
    program("shapes", _shapes, T(2, 3, 4)),
    Case("is_floating_point", T(2)).gives(True),
    Case("is_floating_point", T(2, dtype="i32")).gives(False),
    Case("is_complex", T(2)).gives(False),
    Case("is_signed", T(2, dtype="u8")).gives(False),
    Case("is_contiguous", T(2)).gives(True),
    Case("prim::dtype", T(2)),
    Case("prim::dtype", T(2, dtype="bf16")),
    Case("prim::device", T(2)).gives("cpu"),
    Case("prim::layout", T(2)).gives(0),
    Case("prim::is_cuda", T(2)).gives(False),
    Case("prim::requires_grad", T(2)).gives(False),
    Case("prim::data", T(2)),
    Case("prim::itemsize", T(2, dtype="f16")).gives(2),
    Case("result_type", T(2), T(2, dtype="i32")).gives(6),
    Case("result_type", T(2, dtype="i32"), 2.5).gives(6),
    Case("promote_types", DType.I32, DType.F16).gives(5),
    Case("can_cast", DType.I32, DType.F16).gives(True),
    Case("can_cast", DType.F32, DType.I64).gives(False),
    Case("warn", "a warning").gives(None),
    Case("is_grad_enabled").gives(False),
]

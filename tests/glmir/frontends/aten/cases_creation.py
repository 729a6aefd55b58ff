"""Cases of creation.py and signal_windows.py."""

from math import inf
from typing import Any

from glmir.types import DType

from .cases import A, Case, Operations, T, program


def _of_size(ops: Operations, x: Any) -> Any:
    n = ops.size(x, 0)
    return (
        ops.zeros([n, 2]),
        ops.full([2, n], 1.5),
        ops.arange(n),
        ops.arange(1, n, 2),
        ops.arange(n, dtype=DType.F32),
        ops.arange(0.5, n),
        ops.eye(n),
        ops.eye(n, 3, dtype=DType.I64),
        ops.linspace(0, 1, n),
        ops.linspace(0, n, 5),
        ops.full([2], n),
        ops.new_ones(x, [n]),
        ops.scalar_tensor(n),
        ops["prim::NumToTensor"](n),
    )


def _of_data(ops: Operations, x: Any) -> Any:
    n = ops.item(x)
    return ops.arange(n), ops.zeros([n, 2]), ops.full([2], n), ops.scalar_tensor(n), ops.add(ops.arange(n), 1)


def _write_on_zeros(ops: Operations, x: Any) -> Any:
    zeros = ops.zeros_like(x)
    ops.add_(ops.select(zeros, 0, 1), 2)
    return zeros


CASES = [
    *(Case(name, [2, 3]) for name in ["zeros", "ones"]),
    *(Case(name, [2, 3], dtype=DType.I64) for name in ["zeros", "ones"]),
    Case("zeros", []),
    Case("zeros", [0, 2]),
    Case("ones", [2], dtype=DType.BOOL),
    *(Case("full", [2, 3], value) for value in [1.5, 2, True, -inf]),
    Case("full", [2], 1, dtype=DType.F16),
    Case("full", [2], 1.7, dtype=DType.I32),
    *(Case(name, T(2, 3, dtype="f16")) for name in ["zeros_like", "ones_like"]),
    *(Case(name, T("n=2", 3), dtype=DType.I32) for name in ["zeros_like", "ones_like"]),
    Case("full_like", T(2, 3), 2.5),
    Case("full_like", T("n=2", 3, dtype="i32"), 2),
    Case("new_zeros", T(2, dtype="i32"), [3]),
    Case("new_ones", T(2), [3], dtype=DType.BOOL),
    Case("new_full", T(2), [3, 1], 4),
    *(
        Case("arange", *bounds)
        for bounds in [(5,), (5.0,), (1, 4), (0, 10, 3), (10, 0, -3), (0, 1, 0.25), (1.5, 4), (0,)]
    ),
    Case("arange", 5, dtype=DType.F32),
    Case("arange", 0, 5, 2, dtype=DType.F16),
    Case("arange", 2.5, dtype=DType.I64),
    Case("range", 1, 4),
    Case("range", 0, 1, 0.25),
    *(Case("linspace", *bounds) for bounds in [(0, 1, 5), (-1.5, 2, 4), (3, 1, 3), (0, 1, 1), (2, 3, 0)]),
    Case("linspace", 0, 10, 4, dtype=DType.F16),
    Case("linspace", 0, 10, 4, dtype=DType.I64),
    Case("linspace", T(), T(), 4),
    Case("linspace", T(), 2, 4),
    Case("logspace", 0, 2, 3),
    Case("logspace", 0, 4, 5, 2.0),
    Case("eye", 3),
    Case("eye", 2, 3, dtype=DType.I64),
    Case("scalar_tensor", 3),
    Case("scalar_tensor", 3, dtype=DType.I64),
    Case("scalar_tensor", 2.5),
    Case("tril_indices", 3, 3),
    Case("tril_indices", 3, 4, 1),
    Case("triu_indices", 3, 3, -1),
    Case("tril_indices", 2, 2, dtype=DType.I32),
    *(
        Case(name, *length)
        for name in ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]
        for length in [(8,), (7,), (8, False), (1,)]
    ),
    Case("hamming_window", 8, True, 0.6),
    Case("hamming_window", 8, False, 0.6, 0.4),
    Case("kaiser_window", 8, False, 5.0),
    Case("hann_window", 8, dtype=DType.F64),
    Case("fft_fftfreq", 5),
    Case("fft_fftfreq", 6, 0.5),
    Case("fft_rfftfreq", 5),
    program("sizes", _of_size, T("n=4", 3)),
    program("sizes", _of_size, T(4, 3)),
    program("sizes from data", _of_data, A(3, "i64")),
    program("zeros are written", _write_on_zeros, T(2, 3)),
    program("nested lists", lambda ops, x: ops.add(ops._list_to_tensor([1, 2]), x), T(2)),
    *(Case(name, [2]).refused("random") for name in ["rand", "randn"]),
    Case("rand_like", T(2)).refused("random"),
    Case("uniform_", T(2), 0.0, 1.0).refused("random"),
    Case("randint", high=3, size=[2]).refused("random"),
]

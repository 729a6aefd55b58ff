"""Records what PyTorch computes for the cases of the families named (or of all): run where torch is installed.

PYTHONPATH=. <python with torch> tests/glmir/frontends/aten/record.py [family …]
"""

import contextlib
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import ml_dtypes
import numpy as np
import torch
import torch.ao.quantization.fx._decomposed

from glmir.types import DType
from tests.glmir.frontends.aten.cases import A, Array, Case, T, cases_of, families, leaves, save, tensors_replaced

with contextlib.suppress(ImportError):
    import torchvision  # noqa: F401  it registers its operations

_DTYPES = {
    DType.BOOL: torch.bool, DType.U8: torch.uint8, DType.I8: torch.int8, DType.I16: torch.int16,
    DType.I32: torch.int32, DType.I64: torch.int64, DType.F16: torch.float16, DType.BF16: torch.bfloat16,
    DType.F32: torch.float32, DType.F64: torch.float64,
}  # fmt: skip


class TorchOperations:
    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self[name]

    def __getitem__(self, name: str) -> Callable[..., Any]:
        namespace, _, operation = name.rpartition("::")
        operation, _, overload = operation.partition(".")
        if operation in ("tensor", "as_tensor"):
            # Lists of any kind reach these only so.
            function: Callable[..., Any] = getattr(torch, operation)
        else:
            function = getattr(getattr(torch.ops, namespace or "aten"), operation)
        if overload:
            function = getattr(function, overload)
        return lambda *args, **kwargs: function(
            *map(_dtypes_replaced, args), **{k: _dtypes_replaced(v) for k, v in kwargs.items()}
        )


def _dtypes_replaced(argument: Any) -> Any:
    return _DTYPES[argument] if isinstance(argument, DType) else argument


def _tensor(tensor: T | A, place: int) -> torch.Tensor:
    array = np.ascontiguousarray(tensor.array(place)).reshape(tensor.array(place).shape)
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def _array(leaf: Any) -> Array:
    if not isinstance(leaf, torch.Tensor):
        return np.array(leaf, np.bool_ if isinstance(leaf, bool) else np.int64 if isinstance(leaf, int) else np.float64)
    leaf = leaf.detach().contiguous()
    if leaf.dtype is torch.bfloat16:
        return leaf.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return np.asarray(leaf.numpy())


def record(case: Case) -> list[Array]:
    places = count()
    args = tensors_replaced(case.args, _tensor, places)
    kwargs = tensors_replaced(case.kwargs, _tensor, places)
    # Cloned at once: what the program changes later must not change what was recorded.
    return [_array(leaf).copy() for leaf in leaves(case.run(TorchOperations(), args, kwargs))]


def main(names: list[str]) -> int:
    failures = 0
    for family in names or families():
        results: dict[str, list[Array]] = {}
        for case in cases_of(family):
            if case.is_recorded:
                try:
                    results[case.id] = record(case)
                except Exception as error:
                    failures += 1
                    print(f"{family}: {case.id}: {str(error)[:300]}")
        path = save(family, results)
        print(f"{path.name}: {len(results)} cases, {path.stat().st_size / 1000:.1f} kB")
    return int(failures > 0)


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main(sys.argv[1:]))

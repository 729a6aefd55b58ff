"""The ATen table against what PyTorch recorded (cases.py says how to add cases)."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from glmir.frontends.aten.ops import TABLE
from glmir.frontends.aten.promotion import dtype_of_number
from glmir.frontends.aten.scope import Scope
from glmir.frontends.aten.tensors import Tensor, Unsupported
from glmir.interpreter import run
from glmir.ir import Function, Module, Value
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import Weight
from tests.tolerances import assert_close

from .cases import RECORDED, A, Array, Case, T, cases_of, families, leaves, recording, tensors_replaced

_LARGEST_RECORDING = 100_000

_TOLERANCES = {DType.F64: "f64", DType.F32: "f32", DType.F16: "f16", DType.BF16: "bf16"}

CASES = [pytest.param(family, case, id=f"{family}: {case.id}") for family in families() for case in cases_of(family)]


class TableOperations:
    """The table's operations, on a function that is being built."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self[name]

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: TABLE.call(self._scope, name.split(".")[0], args, kwargs)


class Building:
    """The function that a case becomes, and the arrays of its inputs."""

    def __init__(self, case: Case) -> None:
        self.function = Function("main")
        self.scope = Scope(self.function)
        self.arrays: dict[str, Array] = {}
        places = count()
        args = tensors_replaced(case.args, self._tensor, places)
        kwargs = tensors_replaced(case.kwargs, self._tensor, places)
        self.result = case.run(TableOperations(self.scope), args, kwargs)

    def _tensor(self, tensor: T | A, place: int) -> Tensor:
        array = tensor.array(place)
        if tensor.constant:
            return self.scope.tensor(self.scope.weight(Weight(array)))
        value = Value(TensorType(DType(tensor.dtype), tensor.dims), f"x{place}")
        self.function.inputs.append(value)
        self.arrays[value.name] = array
        return self.scope.tensor(value)

    def outputs(self) -> list[Array]:
        values = [self._value(leaf) for leaf in leaves(self.result)]
        self.scope.insert_all(values)
        self.function.set_outputs(values, [f"y{i}" for i in range(len(values))])
        module = Module([self.function, *self.scope.callees.values()])
        verify(module)
        return list(run(module, self.arrays).values())

    def _value(self, leaf: Any) -> Value:
        if isinstance(leaf, Tensor):
            return leaf.value
        dtype = dtype_of_number(leaf)
        return self.scope.scalar(leaf, DType.F64 if dtype is DType.F32 else dtype)


@pytest.mark.parametrize("family, case", CASES)
def test_case(family: str, case: Case) -> None:
    if case.refusal is not None:
        with pytest.raises(Unsupported, match=case.refusal):
            Building(case).outputs()
        return
    building = Building(case)
    if case.known:
        assert repr(building.result) == repr(case.known[0])
        return
    expected = recording(family).get(case.id)
    assert expected is not None, "the case has no recording: run record.py (cases.py)"
    actual = building.outputs()
    assert len(actual) == len(expected)
    for place, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        tolerance = case.tolerance or _TOLERANCES.get(DType.of(theirs.dtype), "exact")
        assert_close(ours, theirs, tolerance, f"result {place}")


@pytest.mark.parametrize("family", families())
def test_recordings_are_small_and_hold_nothing_else(family: str) -> None:
    ids = [case.id for case in cases_of(family) if case.is_recorded]
    assert sorted(ids) == sorted(set(recording(family)) & set(ids)), "cases are told apart by their ids"
    assert set(recording(family)) == set(ids)
    assert not ids or (RECORDED / f"{family}.npz").stat().st_size < _LARGEST_RECORDING

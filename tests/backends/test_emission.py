"""Emitter tables: conditions, legality, and what is said of what is not legal; each target's table."""

import pytest

from glmir.backends.emission import EmitterTable
from glmir.backends.target import TARGETS, load_target
from glmir.ir import Op, Value
from glmir.ops import math, nn, tensor
from glmir.types import DType, TensorType
from tests.random_graphs import random_module


def is_f32(op: Op) -> bool:
    """operands of f32"""
    return op.operands[0].type.dtype is DType.F32


def is_scalar(op: Op) -> bool:
    """scalars"""
    return op.operands[0].type.rank == 0


def is_vector(op: Op) -> bool:
    """vectors"""
    return op.operands[0].type.rank == 1


def relu(dtype: DType, *shape: int) -> nn.Relu:
    return nn.Relu(Value(TensorType(dtype, shape)))


def table() -> EmitterTable[list[str]]:
    emitters: EmitterTable[list[str]] = EmitterTable()

    @emitters.emits(nn.Relu, when=(is_f32, is_scalar))
    def of_scalar(op: nn.Relu, file: list[str]) -> None:
        file.append("scalar")

    @emitters.emits(nn.Relu, math.Unary, when=(is_f32, is_vector))
    def of_vector(op: Op, file: list[str]) -> None:
        file.append("vector")

    return emitters


def test_the_first_emitter_whose_conditions_hold_writes_the_op() -> None:
    file: list[str] = []
    for op in (relu(DType.F32), relu(DType.F32, 3), math.Exp(Value(TensorType(DType.F32, (2,))))):
        emitter = table().find(op)
        assert emitter is not None
        emitter.emit(op, file)
    assert file == ["scalar", "vector", "vector"]


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        (relu(DType.I8, 3), "the target needs operands of f32"),
        (relu(DType.F32, 3, 3), "the target needs scalars or vectors"),
        (relu(DType.I8, 3, 3), "the target needs operands of f32 and scalars, or operands of f32 and vectors"),
        (
            tensor.Shape(Value(TensorType(DType.F32, ()))),
            "the target has no such op, and nothing rewrites it into what it has",
        ),
    ],
)
def test_a_refusal_names_all_that_the_closest_emitters_need(op: Op, reason: str) -> None:
    assert not table().is_legal(op)
    assert table().why_illegal(op) == reason


def test_conditions_are_phrases() -> None:
    def says_nothing(op: Op) -> bool:
        return True

    def stops(op: Op) -> bool:
        """a full stop."""
        return True

    with pytest.raises(TypeError, match="condition says_nothing needs a docstring"):
        table().emits(nn.Relu, when=(says_nothing,))
    with pytest.raises(TypeError, match="the docstring of condition stops is a phrase, without a full stop"):
        table().emits(nn.Relu, when=(stops,))


@pytest.mark.parametrize("name", TARGETS)
def test_conditions_can_be_asked_of_any_op_of_their_class(name: str) -> None:
    target = load_target(name)
    asked: set[type[Op]] = set()
    for seed in range(300):
        module, _ = random_module(seed, 8)
        for op in module.main.ops:
            for emitter in target.table.for_class(type(op)):
                emitter.broken_conditions(op)
                asked.add(type(op))
    assert len(asked) > 80

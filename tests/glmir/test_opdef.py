"""Declarations of ops: fields, names, constraints, typed attributes, and what a declaration must not be."""

from typing import ClassVar

import numpy as np
import pytest

from glmir.dims import Dim
from glmir.ir import Array, Op, Value
from glmir.opdef import ConstraintError, OperandField, constraint, op, op_family
from glmir.ops import math, nn, tensor
from glmir.ops.enums import Activation
from glmir.types import DType, TensorType
from glmir.weights import Weight

F32 = TensorType(DType.F32, (2, 3))


@op_family
class Base(Op):
    """A family."""

    note: ClassVar[str] = "no field"
    x: Value

    @constraint
    def is_float(self) -> bool:
        """x is a float tensor"""
        return self.x.type.dtype.is_float

    @constraint
    def has_rank_two(self) -> bool:
        """x has rank 2."""
        return self.x.type.rank == 2

    def infer(self) -> TensorType:
        return self.x.type

    def evaluate(self, x: Array) -> Array:
        return x


@op
class HTTPThing2D(Base):
    """Something

    ```
    %y = test.thing(%x) : f32[2]
    ```
    """

    others: tuple[Value, ...]
    extra: Value | None
    axis: int
    sizes: tuple[Dim, ...] = ()
    scale: float = 1.0

    @constraint
    def axis_exists(self) -> bool:
        """the axis is within the rank"""
        return 0 <= self.axis < self.x.type.rank

    @constraint
    def is_float(self) -> bool:
        """x is f32"""
        return self.x.type.dtype is DType.F32


def thing(x: Value | None = None, **changes: object) -> HTTPThing2D:
    fields: dict[str, object] = {"x": x or Value(F32, "x"), "others": (), "extra": None, "axis": 0} | changes
    return HTTPThing2D(**fields)  # type: ignore[arg-type]


def test_what_a_definition_knows() -> None:
    definition = HTTPThing2D.definition
    assert definition.name.endswith("http_thing2_d") and definition.cls is HTTPThing2D
    assert definition.operand_fields == (
        OperandField("x", "single"), OperandField("others", "variadic"), OperandField("extra", "optional"),
    )  # fmt: skip
    assert list(definition.attribute_types) == ["axis", "sizes", "scale"]
    assert definition.required_attributes == ("axis",)
    assert definition.summary == "Something"
    assert definition.examples == ("%y = test.thing(%x) : f32[2]\n",)


def test_names_come_from_folder_and_class() -> None:
    assert nn.LogSoftmax.definition.name == "nn.log_softmax"
    assert tensor.GatherNd.definition.name == "tensor.gather_nd"
    assert nn.PRelu.definition.name == "nn.p_relu"


def test_operands_are_those_present_in_order() -> None:
    a, b, c = (Value(F32, name) for name in "abc")
    assert thing(a, others=(b, a), extra=c).operands == (a, b, a, c)
    assert thing(a).operands == (a,)


def test_constraints_are_numbered_bases_first_and_overridden_in_place() -> None:
    numbered = [(c.number, c.name, c.text) for c in HTTPThing2D.definition.constraints]
    assert numbered == [
        (1, "is_float", "x is f32"),
        (2, "has_rank_two", "x has rank 2"),
        (3, "axis_exists", "the axis is within the rank"),
    ]


def test_the_first_broken_constraint_is_raised() -> None:
    with pytest.raises(ConstraintError) as error:
        thing(Value(TensorType(DType.F16, (2,)), "x"), axis=7)
    assert (error.value.constraint, error.value.message) == (
        "C1", "requires that x is f32, but got (f16[2]) {axis = 7, sizes = [], scale = 1.0}",
    )  # fmt: skip
    with pytest.raises(ConstraintError, match=r"the axis is within the rank, but got \(.*\) {axis = 7, .*} \(C3\)"):
        thing(axis=7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axis": "1"}, "takes int for axis, not '1'"),
        ({"axis": True}, "takes int for axis, not True"),
        ({"axis": 1.0}, "takes int for axis, not 1.0"),
        ({"axis": None}, "takes int for axis, not None"),
        ({"sizes": [1]}, r"takes a tuple of SymInt or int for sizes, not \[1\]"),
        ({"sizes": (1, "2")}, "takes a tuple of SymInt or int for sizes"),
        ({"extra": F32}, "takes Value or none for extra"),
        ({"others": (F32,)}, "takes a tuple of Value for others"),
        ({"others": Value(F32, "y")}, "takes a tuple of Value for others"),
    ],
)
def test_fields_of_the_wrong_type(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        thing(**changes)


def test_wrong_types_in_real_ops() -> None:
    x = Value(F32, "x")
    with pytest.raises(ConstraintError, match=r"nn.relu takes Value for x, not 3$"):
        nn.Relu(3)  # type: ignore[arg-type]
    with pytest.raises(ConstraintError, match=r"math.add takes Activation for activation, not 'relu'"):
        math.Add(x, x, "relu")  # type: ignore[arg-type]
    with pytest.raises(ConstraintError, match=r"tensor.constant takes Weight for value"):
        tensor.Constant(np.zeros(2))  # type: ignore[arg-type]


def test_numbers_become_pythons_own() -> None:
    made = thing(axis=np.int64(1), sizes=(np.int32(2), 3), scale=2)
    assert [type(v) for v in (made.axis, *made.sizes, made.scale)] == [int, int, int, float]
    assert made.sizes == (2, 3)


def test_declarations_that_are_refused() -> None:
    with pytest.raises(TypeError, match="op Bare needs a docstring"):

        @op
        class Bare(Base):
            pass

    with pytest.raises(TypeError, match="constraint check needs a docstring of one line"):

        @constraint
        def check(self: Op) -> bool:
            return True

    with pytest.raises(TypeError, match="constraint check needs a docstring of one line"):

        @constraint
        def check(self: Op) -> bool:
            """Two
            lines."""
            return True

    with pytest.raises(TypeError, match=r"Careless.is_float overrides a constraint: mark it @constraint too"):

        @op
        class Careless(Base):
            """Careless"""

            def is_float(self) -> bool:
                return True

    with pytest.raises(TypeError, match="'int' cannot be the type of an operand or attribute"):

        @op
        class Postponed(Base):
            """Postponed"""

            axis: "int"

    with pytest.raises(TypeError, match="any number of elements of one type"):

        @op
        class Pair(Base):
            """Pair"""

            pair: tuple[int, int]

    with pytest.raises(TypeError, match="do not nest"):

        @op
        class Nested(Base):
            """Nested"""

            rows: tuple[tuple[int, ...], ...]


def test_results_of_real_ops_know_their_owner() -> None:
    split = tensor.Split(Value(F32, "x"), 1, (1, 2))
    assert [(r.owner, r.index, r.type.shape) for r in split.results] == [(split, 0, (2, 1)), (split, 1, (2, 2))]
    with pytest.raises(ValueError):
        _ = split.result
    assert tensor.Constant(Weight(np.zeros(2, np.int8))).result.type == TensorType(DType.I8, (2,))
    assert math.Add(Value(F32, "x"), Value(F32, "y")).activation is Activation.NONE

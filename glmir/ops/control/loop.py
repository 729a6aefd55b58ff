"""Loops."""

from collections.abc import Callable, Sequence

from ...attributes import FunctionRef
from ...dims import Dim, symbol
from ...ir import Array, Call, Op, Value
from ...opdef import constraint, op
from ...types import DType, TensorType

Caller = Callable[[str, tuple[Array, ...]], tuple[Array, ...]]
"""Runs a function of the module, by its name, on arrays."""


@op
class While(Op):
    """What the values have become when ``condition`` no longer holds: while condition(values): values = body(values)

    Both are functions of the module over the values: ``condition`` gives a bool[], ``body`` as many values of the same
    types.

    The values at the places ``resized`` change their sizes from round to round: ``shapes`` has the shapes by which the
    functions know them, one after the other, with symbols of their own, and ``ends`` those that they have in the end.

    ```
    func @is_small(%i: i64[], %x: f32[n]) -> (%small: bool[]) {
      %limit = tensor.constant() {value = dense<3>} : i64[]
      %small = math.less(%i, %limit) : bool[]
      return %small
    }
    func @double(%i: i64[], %x: f32[n]) -> (%next: i64[], %y: f32[n]) {
      %one = tensor.constant() {value = dense<1>} : i64[]
      %next = math.add(%i, %one) : i64[]
      %y = math.add(%x, %x) : f32[n]
      return %next, %y
    }
    %count, %y = control.while([%i: i64[], %x: f32[n]]) {condition = @is_small, body = @double} : i64[], f32[n]
    ```
    ```
    func @is_early(%i: i64[], %x: f32[r]) -> (%early: bool[]) {
      %limit = tensor.constant() {value = dense<3>} : i64[]
      %early = math.less(%i, %limit) : bool[]
      return %early
    }
    func @twice(%i: i64[], %x: f32[r]) -> (%next: i64[], %y: f32[2*r]) {
      %one = tensor.constant() {value = dense<1>} : i64[]
      %next = math.add(%i, %one) : i64[]
      %y = tensor.concat([%x, %x]) {axis = 0} : f32[2*r]
      return %next, %y
    }
    %count, %y = control.while([%i: i64[], %x: f32[n]]) {condition = @is_early, body = @twice, resized = [1], \
shapes = [r], ends = [e]} : i64[], f32[e]
    ```
    """

    values: tuple[Value, ...]
    condition: FunctionRef
    body: FunctionRef
    resized: tuple[int, ...] = ()
    shapes: tuple[Dim, ...] = ()
    ends: tuple[Dim, ...] = ()

    @constraint
    def there_are_values(self) -> bool:
        """there is at least one value"""
        return len(self.values) > 0

    @constraint
    def shapes_fit(self) -> bool:
        """resized are places of values, in order, and shapes and ends have a size for every axis of these"""
        places = range(len(self.values))
        if list(self.resized) != sorted({i for i in self.resized if i in places}):
            return False
        return len(self.shapes) == len(self.ends) == sum(self.values[i].type.rank for i in self.resized)

    def sizes(self, places: Sequence[int]) -> tuple[tuple[int, ...], tuple[Dim, ...], tuple[Dim, ...]]:
        """``resized``, ``shapes`` and ``ends`` for a loop over the values at ``places`` only."""
        resized = tuple(new for new, old in enumerate(places) if old in self.resized)
        shapes, ends = (
            tuple(d for new in resized for d in types[places[new]].shape)
            for types in (self._types(self.shapes), self._types(self.ends))
        )
        return resized, shapes, ends

    def _types(self, shapes: Sequence[Dim]) -> tuple[TensorType, ...]:
        types, rest = [v.type for v in self.values], list(shapes)
        for i in self.resized:
            types[i] = types[i].with_shape(rest[: types[i].rank])
            del rest[: types[i].rank]
        return tuple(types)

    @property
    def calls(self) -> tuple[Call, ...]:
        given, made = self._types(self.shapes), list(self._types(self.shapes))
        for i in self.resized:
            # As large as a round begins with is not what it ends with: these sizes may be any.
            made[i] = made[i].with_shape([symbol(f"after_{i}_{axis}") for axis in range(made[i].rank)])
        condition = Call(self.condition.name, given, (TensorType(DType.BOOL, ()),))
        return condition, Call(self.body.name, given, tuple(made))

    def infer(self) -> tuple[TensorType, ...]:
        return self._types(self.ends)

    def evaluate(self, values: tuple[Array, ...], call: Caller) -> tuple[Array, ...]:
        while call(self.condition.name, values)[0]:
            values = call(self.body.name, values)
        return values

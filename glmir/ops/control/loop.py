"""Loops."""

from collections.abc import Callable

from ...attributes import FunctionRef
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
    """

    values: tuple[Value, ...]
    condition: FunctionRef
    body: FunctionRef

    @constraint
    def there_are_values(self) -> bool:
        """there is at least one value"""
        return len(self.values) > 0

    @property
    def calls(self) -> tuple[Call, ...]:
        types = tuple(v.type for v in self.values)
        return Call(self.condition.name, types, (TensorType(DType.BOOL, ()),)), Call(self.body.name, types, types)

    def infer(self) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.values)

    def evaluate(self, values: tuple[Array, ...], call: Caller) -> tuple[Array, ...]:
        while call(self.condition.name, values)[0]:
            values = call(self.body.name, values)
        return values

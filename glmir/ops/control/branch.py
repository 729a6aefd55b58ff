"""Branches."""

from ...attributes import FunctionRef
from ...ir import Array, Call, Op, Value
from ...opdef import constraint, op
from ...types import DType, TensorType
from .loop import Caller


@op
class If(Op):
    """What one of two functions makes of the values: then_branch(values) if condition else else_branch(values)

    Both are functions of the module from the values to results of the ``types``, which the text gives behind the colon
    as for every op.

    ```
    func @double(%x: f32[n]) -> (%y: f32[n]) {
      %y = math.add(%x, %x) : f32[n]
      return %y
    }
    func @negate(%x: f32[n]) -> (%y: f32[n]) {
      %y = math.neg(%x) : f32[n]
      return %y
    }
    %y = control.if(%go: bool[], [%x: f32[n]]) {then_branch = @double, else_branch = @negate} : f32[n]
    ```
    """

    condition: Value
    values: tuple[Value, ...]
    then_branch: FunctionRef
    else_branch: FunctionRef
    types: tuple[TensorType, ...]

    @constraint
    def condition_is_one_bool(self) -> bool:
        """the condition is a bool[]"""
        return self.condition.type == TensorType(DType.BOOL, ())

    @constraint
    def there_are_results(self) -> bool:
        """there is at least one result"""
        return len(self.types) > 0

    @property
    def calls(self) -> tuple[Call, ...]:
        given = tuple(v.type for v in self.values)
        results = tuple(r.type for r in self.results)
        return Call(self.then_branch.name, given, results), Call(self.else_branch.name, given, results)

    def infer(self) -> tuple[TensorType, ...]:
        return self.types

    def evaluate(self, condition: Array, values: tuple[Array, ...], call: Caller) -> tuple[Array, ...]:
        return call(self.then_branch.name if condition else self.else_branch.name, values)

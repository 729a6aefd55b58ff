"""Recurrent layers as loops: a ``control.while`` whose body is one step of the cell.

The input's part of the gates is computed for all steps at once, in front of the loop. The loop carries the step's
number, the states, the outputs so far if anything reads them, and what its functions need beside: the input's part,
the lengths, parameters that are not constant, the number of steps if that is known at run time only.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ...attributes import FunctionRef
from ...call_graph import fresh_function_name
from ...dims import SymInt, symbol
from ...ir import Function, Module, Op, Value
from ...ops import control, math, nn, tensor
from ...ops.enums import Direction
from ...rewriter import insert_new_ops
from ...types import DType, TensorType
from ..patterns import constant, constant_array, elements_of, reshape
from ..substitution import lone_symbol
from .building import concat, scalar
from .materialize_shapes import dim_value
from .recurrent_cells import Cell, initial_states, make_cell, zero_state


def loops_of_recurrent_layers(module: Module, is_legal: Callable[[Op], bool]) -> bool:
    """Replaces the recurrent layers of one direction that are not legal by loops; returns whether there were any."""
    layers = [
        op
        for function in module.functions.values()
        for op in function.ops
        if isinstance(op, nn.Recurrent) and op.direction is not Direction.BIDIRECTIONAL and not is_legal(op)
    ]
    for layer in layers:
        _replace(module, layer)
    return bool(layers)


def _replace(module: Module, layer: nn.Recurrent) -> None:
    results = _Loop(module, layer).results()
    function = layer.function
    assert function is not None
    for new in insert_new_ops(results.values(), lambda op: function.ops.insert_before(layer, op)):
        new.location = new.location or layer.location
    for old, result in results.items():
        if not result.name:
            result.name, old.name = old.name, ""
        old.replace_all_uses_with(result)
    layer.erase()


class _Loop:
    """One layer on the way to a loop: what is carried, by role, and the functions over it."""

    def __init__(self, module: Module, layer: nn.Recurrent) -> None:
        self._module = module
        self._layer = layer
        self._cell: Cell = make_cell(layer)
        self._is_reverse = layer.direction is Direction.REVERSE
        self._wants_y = layer.results[0].is_used
        self._projected = self._cell.project()
        self._carried = self._initial_values()

    def results(self) -> dict[Value, Value]:
        """The layer's results that are used, and what stands for each behind the loop."""
        values = tuple(self._carried.values())
        types = self._inner_types(values)
        condition, body = self._condition(types), self._body(types)
        loop = control.While(values, FunctionRef(condition.name), FunctionRef(body.name))
        after = dict(zip(self._carried, loop.results, strict=True))
        y, *states = self._layer.results
        by_role = [*([("y", y)] if self._wants_y else []), *self._states(states)]
        return {result: reshape(after[role], result.type.shape) for role, result in by_role if result.is_used}

    def _states(self, of: Sequence[Value]) -> list[tuple[str, Value]]:
        return list(zip(("h", "c"), of, strict=False))

    def _initial_values(self) -> dict[str, Value]:
        """Role -> value before the first step. Those of roles that no step changes are the same behind the last."""
        layer = self._layer
        steps = dim_value(self._projected, 0, DType.I32)
        first = math.Sub(steps, _i32(1)).result if self._is_reverse else _i32(0)
        carried = {"step": first}
        for name, state in zip(("h", "c"), initial_states(layer), strict=False):
            carried[name] = zero_state(layer) if state is None else state
        if self._wants_y:
            carried["y"] = self._zero_output()
        carried["x"] = self._projected
        if layer.lengths is not None:
            carried["lengths"] = layer.lengths
        if not self._is_reverse and constant_array(steps) is None:
            carried["steps"] = steps
        for place, parameter in enumerate(self._cell.parameters):
            if parameter is not None and constant_array(parameter) is None:
                carried[f"parameter{place}"] = parameter
        return carried

    def _zero_output(self) -> Value:
        """Zeros [T, 1, B, H]"""
        time, batch, _ = self._projected.type.shape
        return tensor.Expand(scalar(0.0, self._projected), None, (time, 1, batch, self._layer.hidden_size)).result

    def _inner_types(self, values: Sequence[Value]) -> list[TensorType]:
        """The types inside the loop's functions, where a dim is a number or one symbol: bound by what is passed."""
        assert self._layer.function is not None
        # A callee's symbols are the caller's: the new ones must be none of those.
        taken = {s for v in self._layer.function.values() for s in v.type.symbols}
        names = (name for i in itertools.count() if (name := f"d{i}") not in taken)
        dims = {d: None for v in values for d in v.type.shape}
        inner = {d: symbol(next(names)) if isinstance(d, SymInt) and lone_symbol(d) is None else d for d in dims}
        return [v.type.with_shape([inner[d] for d in v.type.shape]) for v in values]

    def _function(self, role: str, types: Sequence[TensorType]) -> tuple[Function, dict[str, Value]]:
        """A new function of the module over the carried values."""
        stem = self._layer.definition.name.partition(".")[2]
        inputs = {name: Value(type_, name) for name, type_ in zip(self._carried, types, strict=True)}
        name = fresh_function_name(self._module, f"{stem}_{role}")
        function = self._module.functions[name] = Function(name, list(inputs.values()))
        return function, inputs

    def _condition(self, types: Sequence[TensorType]) -> Function:
        function, inputs = self._function("condition", types)
        if self._is_reverse:
            goes_on = math.GreaterEqual(inputs["step"], _i32(0)).result
        else:
            steps = inputs["steps"] if "steps" in inputs else dim_value(inputs["x"], 0, DType.I32)
            goes_on = math.Less(inputs["step"], steps).result
        self._finish(function, {"goes_on": goes_on})
        return function

    def _body(self, types: Sequence[TensorType]) -> Function:
        function, inputs = self._function("step", types)
        cell, step = self._cell, inputs["step"]
        parameters = tuple(
            None if p is None else inputs.get(f"parameter{i}") or constant(elements_of(p))
            for i, p in enumerate(cell.parameters)
        )
        # The step is never negative; said in a way that targets whose gather takes no negative indices see it.
        x = tensor.Gather(inputs["x"], math.Maximum(step, _i32(0)).result, 0).result
        states = self._states([inputs[name] for name in ("h", "c") if name in inputs])
        new = dict(self._states(cell.step(x, parameters, [state for _, state in states])))
        y = new["h"]
        if "lengths" in inputs:
            lengths = inputs["lengths"]
            takes_part = math.Less(step, reshape(lengths, (*lengths.type.shape, 1))).result
            new = {name: math.Select(takes_part, new[name], state).result for name, state in states}
            y = math.Select(takes_part, y, scalar(0.0, y)).result
        outputs = {**inputs, **new, "step": math.Add(step, _i32(-1 if self._is_reverse else 1)).result}
        if "y" in inputs:
            starts = concat([reshape(step, (1,)), constant(np.zeros(3, np.int32))], 0)
            block = reshape(y, (1, 1, *y.type.shape))
            outputs["y"] = tensor.DynamicUpdateSlice(inputs["y"], block, starts).result
        self._finish(function, {f"next_{name}": outputs[name] for name in inputs})
        return function

    def _finish(self, function: Function, outputs: dict[str, Value]) -> None:
        for op in insert_new_ops(outputs.values(), function.ops.append):
            op.location = self._layer.location
        function.set_outputs(list(outputs.values()), list(outputs))


def _i32(number: int) -> Value:
    return constant(np.array(number, np.int32))

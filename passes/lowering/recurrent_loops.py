"""Recurrent layers as loops: a ``control.while`` whose body is one step of the cell.

The input's part of the gates is computed for all steps at once, in front of the loop. The loop carries the step's
number, the states, the outputs so far if anything reads them, and what its functions need beside: the input's part,
the lengths, parameters that are not constant, the number of steps if that is known at run time only.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ...attributes import FunctionRef
from ...ir import Module, Op, Value
from ...ops import math, nn, tensor
from ...ops.enums import Direction
from ...types import DType, TensorType
from ..patterns import constant, constant_array, elements_of, reshape
from .building import concat, i32, scalar
from .loop_functions import LoopFunction, inner_types, loop, put_in_place
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
        put_in_place(layer, _Loop(module, layer).results())
    return bool(layers)


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
        assert self._layer.function is not None
        types = inner_types(self._layer.function, values)
        after = loop(self._carried, self._condition(types), self._body(types))
        y, *states = self._layer.results
        by_role = [*([("y", y)] if self._wants_y else []), *self._states(states)]
        return {result: reshape(after[role], result.type.shape) for role, result in by_role if result.is_used}

    def _states(self, of: Sequence[Value]) -> list[tuple[str, Value]]:
        return list(zip(("h", "c"), of, strict=False))

    def _initial_values(self) -> dict[str, Value]:
        """Role -> value before the first step. Those of roles that no step changes are the same behind the last."""
        layer = self._layer
        steps = dim_value(self._projected, 0, DType.I32)
        first = math.Sub(steps, i32(1)).result if self._is_reverse else i32(0)
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

    def _function(self, role: str, types: Sequence[TensorType]) -> LoopFunction:
        return LoopFunction(self._module, self._layer, role, list(self._carried), types)

    def _condition(self, types: Sequence[TensorType]) -> FunctionRef:
        function = self._function("condition", types)
        inputs = function.inputs
        if self._is_reverse:
            goes_on = math.GreaterEqual(inputs["step"], i32(0)).result
        else:
            steps = inputs["steps"] if "steps" in inputs else dim_value(inputs["x"], 0, DType.I32)
            goes_on = math.Less(inputs["step"], steps).result
        return function.finish({"goes_on": goes_on})

    def _body(self, types: Sequence[TensorType]) -> FunctionRef:
        function = self._function("step", types)
        inputs = function.inputs
        cell, step = self._cell, inputs["step"]
        parameters = tuple(
            None if p is None else inputs.get(f"parameter{i}") or constant(elements_of(p))
            for i, p in enumerate(cell.parameters)
        )
        # The step is never negative; said in a way that targets whose gather takes no negative indices see it.
        x = tensor.Gather(inputs["x"], math.Maximum(step, i32(0)).result, 0).result
        states = self._states([inputs[name] for name in ("h", "c") if name in inputs])
        new = dict(self._states(cell.step(x, parameters, [state for _, state in states])))
        y = new["h"]
        if "lengths" in inputs:
            lengths = inputs["lengths"]
            takes_part = math.Less(step, reshape(lengths, (*lengths.type.shape, 1))).result
            new = {name: math.Select(takes_part, new[name], state).result for name, state in states}
            y = math.Select(takes_part, y, scalar(0.0, y)).result
        outputs = {**inputs, **new, "step": math.Add(step, i32(-1 if self._is_reverse else 1)).result}
        if "y" in inputs:
            starts = concat([reshape(step, (1,)), constant(np.zeros(3, np.int32))], 0)
            block = reshape(y, (1, 1, *y.type.shape))
            outputs["y"] = tensor.DynamicUpdateSlice(inputs["y"], block, starts).result
        return function.finish({f"next_{name}": outputs[name] for name in inputs})

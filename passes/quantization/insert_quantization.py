"""insert-quantization: explicit pairs of quantize and dequantize around what shall compute on integers.

``dequantize(quantize(x))`` is x as integers can say it. Between such pairs an op means the same in floats as on
integers, so that every target may compute it as it can, with the same scales.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import CompileError, InputError
from ...ir import Array, Function, Module, Op, Value
from ...ops import math, nn, quant, tensor
from ...pass_manager import module_pass
from ...types import DType
from ...weights import Weight
from ..names import names
from ..patterns import constant_array
from .calibration_file import read_calibration
from .calibrators import PERCENTILE, Calibrator, activation_range
from .parameters import Parameters, Range, activation_parameters
from .plan import Decision, Plan, StaticOptions, make_plan
from .uniform import QuantizedArray, Scheme, quantize, round_to_nearest
from .weights import WeightUse, weights_of

BIAS_LIMIT = 2.0**30
"""Biases of integer layers stay below this, so that products are added to them without overflow."""

ZERO_STEPS = 256
"""How many steps the products of a channel without weights have in a step of its result: its bias is all it says."""

ACTIVATIONS = (DType.I8, DType.U8, DType.I16)
"""What activations may be stored as."""

SUM_STEPS = 256
"""How much finer than the sum a constant that is added may be stored."""

Roundings = Mapping[Value, QuantizedArray]
"""Weights, by the constant that holds them, as somebody who knows more has rounded them."""


@module_pass(needed=True)
def insert_quantization(
    module: Module,
    *,
    calibration: str = "",
    calibrator: Calibrator = Calibrator.MSE,
    percentile: float = PERCENTILE,
    dtype: DType = DType.I8,
    symmetric: bool = False,
    per_channel: bool = True,
    keep: str = "",
) -> bool:
    """Puts pairs around the ops of ``main`` that shall compute on integers, with ranges from the file ``calibration``.

    ``dtype`` is what activations are stored as, i8, u8 or i16. ``keep`` names ops that stay float, separated by ``;``.
    Without a file nothing is done. Raises InputError for one that cannot be read.
    """
    if not calibration:
        return False
    if dtype not in ACTIVATIONS:
        raise InputError(f"activations are stored as {', '.join(d.value for d in ACTIVATIONS)}, not {dtype.value}")
    tensors = read_calibration(Path(calibration)).tensors
    ranges = {n: activation_range(s, calibrator, dtype, symmetric, percentile) for n, s in tensors.items()}
    options = StaticOptions(ranges, dtype, symmetric, per_channel, names(keep))
    return any(decision.is_integer for decision in insert_pairs(module, options))


def insert_pairs(module: Module, options: StaticOptions, roundings: Roundings | None = None) -> list[Decision]:
    """Writes the pairs into ``main``, and tells what became of each op that computes floats.

    Weights become i8 constants, with a scale per output channel; biases i32 in the unit of the products, where
    activations have 8 bits. Raises CompileError for layers with NaNs or infinities, naming all of them.
    """
    function = module.main
    plan = make_plan(function, options)
    _require_numbers(plan)
    decisions = plan.decisions(function)
    _Insertion(function, plan, options, roundings or {}).run()
    return decisions


def _require_numbers(plan: Plan) -> None:
    reasons = []
    for op in plan.integer:
        held = [use.value for use in weights_of(op)]
        if isinstance(op, (nn.Convolution, nn.Linear)) and op.bias is not None:
            held.append(op.bias)
        arrays = [array for value in held if (array := constant_array(value)) is not None]
        if not all(np.isfinite(array).all() for array in arrays):
            name = " and ".join(op.location) or op.results[0].name or op.definition.name
            reasons.append(f"the weight or the bias of {name} holds NaNs or infinities, which no integers stand for")
    if reasons:
        raise CompileError(reasons)


@dataclass
class _Insertion:
    function: Function
    plan: Plan
    options: StaticOptions
    roundings: Roundings

    def run(self) -> None:
        for op in list(self.plan.integer):
            self._quantize_constants(op)
        integer_values = {r for op in self.plan.integer for r in op.results}
        for value in list(self.function.values()):
            if value not in self.plan.parameters:
                continue
            users = value.users if value in integer_values else tuple(u for u in value.users if u in self.plan.integer)
            # What only moves takes integers as they come.
            if users:
                self._insert_pair(value, users)

    def _insert_pair(self, value: Value, users: tuple[Op, ...]) -> None:
        parameters = self.plan.parameters[value]
        scale = _constant(np.array(parameters.scale, np.float32))
        zero = _constant(np.array(parameters.zero_point, self.options.storage.numpy)) if parameters.zero_point else None
        quantized = quant.Quantize(value, scale, zero, storage=self.options.storage)
        dequantized = quant.Dequantize(quantized.result, scale, zero)
        made = [v.owner for v in (scale, zero) if v is not None] + [quantized, dequantized]
        self._insert_behind(value, [op for op in made if op is not None])
        for user in users:
            user.replace_operand(value, dequantized.result)

    def _insert_behind(self, value: Value, ops: Sequence[Op]) -> None:
        """Inserts ops in this order where the value is first known."""
        anchor = value.owner
        behind = next(iter(self.function.ops)) if anchor is None else None
        for op in ops:
            if behind is not None:
                self.function.ops.insert_before(behind, op)
            elif anchor is not None:
                op.location = anchor.location
                self.function.ops.insert_after(anchor, op)
                anchor = op

    def _quantize_constants(self, op: Op) -> None:
        """Makes the weights, the bias and other constants of an integer op small integers."""
        uses = weights_of(op)
        for use in uses:
            self._quantize_weight(use)
        held = {getattr(op, use.field) for use in uses}
        if isinstance(op, (nn.Convolution, nn.Linear)):
            held.add(op.bias)
        for operand in dict.fromkeys(op.operands):
            array = constant_array(operand)
            if operand in held or array is None or operand.type.dtype is not DType.F32 or not array.size:
                continue
            if isinstance(op, tensor.Pad):
                continue
            self._replace_constant(op, operand, array)

    def _replace_constant(self, op: Op, operand: Value, array: Array) -> None:
        low, high = float(array.min()), float(array.max())
        if not np.isfinite([low, high]).all():
            return
        if isinstance(op, (math.Add, math.Sub)):
            # What is finer than this is lost in the sum, and kernels cannot bring scales together that differ so much.
            levels = self.options.storage.highest - self.options.storage.lowest
            least = self._scale(op.results[0]) / SUM_STEPS * levels
            low, high = (low, max(high, least)) if high >= -low else (min(low, -least), high)
        parameters = activation_parameters(Range(low, high), self.options.storage, self.options.is_symmetric)
        scale, zero = np.float32(parameters.scale), parameters.zero_point
        storage = self.options.storage
        integers = np.clip(np.rint(array / scale) + zero, storage.lowest, storage.highest).astype(storage.numpy)
        zeros = np.array(zero, storage.numpy) if zero else None
        self._compress(op, operand, integers, np.asarray(scale), zeros, None)

    def _quantize_weight(self, use: WeightUse) -> None:
        array = use.array
        assert array is not None
        op, constant = use.op, use.value
        x = next(v for v in op.operands if v is not constant)
        given = self.roundings.get(constant)
        axis = _axis_of_scales(use) if self.options.is_per_channel else None
        quantized = given or quantize(array, Scheme(8), axis=axis)
        bias = op.bias if isinstance(op, (nn.Convolution, nn.Linear)) else None
        bias_array = constant_array(bias)
        if bias is not None and bias_array is not None:
            scale_x, scale_y = self._scale(x), self._scale(op.results[0])
            quantized = _with_room(quantized, array, bias_array, scale_x, scale_y)
            self._quantize_bias(op, bias, bias_array, quantized.scales.astype(np.float64) * scale_x)
        self._compress(op, constant, quantized.stored, quantized.scales, quantized.zero_points, quantized.grouping.axis)

    def _quantize_bias(self, op: Op, bias: Value, array: Array, products: Array) -> None:
        """Makes the bias integers of the products' scales; with wide activations that is left to targets, whose dtypes
        differ."""
        if self.options.storage is DType.I16:
            return
        scales = products.astype(np.float32)
        integers = np.rint(array.astype(np.float64) / scales).astype(np.int32)
        self._compress(op, bias, integers, scales, None, None if scales.ndim == 0 else 0)

    def _scale(self, value: Value) -> float:
        found = self.plan.parameters.get(value, Parameters(1.0, 0))
        return float(found.scale)

    def _compress(
        self, op: Op, operand: Value, integers: Array, scales: Array, zeros: Array | None, axis: int | None
    ) -> None:
        """Makes ``op`` take dequantized integers for a constant."""
        owner = operand.owner
        assert isinstance(owner, tensor.Constant)
        made = quant.Dequantize(
            _constant(integers, f"{owner.value.name}.quantized" if owner.value.name else ""),
            _constant(scales, f"{owner.value.name}.scale" if owner.value.name else ""),
            None if zeros is None else _constant(zeros),
            axis,
        )
        for operand_value in made.operands:
            assert operand_value.owner is not None
            self.function.ops.insert_before(op, operand_value.owner)
        made.location = op.location
        self.function.ops.insert_before(op, made)
        op.replace_operand(operand, made.result)


def _axis_of_scales(use: WeightUse) -> int | None:
    """The axis of output channels; None for batches of matrices, which integer kernels take with one scale alone."""
    is_batched = isinstance(use.op, math.MatMul) and use.value.type.rank > 2
    return None if is_batched else use.output_axis


def _constant(array: Array, name: str = "") -> Value:
    return tensor.Constant(Weight(np.asarray(array), name)).result


def _with_room(quantized: QuantizedArray, array: Array, bias: Array, scale_x: float, scale_y: float) -> QuantizedArray:
    """The weight with scales that leave room for the bias, and a fine enough unit in channels without weights."""
    scales = np.broadcast_to(quantized.scales, bias.shape) if quantized.scales.ndim else quantized.scales
    magnitude = np.abs(bias) if quantized.scales.ndim else np.abs(bias).max(initial=0.0)
    least = magnitude / (scale_x * BIAS_LIMIT)
    wanted = np.maximum(scales, least)
    others = tuple(a for a in range(array.ndim) if a != quantized.grouping.axis)
    is_empty = ~np.any(array, axis=others)
    wanted = np.where(is_empty, np.maximum(scale_y / (scale_x * ZERO_STEPS), least), wanted).astype(np.float32)
    if np.array_equal(wanted, quantized.scales):
        return quantized
    return round_to_nearest(array, Scheme(8), quantized.grouping, wanted, quantized.zero_points)


__all__ = ["Roundings", "insert_pairs"]

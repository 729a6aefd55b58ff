"""lower-precision: f32 is computed in f16, except where that would overflow or lose the result.

Each op gets a label, half or single. What must be single (islands.py) and what is worth being half (layers) is pinned;
the rest follows where that saves casts: the labels of least total cost are a minimum cut, as for layouts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...call_graph import calls_of
from ...errors import InputError
from ...ir import Function, Location, Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...pass_manager import module_pass
from ...types import DType, TensorType
from ...weights import Weight, release
from ..layout.minimum_cut import ONE, ZERO, LabelProblem, Node
from ..nominal_sizes import nominal
from ..patterns import elements_of, is_known
from .half_constants import halved, unfit_when_compressed
from .islands import find_islands, is_known_op, uses_floats
from .uses import MOVING, POSITIONS, is_position

MAIN = "main"
"""The function of which there is data."""

CAST_COST = 4096
"""What a cast costs beside its bytes: mostly that processors change where they have a precision of their own."""

SMALLEST_EPSILON = 2.0**-23
"""What a norm adds to a variance at least: smaller numbers are 0 in f16, or nearly, and 0 / 0 is not a number."""

_LAYERS = (nn.Convolution, nn.Linear, math.MatMul)
"""What is worth its casts in half precision."""


@module_pass(needed=True)
def lower_precision(module: Module, *, dtype: DType = DType.F16, islands: str = "", keeps_pairs: bool = False) -> bool:
    """Computes f32 in f16; inputs, outputs, and what would overflow or lose its result, stay f32.

    Functions that ops call (bodies of loops) stay as they are. ``islands`` says what of ``main`` data showed to be lost
    in f16: a JSON object, names of values to reasons. It stands for all other knowledge of values with names; with
    none, "", the table of conditions decides. With ``keeps_pairs`` what stands between pairs of quantize and dequantize
    stays f32, with the pairs: runtimes that look for such groups find those of f32. Raises InputError for another dtype
    than f16, and for other text.
    """
    if dtype is not DType.F16:
        raise InputError(f"lower-precision: what f32 can be computed in is f16, not {dtype.value}")
    observed = decode_islands(islands)
    called = {call.function for function in module.functions.values() for _, call in calls_of(function)}
    changed = False
    for name, function in module.functions.items():
        if name in called:
            continue
        found = find_islands(function, observed if name == MAIN else None)
        if keeps_pairs:
            found |= dict.fromkeys(_between_pairs(function), "it is computed in integers")
        halves = _Labelling(function, found).halves()
        if any(not isinstance(op, tensor.Cast) for op in halves):
            module.functions[name] = _Lowering(function, halves).run()
            changed = True
    return changed


def encode_islands(observed: Mapping[str, str] | None) -> str:
    """The option ``islands``: JSON."""
    return "" if observed is None else json.dumps(dict(observed), ensure_ascii=True, separators=(",", ":"))


def decode_islands(text: str) -> dict[str, str] | None:
    """What ``encode_islands`` was given; raises InputError for text that is no such object."""
    if not text:
        return None
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(reason, str) for reason in found.values()):
        raise InputError("lower-precision: islands is a JSON object of reasons by names of values")
    return found


def islands_of(module: Module, options: Mapping[str, object]) -> dict[Op, str]:
    """What the pass, with these options, leaves in single precision, and why."""
    observed = decode_islands(str(options.get("islands", "")))
    found: dict[Op, str] = {}
    for name, function in module.functions.items():
        found |= find_islands(function, observed if name == MAIN else None)
    return found


def _between_pairs(function: Function) -> Iterator[Op]:
    """Pairs around activations, and the ops that take and give nothing else that is computed."""
    for op in function.ops:
        if isinstance(op, quant.Scaled):
            if not is_known_op(op):
                yield op
            continue
        computed = [v for v in op.operands if v.type.dtype.is_float and not is_known(v)]
        users = [user for result in op.results for user in result.users]
        is_between = computed and users and all(isinstance(v.owner, quant.Dequantize) for v in computed)
        if is_between and all(isinstance(user, quant.Quantize) for user in users):
            yield op


@dataclass
class _Labelling:
    """Which ops are half (label 0) and which single (label 1), at the least cost."""

    function: Function
    islands: Mapping[Op, str]
    problem: LabelProblem = field(default_factory=LabelProblem)

    def halves(self) -> set[Op]:
        """The ops that take or give f32 and are to be half; constants are not among them: they are there in both."""
        ops = [op for op in self.function.ops if uses_floats(op) and not is_known_op(op)]
        for op in ops:
            if self._label(op) is op:
                self.problem.add_node(op)
                self.problem.cost_of_one(op, _cost_of_single(op))
        for value in self.function.values():
            if value.type.dtype is DType.F32 and not is_known(value):
                maker = ONE if value.owner is None else self._label(value.owner)
                labels = (ONE if is_position(user, value) else self._label(user) for user in value.users)
                users = list(dict.fromkeys(labels))
                self.problem.cost_of_difference(maker, users, _size(value.type) + CAST_COST)
        chosen, _ = self.problem.solve()
        return {op for op in ops if chosen.get(op, self._label(op)) in (0, ZERO)}

    def _label(self, op: Op) -> Node:
        if op in self.islands or op is self.function.ret:
            return ONE
        return ZERO if isinstance(op, _LAYERS) else op


def _cost_of_single(op: Op) -> int:
    """Half precision is faster: a little where elements are moved, more where they are computed."""
    size = sum(_size(v.type) for v in (*op.operands, *op.results) if v.type.dtype is DType.F32)
    return 1 + size // (64 if isinstance(op, MOVING) else 16)


def _size(type_: TensorType) -> int:
    """Bytes as f32."""
    return 4 * nominal(type_.elements)


class _Lowering:
    """The same function with some ops in half precision, under construction; casts stand where precisions meet."""

    def __init__(self, function: Function, halves: set[Op]) -> None:
        self._old = function
        self._halves = halves
        self._made: dict[tuple[Value, DType], Value] = {}
        """What stands for a value in each precision that is asked for."""
        self._weights: dict[int, Weight] = {}
        self._new = Function(function.name, [Value(v.type, v.name) for v in function.inputs])
        for old, new in zip(function.inputs, self._new.inputs, strict=True):
            self._made[old, old.type.dtype] = new

    def run(self) -> Function:
        for op in self._old.ops:
            if not is_known_op(op) or op.results[0].type.dtype is not DType.F32:
                self._add(op, DType.F16 if op in self._halves else DType.F32)
        outputs = [self._value(v, v.type.dtype, ()) for v in self._old.outputs]
        self._new.set_outputs(outputs, self._old.output_names)
        return self._new

    def _add(self, op: Op, precision: DType) -> None:
        """Adds the op with every f32 as ``precision``."""

        def of(dtype: DType) -> DType:
            return precision if dtype is DType.F32 else dtype

        def operand(value: object) -> object:
            if isinstance(value, tuple):
                return tuple(map(operand, value))
            return self._value(value, of(value.type.dtype), op.location) if isinstance(value, Value) else value

        fields: dict[str, object] = op.definition.attributes_of(op)
        fields |= {name: of(value) for name, value in fields.items() if isinstance(value, DType)}
        fields |= {f.name: operand(getattr(op, f.name)) for f in op.definition.operand_fields}
        fields |= {name: self._value(getattr(op, name), DType.F32, op.location) for name in POSITIONS.get(type(op), ())}
        epsilon = fields.get("epsilon")
        if precision is DType.F16 and isinstance(epsilon, float):
            fields["epsilon"] = max(epsilon, SMALLEST_EPSILON)
        new = op.definition.cls(**fields)
        if isinstance(new, tensor.Cast) and new.x.type.dtype is new.dtype:
            self._made[op.result, new.dtype] = new.x
            return
        new.location = op.location
        self._new.ops.append(new)
        for before, after in zip(op.results, new.results, strict=True):
            # A declared type may say more than inference does.
            after.name, after.type = before.name, before.type.with_dtype(of(before.type.dtype))
            self._made[before, after.type.dtype] = after

    def _value(self, old: Value, dtype: DType, location: Location) -> Value:
        """What stands for a value of the old function as ``dtype``: a cast, made once, where it is there in another."""
        found = self._made.get((old, dtype))
        if found is not None:
            return found
        if old.owner is not None and is_known_op(old.owner):
            made = self._known(old.owner, dtype)
            made.location = old.owner.location
            is_first = not any((old, d) in self._made for d in (DType.F16, DType.F32))
            made.results[0].name = old.name if is_first else ""
        else:
            other = DType.F32 if dtype is DType.F16 else DType.F16
            made = tensor.Cast(self._made[old, other], dtype)
            made.location = location
        self._new.ops.append(made)
        self._made[old, dtype] = made.results[0]
        return made.results[0]

    def _known(self, op: Op, dtype: DType) -> Op:
        """A constant or a compressed weight as ``dtype``."""
        if isinstance(op, tensor.Constant):
            return tensor.Constant(self._weight(op, dtype))
        result = op.results[0]
        if dtype is DType.F16 and unfit_when_compressed(op):
            return tensor.Constant(Weight(halved(result, elements_of(result)), result.name))
        operands = {f.name: getattr(op, f.name) for f in op.definition.operand_fields}
        converted = {
            name: self._value(v, dtype if v.type.dtype is DType.F32 else v.type.dtype, op.location)
            for name, v in operands.items()
            if v is not None
        }
        return replace(op, **converted)

    def _weight(self, op: tensor.Constant, dtype: DType) -> Weight:
        weight = op.value
        if dtype is weight.type.dtype:
            return weight
        found = self._weights.get(id(weight))
        if found is None:
            found = self._weights[id(weight)] = Weight(halved(op.result, weight.array), weight.name)
            release(weight.array)
        return found


__all__: Sequence[str] = ["MAIN", "decode_islands", "encode_islands", "islands_of", "lower_precision"]

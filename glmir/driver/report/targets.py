"""What each target computes in integers, read off the module that is written."""

from collections.abc import Sequence

from ...backends.emission import EmitterTable, is_not_quantized, is_quantized
from ...ir import Module, Op, Value
from ...opdef import replace
from ...ops import math, nn, quant, tensor
from ...passes.patterns import is_compressed, is_known
from ...passes.quantization.moves import moved_operands
from ...passes.quantization.roles import LAYERS
from ...types import TensorType
from ..compilation import Artifact
from .facts import OpFacts, TargetOp

INTEGERS, FLOATS, BOTH, STORED, GONE = "integers", "floats", "both", "stored", "gone"

_BORDERS = (quant.Convert, quant.Scaled, quant.Depalettize, quant.Densify, tensor.Constant)
"""What stands around ops, and computes nothing of the model."""

_ACTIVATIONS = (nn.Relu, nn.Relu6, math.Clamp, nn.LeakyRelu)
"""What targets split off an op that has an activation: it stands between the op and its pair."""


class Written:
    """An artifact's ops, to be found by what they were made from. ``asked`` is the module that was to be written."""

    def __init__(self, artifact: Artifact, asked: Module) -> None:
        self._table: EmitterTable[object] = artifact.target.table
        self._asked = {r.name: op for op in asked.main.ops for r in op.results if r.name}
        self._named: dict[str, Op] = {}
        self._located: dict[tuple[str, ...], list[Op]] = {}
        for op in artifact.module.main.ops:
            self._named.update((r.name, op) for r in op.results if r.name)
            if op.location and not isinstance(op, _BORDERS) and not is_known(op.results[0]):
                self._located.setdefault(op.location, []).append(op)

    def computed(self, facts: OpFacts) -> TargetOp:
        """What became of an op of the module that was to be written."""
        ops = self._made_from(facts)
        forms = {form_of(op) for op in ops}
        if not forms:
            return TargetOp(facts.name, GONE)
        form = forms.pop() if len(forms) == 1 else BOTH if INTEGERS in forms else STORED
        if not facts.is_integer:
            return TargetOp(facts.name, form, self._why_plain(facts) if form == FLOATS else "")
        if form == INTEGERS:
            return TargetOp(facts.name, form)
        return TargetOp(facts.name, form, self._rule(facts, [op for op in ops if form_of(op) != INTEGERS]))

    def _made_from(self, facts: OpFacts) -> list[Op]:
        """The one op that is like it, or all that it was taken apart into."""
        named = self._named.get(facts.name)
        if named is not None and named.definition.name == facts.kind:
            return [named]
        located = self._located.get(facts.nodes, [])
        alike = [op for op in located if op.definition.name == facts.kind]
        computing = [op for op in located if not moved_operands(op)]
        layers: list[Op] = [op for op in computing if isinstance(op, LAYERS)]
        # Biases and activations that were split off follow the layer.
        if made := alike or layers or computing or located:
            return made
        return [named] if named is not None and not isinstance(named, _BORDERS) else []

    def _rule(self, facts: OpFacts, ops: Sequence[Op]) -> str:
        """Why they do not compute on integers."""
        for op in ops:
            folded = _on_integers(op)
            if folded is not None and not self._table.is_legal(folded):
                return self._reason(folded)
        asked = self._asked.get(facts.name)
        for pair in _pairs_of(asked) if asked is not None else ():
            if not self._table.is_legal(pair):
                return self._reason(pair)
        kinds = list(dict.fromkeys(op.definition.name for op in ops))
        if facts.kind not in kinds:
            return f"the target computes {facts.kind} by {' and '.join(kinds)}, in floats"
        return f"the target has no integer kernel for {facts.kind}"

    def _why_plain(self, facts: OpFacts) -> str:
        """Why an op's weight is written as floats, where fewer bits were asked for."""
        asked = self._asked.get(facts.name)
        for value in asked.operands if asked is not None else ():
            if value.owner is not None and is_compressed(value):
                is_legal = self._table.is_legal(value.owner)
                return "the target takes no such weight here" if is_legal else self._reason(value.owner)
        return ""

    def _reason(self, op: Op) -> str:
        reason = self._table.why_illegal(op)
        if isinstance(op, quant.Scaled):
            return f"stored as {op.stored.value}: {reason}"
        floats_alone = is_not_quantized.__doc__ or ""
        if reason.endswith(f"needs {floats_alone}"):
            return f"the target has no integer kernel for {op.definition.name}"
        return reason.replace(f"{floats_alone} or ", "").replace(f" or {floats_alone}", "")


def form_of(op: Op) -> str:
    """What an op computes in, with the pairs around it: integers, floats, or floats with a weight of fewer bits."""
    if _is_on_integers(op):
        return INTEGERS
    return STORED if any(_is_stored(v) for v in op.operands) else FLOATS


def _is_on_integers(op: Op) -> bool:
    numbers = [v for v in op.operands if v.type.dtype.is_float and not _is_weight(v)]
    if is_quantized(op):
        return all(v.type.quantization for v in (*numbers, *op.results) if v.type.dtype.is_float)
    if not numbers or not all(isinstance(v.owner, quant.Dequantize) for v in numbers):
        return False
    return all(_is_rounded(result) for result in op.results if result.type.dtype.is_float)


def _is_rounded(value: Value) -> bool:
    """Whether all that takes the value makes integers of it, perhaps behind an activation."""
    users = value.users
    if len(users) == 1 and (isinstance(users[0], _ACTIVATIONS) or _adds_bias(users[0], value)):
        return _is_rounded(users[0].results[0])
    return bool(users) and all(isinstance(user, quant.Quantize) for user in users)


def _adds_bias(op: Op, product: Value) -> bool:
    """Whether an op adds a vector that is known to a product: linear layers that were taken apart."""
    if not isinstance(op, math.Add) or not isinstance(product.owner, math.MatMul):
        return False
    return any(v is not product and is_known(v) and v.type.rank == 1 for v in (op.x, op.y))


def _is_weight(value: Value) -> bool:
    return is_known(value) or (isinstance(value.owner, quant.Convert) and is_known(value.owner.x))


def _is_stored(value: Value) -> bool:
    """Whether it is a weight of fewer bits than its numbers."""
    is_plain = isinstance(value.owner, tensor.Constant) and value.type.quantization is None
    return _is_weight(value) and not is_plain and value.type.dtype.is_float


def _on_integers(op: Op) -> Op | None:
    """The op on the integers that are converted for it, and to which its results are; None without such."""
    fields = {f.name: getattr(op, f.name) for f in op.definition.operand_fields}
    changed = {name: _stored(operand) for name, operand in fields.items()}
    if all(changed[name] is operand for name, operand in fields.items()):
        return None
    made = replace(op, **changed)
    for old, new in zip(op.results, made.results, strict=True):
        converts = [u for u in old.users if isinstance(u, quant.Convert)]
        if converts:
            new.type = TensorType(old.type.dtype, old.type.shape, converts[0].result.type.quantization)
    return made


def _stored(operand: object) -> object:
    if isinstance(operand, tuple) and any(_stored(v) is not v for v in operand):
        return tuple(map(_stored, operand))
    is_converted = isinstance(operand, Value) and isinstance(operand.owner, quant.Convert)
    if is_converted and isinstance(operand, Value) and isinstance(operand.owner, quant.Convert):
        return operand.owner.x if operand.owner.x.type.quantization else operand
    return operand


def _pairs_of(op: Op) -> list[Op]:
    """Where an op's operands come from integers, and its results become integers."""
    before = [v.owner for v in op.operands if isinstance(v.owner, quant.Dequantize)]
    after = [user for r in op.results for user in r.users if isinstance(user, quant.Quantize)]
    return [*before, *after]


def conversions(module: Module) -> int:
    """How often floats become integers, or integers floats, but for inputs and outputs."""
    return sum(_is_conversion(op) for op in module.main.ops)


def _is_conversion(op: Op) -> bool:
    if not isinstance(op, quant.Convert) or is_known(op.x):
        return False
    is_border = op.x.owner is None or all(user is user.function.ret for user in op.result.users if user.function)
    return not is_border and (op.x.type.quantization is None) != (op.result.type.quantization is None)


def constant_bytes(module: Module) -> int:
    """What the constants take as they are stored, equal arrays once; scales and zero points take 4 bytes each."""
    arrays = {}
    for function in module.functions.values():
        for op in function.ops:
            if isinstance(op, tensor.Constant):
                arrays[id(op.value.array)] = _constant_bytes(op)
    return sum(arrays.values())


def _constant_bytes(op: tensor.Constant) -> int:
    type_ = op.result.type
    parameters = type_.quantization
    extra = 0 if parameters is None else 4 * (len(parameters.scales) + len(parameters.zero_points))
    return -(-op.value.array.size * type_.stored.bits // 8) + extra


__all__ = ["BOTH", "FLOATS", "GONE", "INTEGERS", "STORED", "Written", "constant_bytes", "conversions", "form_of"]

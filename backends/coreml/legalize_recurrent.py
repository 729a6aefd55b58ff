"""Rules that bring recurrent layers to the form that Core ML has: forwards, from given states, in single precision."""

from ...ir import Op, Value
from ...opdef import replace
from ...ops import nn, tensor
from ...ops.enums import Direction
from ...passes.lowering.building import expanded, scalar
from ...passes.lowering.dtypes import computed_in, has_operand, results_of
from ...rewriter import RuleSet
from ...types import DType

RULES = RuleSet()


@RULES.on(nn.Recurrent)
def recurrent_from_zeros(op: nn.Recurrent) -> Op | None:
    """recurrent(x) -> recurrent(x, zeros)"""
    if not isinstance(op, nn.Lstm | nn.Gru | nn.Rnn) or not has_native_form(op):
        return None
    names = ("initial_h", "initial_c") if isinstance(op, nn.Lstm) else ("initial_h",)
    zeros = expanded(scalar(0, op.x), op.state_shape)
    missing = {name: zeros for name in names if getattr(op, name) is None}
    return replace(op, **missing) if missing else None


@RULES.on(nn.Recurrent)
def state_of_known_directions(op: nn.Recurrent) -> Op | None:
    """recurrent(x, state) -> recurrent(x, reshape(state, [D, ...])) where the type of the state leaves D open"""
    if not isinstance(op, nn.Lstm | nn.Gru | nn.Rnn) or not has_native_form(op):
        return None
    states = {"initial_h": op.initial_h} | ({"initial_c": op.initial_c} if isinstance(op, nn.Lstm) else {})
    known = {
        name: tensor.Reshape(state, None, (op.direction.count, *state.type.shape[1:])).result
        for name, state in states.items()
        if state is not None and not isinstance(state.type.shape[0], int)
    }
    return replace(op, **known) if known else None


@RULES.on(nn.Recurrent)
def reverse_as_forward(op: nn.Recurrent) -> tuple[Value, ...] | None:
    """recurrent(x, reverse) -> reverse(recurrent(reverse(x), forward)), when every sample has all the steps"""
    if op.direction is not Direction.REVERSE or not has_native_form(op):
        return None
    forward = replace(op, x=tensor.Reverse(op.x, (0,)).result, direction=Direction.FORWARD)
    y, *states = forward.results
    return (tensor.Reverse(y, (0,)).result, *states)


@RULES.on(nn.Recurrent)
def recurrent_in_single_precision(op: nn.Recurrent) -> tuple[Value, ...] | None:
    """recurrent(x) -> cast(recurrent(cast(x, f32))) for halves"""
    return results_of(op, computed_in(op, DType.F16, DType.F32)) if has_operand(op, DType.F16) else None


def has_native_form(op: nn.Recurrent) -> bool:
    """Whether one of Core ML's layers computes it, given states and one direction."""
    if op.lengths is not None or op.clip:
        return False
    return not isinstance(op, nn.Lstm) or not op.input_forget

"""Recurrent layers and loops: what is written, run, and held against the interpreter."""

from collections.abc import Callable

import numpy as np
import pytest

from glmir.dims import Dim
from glmir.ir import Value
from glmir.opdef import replace
from glmir.ops import nn
from glmir.ops.enums import Direction, RecurrentActivation
from glmir.types import DType
from tests.backends.building import argument, constant, module_of, random_inputs

from .harness import check_module, check_op

F16, F32 = DType.F16, DType.F32
TOLERANCES = {F32: "f32-sums", F16: "f16"}
SIGMOID, TANH, RELU = RecurrentActivation.SIGMOID, RecurrentActivation.TANH, RecurrentActivation.RELU
HARD, SOFTSIGN = RecurrentActivation.HARD_SIGMOID, RecurrentActivation.SOFTSIGN
FORWARD, REVERSE, BOTH = Direction.FORWARD, Direction.REVERSE, Direction.BIDIRECTIONAL
VERSIONS = (15, 16, 17, 18)
INPUTS, HIDDEN = 3, 4
Data = tuple[int | str, int | str]


def weight(dtype: DType, *shape: int, seed: int = 0) -> Value:
    return constant((np.random.default_rng(seed).standard_normal(shape) * 0.5).astype(dtype.numpy))


def weights(gates: int, direction: Direction, dtype: DType) -> tuple[Value, Value, Value]:
    count, rows = direction.count, gates * HIDDEN
    shapes = (count, rows, INPUTS), (count, rows, HIDDEN), (count, rows)
    first, second, third = (weight(dtype, *shape, seed=i) for i, shape in enumerate(shapes))
    return first, second, third


def state(direction: Direction, batch: int | str, dtype: DType) -> Value:
    return argument(direction.count, batch, HIDDEN, dtype=dtype)


def lstm(
    direction: Direction = FORWARD,
    dtype: DType = F32,
    data: Data = (10, 2),
    *,
    has_states: bool = False,
    has_peephole: bool = False,
    lengths: Value | None = None,
    activations: tuple[RecurrentActivation, ...] = (SIGMOID, TANH, TANH),
    alpha: float | None = None,
    clip: float = 0.0,
    input_forget: bool = False,
) -> nn.Lstm:
    states = [state(direction, data[1], dtype) if has_states else None for _ in range(2)]
    peephole = weight(dtype, direction.count, 3 * HIDDEN, seed=3) if has_peephole else None
    count = 3 * direction.count
    return nn.Lstm(
        argument(*data, INPUTS, dtype=dtype),
        *weights(4, direction, dtype),
        lengths,
        states[0],
        states[1],
        peephole,
        direction,
        activations * direction.count,
        () if alpha is None else (alpha,) * count,
        () if alpha is None else (0.5,) * count,
        clip,
        input_forget,
    )


def gru(
    direction: Direction = FORWARD,
    dtype: DType = F32,
    data: Data = (10, 2),
    *,
    has_state: bool = False,
    has_biases: bool = True,
    linear_before_reset: bool = False,
) -> nn.Gru:
    first, second, bias = weights(3, direction, dtype)
    recurrent = weight(dtype, direction.count, 3 * HIDDEN, seed=4)
    return nn.Gru(
        argument(*data, INPUTS, dtype=dtype),
        first,
        second,
        bias if has_biases else None,
        recurrent if has_biases else None,
        None,
        state(direction, data[1], dtype) if has_state else None,
        direction,
        (SIGMOID, TANH) * direction.count,
        linear_before_reset=linear_before_reset,
    )


def rnn(
    direction: Direction = FORWARD,
    dtype: DType = F32,
    data: Data = (10, 2),
    activation: RecurrentActivation = TANH,
) -> nn.Rnn:
    x = argument(*data, INPUTS, dtype=dtype)
    return nn.Rnn(x, *weights(1, direction, dtype), None, None, direction, (activation,) * direction.count)


LAYERS: dict[str, Callable[[Direction, DType], nn.Recurrent]] = {
    "lstm": lstm,
    "gru": gru,
    "gru, reset behind": lambda direction, dtype: gru(direction, dtype, linear_before_reset=True),
    "rnn": rnn,
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", (F32, F16), ids=lambda d: d.value)
@pytest.mark.parametrize("direction", Direction, ids=lambda d: d.value)
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str, direction: Direction, dtype: DType, version: int) -> None:
    check_op(LAYERS[name](direction, dtype), tolerance=TOLERANCES[dtype], version=version)


@pytest.mark.parametrize("dtype", (F32, F16), ids=lambda d: d.value)
@pytest.mark.parametrize("direction", Direction, ids=lambda d: d.value)
def test_unknown_sizes(direction: Direction, dtype: DType) -> None:
    sizes: tuple[dict[str, int], ...] = ({"t": 3, "b": 2}, {"t": 12, "b": 1})
    layers = (lstm(direction, dtype, ("t", "b"), has_states=True), lstm(direction, dtype, ("t", "b")))
    for layer in (*layers, gru(direction, dtype, ("t", "b")), rnn(direction, dtype, ("t", "b"))):
        check_op(layer, *sizes, tolerance=TOLERANCES[dtype])


@pytest.mark.parametrize("direction", (FORWARD, BOTH), ids=lambda d: d.value)
def test_state_of_open_directions(direction: Direction) -> None:
    layer = replace(lstm(direction), initial_h=argument("d", "b", HIDDEN), initial_c=argument("d", "b", HIDDEN))
    check_op(layer, {"d": direction.count, "b": 2})


def test_loop_of_unknown_length() -> None:
    check_op(gru(BOTH, data=("t", "b"), linear_before_reset=True), {"t": 3, "b": 2}, {"t": 12, "b": 1})


@pytest.mark.parametrize("version", (16, 18))
def test_states_and_biases(version: int) -> None:
    check_op(lstm(BOTH, has_states=True), version=version)
    check_op(gru(BOTH, has_state=True, has_biases=False), version=version)
    check_op(gru(FORWARD, has_biases=False, linear_before_reset=True), version=version)


def test_what_is_written() -> None:
    ends = "expand_dims expand_dims expand_dims"
    check_op(lstm(has_states=True), writes=f"squeeze squeeze lstm {ends}")
    check_op(lstm(has_states=True, has_peephole=True), writes=f"squeeze squeeze lstm {ends}")
    check_op(gru(has_state=True), writes="squeeze gru expand_dims expand_dims")
    after = gru(has_state=True, linear_before_reset=True)
    check_op(after, version=18, writes="squeeze gru expand_dims expand_dims")


def test_other_activations() -> None:
    check_op(lstm(activations=(HARD, TANH, RELU), alpha=0.2))
    check_op(lstm(activations=(HARD, TANH, RELU), alpha=0.3))
    check_op(lstm(activations=(SIGMOID, SOFTSIGN, TANH)))
    check_op(rnn(activation=RELU))
    check_op(rnn(activation=SOFTSIGN))


def test_layers_that_become_loops() -> None:
    check_op(lstm(clip=0.3))
    check_op(lstm(input_forget=True))


@pytest.mark.parametrize("steps", (1, 4))
def test_few_steps_are_unrolled(steps: Dim) -> None:
    assert isinstance(steps, int)
    check_op(lstm(data=(steps, 2), input_forget=True))


@pytest.mark.parametrize("direction", Direction, ids=lambda d: d.value)
def test_lengths(direction: Direction) -> None:
    lengths = argument(2, dtype=DType.I32)
    module = module_of(lstm(direction, lengths=lengths))
    inputs = random_inputs(module, {})
    name = next(v.name for v in module.main.inputs if v is lengths)
    check_module(module, inputs | {name: np.array([7, 10], np.int32)})


def test_loop_of_the_module() -> None:
    text = """
    func @is_small(%i: i32[], %x: f32[n]) -> (%small: bool[]) {
      %limit = tensor.constant() {value = dense<3>} : i32[]
      %small = math.less(%i, %limit) : bool[]
      return %small
    }
    func @double(%i: i32[], %x: f32[n]) -> (%next: i32[], %y: f32[n]) {
      %one = tensor.constant() {value = dense<1>} : i32[]
      %next = math.add(%i, %one) : i32[]
      %y = math.add(%x, %x) : f32[n]
      return %next, %y
    }
    func @main(%x: f32[n]) -> (%y: f32[n]) {
      %zero = tensor.constant() {value = dense<0>} : i32[]
      %i, %y = control.while([%zero, %x]) {condition = @is_small, body = @double} : i32[], f32[n]
      return %y
    }
    """
    check_module(text, {"x": np.arange(4, dtype=np.float32)}, writes="while_loop")


@pytest.mark.parametrize("go", [True, False])
def test_branches_of_the_module(go: bool) -> None:
    text = """
    func @double(%x: f32[n]) -> (%y: f32[n]) {
      %y = math.add(%x, %x) : f32[n]
      return %y
    }
    func @same(%x: f32[n]) -> (%y: f32[n]) {
      return %x
    }
    func @main(%go: bool[], %x: f32[n]) -> (%y: f32[n]) {
      %y = control.if(%go, [%x]) {then_branch = @double, else_branch = @same} : f32[n]
      return %y
    }
    """
    check_module(text, {"go": np.array(go), "x": np.arange(4, dtype=np.float32)}, writes="squeeze not_equal cond")

"""States: what a model remembers from one call to the next (spec/ir.md)."""

from collections.abc import Callable, Mapping

import numpy as np

from .attributes import format_dense
from .dims import evaluate
from .errors import InputError
from .ir import Module, State
from .types import Array, TensorType, bind_lone_symbols


def initial_values(module: Module, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The initial values, by the name of their input, of the states that are not among ``inputs``.

    Sizes that the model leaves open are those of ``inputs``. Raises InputError for a size that these do not tell.
    """
    types = {v.name: v.type for v in module.main.inputs}
    sizes: dict[str, int] = {}
    for name, array in inputs.items():
        if name in types:
            bind_lone_symbols(types[name], np.shape(array), sizes)
    return {s.input: _initial(s, types[s.input], sizes) for s in module.states if s.input not in inputs}


def _initial(state: State, type_: TensorType, sizes: Mapping[str, int]) -> Array:
    if unknown := [s for s in type_.symbols if s not in sizes]:
        raise InputError(f"no other input tells the size {', '.join(unknown)} of the state {state.input}: give it too")
    shape = tuple(d if isinstance(d, int) else evaluate(d, sizes) for d in type_.shape)
    try:
        return np.array(np.broadcast_to(state.initial.array.astype(type_.stored.numpy), shape))
    except ValueError:
        initial = list(state.initial.array.shape)
        raise InputError(f"the state {state.input}, at first {initial}, cannot be {list(shape)}") from None


class Memory:
    """What the states of a module hold between calls of it, or of an artifact made of it."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._kept: dict[str, Array] = {}

    def reset(self) -> None:
        """Forgets all: the next call begins with the initial values."""
        self._kept = {}

    def call(
        self, run: Callable[[Mapping[str, Array]], Mapping[str, Array]], inputs: Mapping[str, Array]
    ) -> dict[str, Array]:
        """The outputs of one call by ``run``, which takes all inputs and gives all outputs.

        A state among ``inputs`` has that value, and its output is returned; other states hold what the call before
        left, and their outputs are not returned.
        """
        states = self._module.states
        kept = {name: array for name, array in self._kept.items() if name not in inputs}
        given = {**inputs, **kept}
        outputs = run({**given, **initial_values(self._module, given)})
        self._kept = {s.input: outputs[s.output] for s in states}
        hidden = {s.output for s in states if s.input not in inputs}
        return {name: array for name, array in outputs.items() if name not in hidden}


def describe_state(module: Module, state: State) -> str:
    """``h, f32[1, 64], at first 0.0, then what the call before gave as h_out``."""
    type_ = next(v.type for v in module.main.inputs if v.name == state.input)
    array = state.initial.array
    is_one_number = array.size > 0 and bool((array == array.flat[0]).all())
    initial = format_dense(array.flat[:1].reshape(())).removeprefix("dense<").removesuffix(">")
    first = initial if is_one_number else "values of the model"
    return f"{state.input}, {type_}, at first {first}, then what the call before gave as {state.output}"

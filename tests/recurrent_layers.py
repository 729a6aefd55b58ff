"""Recurrent layers as text, for the tests of lowerings and of targets."""

from typing import Any

import numpy as np

from glmir.ir import Array, Module

INPUT, HIDDEN = 4, 3
OPERANDS = {
    "rnn": ("weight", "recurrence", "bias", "lengths", "initial_h"),
    "gru": ("weight", "recurrence", "bias", "recurrent_bias", "lengths", "initial_h"),
    "lstm": ("weight", "recurrence", "bias", "lengths", "initial_h", "initial_c", "peephole"),
}
ACTIVATIONS = {"rnn": "tanh", "gru": "sigmoid, tanh", "lstm": "sigmoid, tanh, tanh"}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}

LAYERS = [
    ("rnn", "bias"), ("rnn", "bias lengths initial_h"),
    ("gru", "bias recurrent_bias"), ("gru", "recurrent_bias lengths initial_h"),
    ("lstm", ""), ("lstm", "bias lengths initial_h initial_c peephole"),
]  # fmt: skip
"""Kinds, and the optional operands that are there."""

DIRECTIONS = ("forward", "reverse", "bidirectional")

OPTIONS = [
    ("rnn", ", clip = 0.3"), ("gru", ", clip = 0.3"), ("gru", ", linear_before_reset = true"),
    ("lstm", ", clip = 0.3"), ("lstm", ", input_forget = true"),
]  # fmt: skip
"""Kinds, and further attributes."""


def layer(
    kind: str, present: str = "", direction: str = "forward", time: Any = "t", batch: Any = "b", extra: str = ""
) -> str:
    """A module of one layer, all of whose operands are inputs; ``present`` names the optional ones that are there."""
    d = 2 if direction == "bidirectional" else 1
    rows = GATES[kind] * HIDDEN
    shapes = {
        "weight": [d, rows, INPUT], "recurrence": [d, rows, HIDDEN], "bias": [d, rows], "recurrent_bias": [d, rows],
        "lengths": [batch], "initial_h": [d, batch, HIDDEN], "initial_c": [d, batch, HIDDEN],
        "peephole": [d, 3 * HIDDEN],
    }  # fmt: skip
    names = [n for n in OPERANDS[kind] if n in ("weight", "recurrence", *present.split())]
    types = {n: f"{'i32' if n == 'lengths' else 'f32'}[{', '.join(map(str, shapes[n]))}]" for n in names}
    inputs = ", ".join([f"%x: f32[{time}, {batch}, {INPUT}]", *(f"%{n}: {t}" for n, t in types.items())])
    operands = ", ".join(f"%{n}" if n in names else "none" for n in OPERANDS[kind])
    activations = "" if "activations" in extra else f", activations = [{', '.join([ACTIVATIONS[kind]] * d)}]"
    state = f"f32[{d}, {batch}, {HIDDEN}]"
    results = {"y": f"f32[{time}, {d}, {batch}, {HIDDEN}]", "h": state, **({"c": state} if kind == "lstm" else {})}
    outputs = ", ".join(f"%{n}: {t}" for n, t in results.items())
    values = ", ".join(f"%{n}" for n in results)
    return f"""func @main({inputs}) -> ({outputs}) {{
  {values} = nn.{kind}(%x, {operands}) {{direction = {direction}{activations}{extra}}} : {", ".join(results.values())}
  return {values}
}}"""


def inputs_of(module: Module, time: int = 5, batch: int = 2) -> dict[str, Array]:
    """Random inputs, each sample of another length."""
    generator = np.random.default_rng(0)
    sizes = {"t": time, "b": batch}
    arrays: dict[str, Array] = {}
    for value in module.main.inputs:
        shape = [d if isinstance(d, int) else sizes[str(d)] for d in value.type.shape]
        arrays[value.name] = generator.standard_normal(shape).astype(np.float32)
        if value.name == "lengths":
            arrays[value.name] = np.arange(shape[0], dtype=np.int32) * 2 + 1
    return arrays

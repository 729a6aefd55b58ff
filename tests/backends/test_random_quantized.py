"""Property: a random network of integers computes on any target what its pairs of quantize and dequantize say."""

import os
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from glmir import interpreter
from glmir.backends.target import TARGETS, Precision, TargetOptions, load_target
from glmir.driver.compilation import Optimized, Options, Watch
from glmir.errors import CompileError
from glmir.interpreter import bind_inputs, execute
from glmir.ir import Array, Module, Value
from glmir.ops import math, nn, quant, tensor
from glmir.pass_manager import PassManager
from glmir.passes import pipelines
from glmir.passes.patterns import constant_array
from glmir.passes.quantization.insert_quantization import insert_pairs
from glmir.passes.quantization.parameters import Range
from glmir.passes.quantization.plan import StaticOptions, name_values
from glmir.passes.quantization.roles import BETWEEN_LAYERS, LAYERS
from glmir.printer import print_module
from glmir.types import DType
from tests.random_graphs import has_elements_everywhere, random_network

from .workers import at_border, run_artifact

EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "40"))
"""How many modules are tried for each target: set the variable for a longer search."""

REFUSED_AT_MOST = 0.1
"""The part of the modules that may be refused, as they are in float."""

LARGEST = 8
"""Ops a module."""

MOVING = (
    nn.MaxPool, math.ReduceMax, tensor.Concat, tensor.DepthToSpace, tensor.Expand, tensor.Gather, tensor.Pad,
    tensor.Reshape, tensor.Reverse, tensor.Slice, tensor.Split, tensor.Tile, tensor.Transpose,
)  # fmt: skip

DRAWN = (*LAYERS * 6, *BETWEEN_LAYERS, *MOVING)
"""What the modules are made of, layers more often than others."""

STEPS = 2.0
"""An element may be off by so many steps of its output's scale: kernels round products, and then the result."""

NOISE = 4.0
"""And by so many times what the pairs are off from floats: what one kernel rounds otherwise, those behind it enlarge as
they do what the pairs round."""

FLOAT = 0.01
"""And by this part of the output's magnitude, where an output is float and its error may be 0 by chance."""


@pytest.mark.parametrize("target", TARGETS)
def test_integers_compute_what_pairs_say(target: str) -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @given(st.integers(0, 2**32 - 1), st.integers(2, LARGEST), st.sampled_from([DType.I8, DType.I8, DType.I16]))
    def search(seed: int, ops: int, storage: DType) -> None:
        module, inputs = random_network(seed, ops, DRAWN)
        assume(has_elements_everywhere(module))
        PassManager(pipelines.optimize(pipelines.OptLevel.O2)).run(module)
        floats = interpreter.run(module, inputs)
        if _is_quantized(module, inputs, storage):
            outcomes[_outcome(target, module, inputs, floats)] += 1

    search()
    print(outcomes)
    assert outcomes["refused"] <= REFUSED_AT_MOST * outcomes.total()
    assert outcomes["ran"] >= EXAMPLES // 3


def _is_quantized(module: Module, inputs: Mapping[str, Array], storage: DType) -> bool:
    """Quantizes what can be, with the ranges of these inputs; whether anything was."""
    decisions = insert_pairs(module, StaticOptions(_ranges(module, inputs), storage, storage is DType.I16))
    PassManager(pipelines.cleanup()).run(module)
    return any(d.is_integer for d in decisions)


def _ranges(module: Module, inputs: Mapping[str, Array]) -> dict[str, Range]:
    name_values(module)
    sizes: dict[str, int] = {}
    arrays = bind_inputs(module.main, inputs, sizes)
    ranges = {value.name: _range(array) for value, array in arrays.items()}
    for op, results in execute(module.main, arrays, sizes, module.functions):
        arrays.update(zip(op.results, results, strict=True))
        ranges |= {r.name: _range(arrays[r]) for r in op.results if r.type.dtype is DType.F32}
    return ranges


def _range(array: Array) -> Range:
    return Range(float(array.min(initial=0.0)), float(array.max(initial=0.0)))


def _outcome(target: str, module: Module, inputs: Mapping[str, Array], floats: Mapping[str, Array]) -> str:
    options = TargetOptions(precision=Precision.FP32 if target == "coreml" else None)
    try:
        artifact = Optimized(module, module, Options(), Watch()).build(load_target(target, options))
    except CompileError:
        return "refused"
    pairs = interpreter.run(module, inputs)
    try:
        actual = run_artifact(artifact, inputs)
        for name, value in zip(module.main.output_names, module.main.outputs, strict=True):
            expected = at_border(artifact.target, pairs[name])
            assert actual[name].shape == expected.shape
            if value.type.dtype is not DType.F32:
                np.testing.assert_array_equal(actual[name], expected, name)
                continue
            magnitude = np.abs(floats[name]).max(initial=0.0)
            noise = np.abs(pairs[name] - floats[name]).max(initial=0.0)
            allowed = STEPS * _step(value) + NOISE * noise + FLOAT * magnitude
            np.testing.assert_allclose(actual[name], expected, rtol=0, atol=allowed, err_msg=name)
    except Exception as error:
        error.add_note(f"{print_module(module)}\nwas compiled to\n{print_module(artifact.module)}")
        raise
    return "ran"


def _step(value: Value) -> float:
    """The scale in which an output is stored; 0 when it is float."""
    owner = value.owner
    scale = constant_array(owner.scale) if isinstance(owner, quant.Dequantize) else None
    return 0.0 if scale is None else float(np.max(scale))

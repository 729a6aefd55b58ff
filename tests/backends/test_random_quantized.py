"""Property: a random network quantized to integers computes on any target what its pairs of quantize and dequantize say."""

import os
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from glmir import interpreter
from glmir.backends.emission import is_legal
from glmir.backends.target import TARGETS, load_target
from glmir.driver.compilation import Artifact
from glmir.driver.target_options import TargetOptions
from glmir.interpreter import bind_inputs, execute
from glmir.ir import Array, Module, Value
from glmir.ops import quant
from glmir.pass_manager import PassManager
from glmir.passes import pipelines
from glmir.passes.patterns import constant_array
from glmir.passes.quantization.insert_quantization import insert_pairs
from glmir.passes.quantization.parameters import Range
from glmir.passes.quantization.plan import StaticOptions, activations, name_values
from glmir.passes.quantization.roles import BETWEEN_LAYERS, LAYERS
from glmir.printer import print_module
from glmir.types import DType
from tests.random_graphs import MOVING, random_module

from .test_random import has_elements_everywhere
from .workers import at_border, run_artifact

EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "40"))
"""How many modules are tried for each target: set the variable for a longer search."""

LARGEST = 8
"""Ops a module."""

DRAWN = (*LAYERS * 4, *BETWEEN_LAYERS, *MOVING)
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
    @given(st.integers(0, 2**32 - 1), st.integers(1, LARGEST), st.sampled_from([DType.I8, DType.I8, DType.I16]))
    def search(seed: int, ops: int, storage: DType) -> None:
        module, inputs = random_module(seed, ops, DRAWN)
        assume(has_elements_everywhere(module))
        PassManager(pipelines.optimize(pipelines.OptLevel.O2)).run(module)
        floats = interpreter.run(module, inputs)
        assume(_is_quantized(module, inputs, storage))
        outcomes["quantized"] += 1
        _compare(target, module, inputs, floats)

    search()
    assert outcomes["quantized"] >= EXAMPLES // 2


def _is_quantized(module: Module, inputs: Mapping[str, Array], storage: DType) -> bool:
    """Quantizes what can be, with the ranges of these inputs; whether anything was."""
    name_values(module)
    wanted, sizes = set(activations(module)), dict[str, int]()
    arrays = bind_inputs(module.main, inputs, sizes)
    for op, results in execute(module.main, arrays, sizes, module.functions):
        arrays.update(zip(op.results, results, strict=True))
    ranges = {v.name: _range(a) for v, a in arrays.items() if v in wanted}
    decisions = insert_pairs(module, StaticOptions(ranges, storage, is_symmetric=storage is DType.I16))
    PassManager(pipelines.cleanup()).run(module)
    return any(d.is_integer for d in decisions)


def _range(array: Array) -> Range:
    return Range(float(array.min(initial=0.0)), float(array.max(initial=0.0)))


def _compare(target: str, module: Module, inputs: Mapping[str, Array], floats: Mapping[str, Array]) -> None:
    artifact = _built(target, module)
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


def _built(name: str, module: Module) -> Artifact:
    target = load_target(name, TargetOptions(precision="fp32"))
    while True:
        lowered = module.clone()
        PassManager(pipelines.lower(target.legalize, target.spatial_layout, pipelines.OptLevel.O2)).run(lowered)
        if is_legal(lowered, target.table) or target.newer is None:
            return Artifact(target, lowered, "a random module")
        target = target.newer()


def _step(value: Value) -> float:
    """The scale in which an output is stored; 0 when it is float."""
    owner = value.owner
    scale = constant_array(owner.scale) if isinstance(owner, quant.Dequantize) else None
    return 0.0 if scale is None else float(np.max(scale))

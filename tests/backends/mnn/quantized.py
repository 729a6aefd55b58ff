"""Pairs and weights of few bits for the tests, and how far MNN's integers may be from the interpreter's."""

import tempfile
from pathlib import Path

import numpy as np

from glmir import interpreter
from glmir.backends.mnn.serializer import serialize
from glmir.ir import Array, Value
from glmir.ops import quant
from glmir.types import DType
from tests.backends.building import Sizes, constant, module_of

from .harness import WORKER, as_border, legalise, written_ops


def pair(x: Value, scale: float, zero: int = 0, storage: DType = DType.I8) -> Value:
    """``x`` as bytes of one scale can say it."""
    parameters = constant(np.array(scale, np.float32)), constant(np.array(zero, storage.numpy))
    return quant.Dequantize(quant.Quantize(x, *parameters, storage=storage).result, *parameters).result


def integers(
    shape: tuple[int, ...], storage: DType = DType.I8, low: int | None = None, high: int | None = None
) -> Array:
    """Random integers, all that there are but for the limits."""
    generator = np.random.default_rng(3)
    low, high = storage.lowest if low is None else low, storage.highest if high is None else high
    return generator.integers(low, high + 1, shape).astype(storage.numpy)


def few_bits(
    stored: Array,
    storage: DType = DType.I8,
    *,
    axis: int | None = 0,
    block: int | None = None,
    zeros: bool = False,
    exact_halves: bool = False,
) -> Value:
    """Dequantized integers with random scales, per index of the axis, per block of it, or one for all."""
    generator = np.random.default_rng(5)
    shape: tuple[int, ...] = () if axis is None else (stored.shape[axis],)
    if axis is not None and block is not None:
        shape = tuple(-(-d // block) if i == axis else d for i, d in enumerate(stored.shape))
    scales = generator.uniform(0.002, 0.01, shape).astype(np.float16 if exact_halves else np.float32)
    points = constant(integers(shape, storage)) if zeros else None
    scale = constant(np.asarray(scales, np.float32))
    return quant.Dequantize(constant(stored.astype(storage.numpy)), scale, points, axis, block).result


def check_steps(
    result: Value,
    *bindings: Sizes,
    scale: float,
    writes: str | None = None,
    limit: float = 4.0,
    most: int = 1,
    share: float = 0.1,
) -> None:
    """Fails unless MNN's results are within ``most`` steps of ``scale`` of the interpreter's, and but for a ``share``
    of the elements the same. Inputs are uniform up to ``limit``; results are floats that bytes have been."""
    assert result.owner is not None
    module = module_of(result.owner)
    generator = np.random.default_rng(7)
    cases = []
    for sizes in bindings or ({},):
        shapes = {
            v.name: [d if isinstance(d, int) else sizes[str(d)] for d in v.type.shape] for v in module.main.inputs
        }
        cases.append({n: generator.uniform(-limit, limit, s).astype(np.float32) for n, s in shapes.items()})
    legalise(module)
    if writes is not None:
        assert written_ops(module) == writes.split()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.mnn")
        serialize(module, path)
        for inputs in cases:
            expected = interpreter.run(module, inputs)
            actual = WORKER.run(path, as_border(inputs))
            for name, wanted in expected.items():
                assert np.unique(wanted).size > 3, "the results tell nothing"
                steps = np.abs(np.asarray(actual[name], np.float64) - wanted) / scale
                assert steps.max() < most + 0.01
                assert np.mean(steps > 0.01) <= share

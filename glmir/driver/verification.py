"""--verify: the artifact in its own runtime against the source model in onnxruntime, on seeded inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dims import evaluate
from ..errors import InputError, VerificationError
from ..passes.layout.change_io_layout import selected_names
from ..passes.layout.channels_last import to_channels_first, to_channels_last
from ..ops.enums import Layout
from ..types import Array, DType, TensorType
from .compilation import Artifact, Options, load
from .inputs import pin_inputs

TOLERANCE = 1e-4
"""The largest error that passes, as a part of the output's largest magnitude: float32 sums in another order stay below."""

SYMBOL_SIZES = (32, 64, 48, 16, 224, 7, 1)
"""Sizes that are tried for symbolic dims until the source model runs: many networks take multiples of 32 only."""

SEED = 0


@dataclass(frozen=True)
class OutputError:
    """How far one output is off: the largest absolute error, and the largest magnitude of the source's output."""

    name: str
    error: float
    magnitude: float

    @property
    def relative(self) -> float:
        return self.error / self.magnitude if self.magnitude else self.error

    def __str__(self) -> str:
        return f"{self.name}: largest error {self.error:.3g} of {self.magnitude:.3g} ({self.relative:.2g} of it)"


def verify_artifact(artifact: Artifact, source: Path, options: Options) -> list[OutputError]:
    """The error of each output; raises VerificationError when one exceeds the tolerance, InputError without onnxruntime."""
    module = load(source, options.specs)
    pinned = pin_inputs(module.main, options.specs.pinned)
    types = {v.name: v.type for v in module.main.inputs}
    inputs, expected = _reference(source, types, pinned)
    changed: frozenset[str] = frozenset()
    if options.io_layout is Layout.NHWC:
        changed = selected_names(module.main, options.io_layout_names)
    got = artifact.run({n: _channels_last(a) if n in changed else a for n, a in inputs.items()})
    errors = []
    for name, reference in expected.items():
        actual = got[name]
        if name in changed:
            actual = actual.transpose(to_channels_first(actual.ndim))
        errors.append(compare_output(name, actual, reference))
    if failed := [e for e in errors if not e.relative <= TOLERANCE]:
        raise VerificationError("the artifact differs from its source: " + "; ".join(map(str, failed)))
    return errors


def compare_output(name: str, actual: Array, expected: Array) -> OutputError:
    """The largest error of one output; infinite when shapes differ or one of the two is not a number."""
    magnitude = float(np.max(np.abs(expected[np.isfinite(expected)].astype(np.float64)), initial=0.0))
    if actual.shape != expected.shape:
        return OutputError(name, float("inf"), magnitude)
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        errors = np.where(same, 0.0, np.abs(a - b))
    worst = float(np.max(errors, initial=0.0))
    return OutputError(name, float("inf") if np.isnan(worst) else worst, magnitude)


def _reference(
    source: Path, types: Mapping[str, TensorType], pinned: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    try:
        import onnxruntime
    except ImportError:
        raise InputError("--verify needs onnxruntime: pip install 'glmc[onnxruntime]'") from None
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(source), settings, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise VerificationError(f"onnxruntime cannot load {source}: {error}") from None
    names = [o.name for o in session.get_outputs()]
    reason = ""
    for inputs in _candidates(types):
        try:
            return inputs, dict(zip(names, session.run(names, {**inputs, **pinned}), strict=True))
        except Exception as error:
            # onnxruntime has an exception class per status; any of them may say that a size does not suit the model.
            reason = str(error).split("\n")[0]
    raise VerificationError(f"onnxruntime cannot run {source} on seeded inputs; fix its dims with --dim ({reason})")


def _candidates(types: Mapping[str, TensorType]) -> Iterator[dict[str, Array]]:
    symbols = sorted({s for t in types.values() for s in t.symbols})
    leading = {str(t.shape[0]) for t in types.values() if t.shape}
    sizes = SYMBOL_SIZES if symbols else SYMBOL_SIZES[:1]
    for size in sizes:
        # The first axis is the batch nearly always: a small one keeps the check quick.
        environment = {s: 2 if s in leading and len(symbols) > 1 else size for s in symbols}
        generator = np.random.default_rng(SEED)
        yield {name: _random(generator, t, environment) for name, t in types.items()}


def seeded_inputs(types: Mapping[str, TensorType]) -> dict[str, Array]:
    """Random arrays of the given types, the same in every run."""
    return next(_candidates(types))


def _random(generator: np.random.Generator, type_: TensorType, environment: Mapping[str, int]) -> Array:
    shape = tuple(d if isinstance(d, int) else evaluate(d, environment) for d in type_.shape)
    if type_.dtype is DType.BOOL:
        return generator.integers(0, 2, shape).astype(np.bool_)
    if type_.dtype.is_integer:
        # Small numbers are valid as indices, token ids and lengths alike.
        return generator.integers(0, 2, shape).astype(type_.dtype.numpy)
    return generator.standard_normal(shape).astype(type_.dtype.numpy)


def _channels_last(array: Array) -> Array:
    return np.ascontiguousarray(array.transpose(to_channels_last(array.ndim)))

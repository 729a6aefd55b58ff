"""--verify: the artifact in its own runtime against its source: ONNX in onnxruntime, others in the interpreter."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..backends.target import Precision, Sizes, Target
from ..errors import GlmirError, InputError, ModelWarning, VerificationError
from ..ir import Module
from ..passes.layout.change_io_layout import SMALLEST_RANK
from ..passes.layout.channels_last import to_channels_first, to_channels_last
from ..states import Memory
from ..types import Array, DType
from .compilation import Options
from .samples import Arrays, run_on_samples
from .sources import IR_SUFFIX, is_torch_file, load_pinned

TOLERANCES = {DType.F16: 5e-3, DType.BF16: 4e-2}
"""The largest error that passes, as a part of the output's largest magnitude: half precision has 11 and 8 bits, …"""

TOLERANCE = 1e-4
"""… and float32 sums in another order stay below this in whole networks."""

NEGLIGIBLE = 1e-7
"""An absolute error that always passes: a sigmoid's outputs may all be nearly zero, and are no more exact than that."""

CALLS = 3
"""A model with states is called so often, one call after another."""

HALF_PRECISION_ADVICE = "\n  it computes in fp16; --precision fp32 tells whether that is why"


@dataclass(frozen=True)
class OutputError:
    """How far one output is off: the largest absolute error, and the largest magnitude of the source's output."""

    name: str
    dtype: DType
    error: float
    magnitude: float
    problem: str = ""
    tolerance: float = TOLERANCE

    @property
    def relative(self) -> float:
        return self.error / self.magnitude if self.magnitude else self.error

    @property
    def is_accepted(self) -> bool:
        tolerance = max(self.tolerance, TOLERANCES.get(self.dtype, 0.0))
        return self.error <= tolerance * self.magnitude + NEGLIGIBLE

    def __str__(self) -> str:
        if self.problem:
            return f"{self.name}: {self.problem}"
        return f"{self.name}: largest error {self.error:.3g}, {self.relative:.2g} of the magnitude {self.magnitude:.3g}"


def require_runtimes(source: Path) -> None:
    """Raises InputError when what ``source`` is verified against is not installed."""
    if not _is_interpreted(source) and find_spec("onnxruntime") is None:
        raise InputError("--verify needs onnxruntime: pip install 'glmc[onnxruntime]'")


def verify_file(artifact: Path, target: Target, source: Path, options: Options) -> list[OutputError]:
    """The error of each output on seeded inputs.

    Raises VerificationError when one is too large, or when one of the two cannot be run; InputError without runtimes.
    """
    if problems := target.problems(artifact):
        raise VerificationError("\n  ".join([f"{artifact} breaks rules of {target.name}:", *problems]))
    module, pinned = load_pinned(source, options.specs)
    changed = options.io_layout.selected(module)
    scalars = {name for name, v in zip(module.main.output_names, module.main.outputs, strict=True) if not v.type.rank}
    scalar_states = scalars.intersection(state.output for state in module.states)

    def run(inputs: Arrays) -> dict[str, Array]:
        outputs = target.run(artifact, {n: given_to_artifact(n, a, n in changed, target) for n, a in inputs.items()})
        # Where inputs have an axis at least, a state has one too.
        outputs |= {name: outputs[name].reshape(()) for name in scalar_states}
        return {name: given_by_artifact(array, name in changed) for name, array in outputs.items()}

    run_source = _in_turn(source_runner(source, module, pinned), module)
    expected, actual = _run_both(source, run_source, _in_turn(run, module), module, options.specs.sizes)
    # An artifact may say more than its source: the likeliest class.
    if not set(expected) <= set(actual):
        raise VerificationError(f"{artifact} has the outputs {', '.join(actual)}, not {', '.join(expected)}")
    errors = []
    for name, reference in expected.items():
        dtype = DType.of(reference.dtype)
        # What the source rounds to half precision is off, also where the artifact keeps more of it.
        tolerance = max(target.tolerance, TOLERANCES.get(dtype, 0.0))
        errors.append(compare_output(name, actual[name], reference.astype(target.border(dtype).numpy), tolerance))
    if not all(e.is_accepted for e in errors):
        failed = "".join(f"\n  {e}" for e in errors if not e.is_accepted)
        advice = HALF_PRECISION_ADVICE if target.precision is Precision.FP16 else target.advice
        raise VerificationError(f"{artifact} does not compute what {source} does:{failed}{advice}")
    return _worst_calls(errors, len(module.main.outputs))


def _worst_calls(errors: Sequence[OutputError], outputs: int) -> list[OutputError]:
    """The largest error of each output in any call; each call's errors stand behind those of the call before."""
    return [max(errors[place::outputs], key=lambda e: (e.relative, e.magnitude)) for place in range(outputs)]


def compare_output(name: str, actual: Array, expected: Array, tolerance: float = TOLERANCE) -> OutputError:
    """The largest error of one output; infinite when dtypes or shapes differ or one of the two is not a number."""
    dtype = DType.of(expected.dtype)
    wide, wide_expected = actual.astype(np.float64), expected.astype(np.float64)
    magnitude = float(np.max(np.abs(wide_expected[np.isfinite(wide_expected)]), initial=0.0))
    for what, got, wanted in (
        ("dtype", actual.dtype, expected.dtype),
        ("shape", list(actual.shape), list(expected.shape)),
    ):
        if got != wanted:
            return OutputError(name, dtype, float("inf"), magnitude, f"its {what} is {got}, not {wanted}")
    same = (wide == wide_expected) | (np.isnan(wide) & np.isnan(wide_expected))
    with np.errstate(invalid="ignore"):
        errors = np.where(same, 0.0, np.abs(wide - wide_expected))
    worst = float(np.max(errors, initial=0.0))
    return OutputError(name, dtype, float("inf") if np.isnan(worst) else worst, magnitude, tolerance=tolerance)


Runner = Callable[[Arrays], dict[str, Array]]


def source_runner(source: Path, module: Module, pinned: Mapping[str, Array]) -> Runner:
    return _Interpreter(module) if _is_interpreted(source) else _OnnxRuntime(source, pinned)


def _is_interpreted(source: Path) -> bool:
    """Whether the source runs in the interpreter: no other runtime is trusted with programs of PyTorch."""
    return source.suffix == IR_SUFFIX or is_torch_file(source)


def _in_turn(run: Runner, module: Module) -> Runner:
    """Several calls on one input after another, the states handed on; the outputs of each under names of their own."""
    if not module.states:
        return run

    def run_all(inputs: Arrays) -> dict[str, Array]:
        memory = Memory(module)
        made: dict[str, Array] = {}
        for turn in range(CALLS):

            def call(given: Arrays, suffix: str = f" (call {turn + 1})" if turn else "") -> dict[str, Array]:
                outputs = run(given)
                made.update({name + suffix: array for name, array in outputs.items()})
                return outputs

            memory.call(call, {name: np.roll(array, turn) for name, array in inputs.items()})
        return made

    return run_all


def _run_both(
    source: Path, run_source: Runner, run_artifact: Runner, module: Module, sizes: Mapping[str, Sizes]
) -> tuple[Arrays, Arrays]:
    """The outputs of the source and of the artifact on seeded inputs that both take.

    Warns (``ModelWarning``) of inputs that the source takes and the artifact does not.
    """
    refused: list[str] = []
    computed: dict[int, Arrays] = {}

    def run(inputs: Arrays) -> Arrays:
        expected = run_source(inputs)
        try:
            computed[id(expected)] = run_artifact(inputs)
        except GlmirError as error:
            refused.append(f"on {', '.join(f'{n} {list(a.shape)}' for n, a in inputs.items())} it fails: {error}")
            raise
        return expected

    states = {state.input for state in module.states}
    types = {v.name: v.type for v in module.main.inputs if v.name not in states}
    try:
        _, expected = run_on_samples(types, run, sizes)
    except InputError:
        raise
    except Exception as error:
        if refused and isinstance(error, GlmirError):
            raise VerificationError(str(error)) from error
        if refused:
            raise VerificationError(f"the artifact cannot be run: {refused[0]}") from None
        # onnxruntime has an exception class per status, and the interpreter fails where numpy does; any of them may say
        # that a size does not suit the model.
        reason = str(error).strip().split("\n")[0]
        advice = "fix dims with --dim, or an input with --input"
        raise VerificationError(f"{source} cannot be run on seeded inputs; {advice} ({reason})") from None
    if refused:
        warnings.warn(ModelWarning(refused[0]), stacklevel=3)
    return expected, computed[id(expected)]


class _Interpreter:
    def __init__(self, module: Module) -> None:
        self._module = module

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        from ..interpreter import run

        return run(self._module, inputs)


class _OnnxRuntime:
    """The source in onnxruntime, with the inputs that are pinned in the artifact given the same values."""

    def __init__(self, source: Path, pinned: Mapping[str, Array]) -> None:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(source), settings, providers=["CPUExecutionProvider"])
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise VerificationError(f"onnxruntime cannot load {source}: {reason}") from None
        self._pinned = pinned
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        from ..backends.onnx.runtime import run_session

        outputs = run_session(self._session, self._names, {**inputs, **self._pinned})
        return dict(zip(self._names, outputs, strict=True))


def given_to_artifact(name: str, array: Array, is_channels_last: bool, target: Target) -> Array:
    """A source's input as the artifact takes it."""
    array = array.transpose(to_channels_last(array.ndim)) if is_channels_last else array
    array = target.adapt_input(name, array)
    return np.ascontiguousarray(array.astype(target.border(DType.of(array.dtype)).numpy)).reshape(array.shape)


def given_by_artifact(array: Array, is_channels_last: bool) -> Array:
    """An artifact's output as the source gives it."""
    is_image = is_channels_last and array.ndim >= SMALLEST_RANK
    return array.transpose(to_channels_first(array.ndim)) if is_image else array

"""Runs a module on samples and shows values inside it: in onnxruntime, which is fast, or in the interpreter."""

import tempfile
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ...backends.emission import check_legal
from ...backends.target import Target, load_target
from ...dims import UnboundSymbolError, evaluate
from ...errors import GlmirError
from ...interpreter import bind_inputs, execute
from ...ir import Module, Value
from ...ops import tensor
from ...pass_manager import PassManager
from ...passes import pipelines
from ...rewriter import RewriteSession
from ...states import Memory
from ...types import Array, TensorType, bind_lone_symbols

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Observer: TypeAlias = Callable[[str, Array], None]
"""Is called with the name of a value and its array, which is the observer's only until it returns."""

MEMORY = 256 << 20
"""Bytes of values that are held at once: of more, groups are computed one after the other, each in a run of its own."""


class Runner:
    """Runs ``main`` of a module, and shows the values of the names in ``wanted``, in no particular order.

    The module must not change while it is run. ``notes`` are sentences on what is not as usual. Raises ValueError for a
    name that no value of ``main`` has.
    """

    def __init__(self, module: Module, wanted: Collection[str] = (), memory: int = MEMORY) -> None:
        values = {value.name: value for value in module.main.values()}
        if unknown := [name for name in wanted if name not in values]:
            raise ValueError(f"there is no value {', '.join(unknown)}")
        self._module = module
        self._memory = Memory(module)
        self._values = {name: values[name] for name in dict.fromkeys(wanted)}
        self.notes: list[str] = []
        self._sessions = _onnxruntime_sessions(module, self._values, memory, self.notes)

    def run(self, inputs: Mapping[str, Array], observe: Observer | None = None) -> dict[str, Array]:
        """The outputs for one sample, after ``observe`` was shown what is wanted.

        States that are not among ``inputs`` hold what the call before left, and their outputs are not returned. Raises
        InputError for inputs that do not fit, GlmirError when the module cannot be run on them.
        """
        show = observe or _ignore

        def call(given: Mapping[str, Array]) -> dict[str, Array]:
            if self._sessions is not None:
                return self._sessions.run(given, show)
            return self._interpret(given, show)

        return self._memory.call(call, inputs)

    def reset(self) -> None:
        """Gives all states their initial values again."""
        self._memory.reset()

    def _interpret(self, inputs: Mapping[str, Array], show: Observer) -> dict[str, Array]:
        main, environment = self._module.main, dict[str, int]()
        arrays = bind_inputs(main, inputs, environment)
        wanted = {value: name for name, value in self._values.items()}
        for value, array in list(arrays.items()):
            if value in wanted:
                show(wanted[value], array)
        for op, results in execute(main, arrays, environment, self._module.functions):
            arrays.update(zip(op.results, results, strict=True))
            for value in op.results:
                if value in wanted:
                    show(wanted[value], arrays[value])
        return {name: arrays[v] for name, v in zip(main.output_names, main.outputs, strict=True)}


def _ignore(name: str, array: Array) -> None:
    pass


def _onnxruntime_sessions(
    module: Module, values: Mapping[str, Value], memory: int, notes: list[str]
) -> "_Sessions | None":
    """None, with a note, when the module cannot be run in onnxruntime."""
    if find_spec("onnxruntime") is None:
        notes.append("onnxruntime is not installed (pip install 'glmc[onnxruntime]'): the slow interpreter is used")
        return None
    sessions = _Sessions(module, values, memory)
    reason = sessions.prepare()
    if reason is not None:
        notes.append(f"onnxruntime does not take the model, the slow interpreter runs it: {reason}")
        return None
    return sessions


class _Sessions:
    """onnxruntime's sessions for a module: one, or one for each group of wanted values when all together are large."""

    def __init__(self, module: Module, values: Mapping[str, Value], memory: int) -> None:
        self._module = module
        self._values = values
        self._limit = memory
        self._inputs = list(module.main.inputs)
        self._constants = [n for n, v in values.items() if isinstance(v.owner, tensor.Constant)]
        self._shown = [n for n, v in values.items() if v.owner is not None and n not in self._constants]
        self._plans: dict[int, list[_Session]] = {}

    def prepare(self) -> str | None:
        """Makes the session for all values at once; says why when there is none."""
        try:
            self._plans[1] = [_Session(self._module, {n: self._values[n] for n in self._shown}, has_outputs=True)]
        except GlmirError as error:
            return str(error).split("\n")[0]
        return None

    def run(self, inputs: Mapping[str, Array], show: Observer) -> dict[str, Array]:
        """The module's outputs; states must be among the inputs."""
        bind_inputs(self._module.main, inputs, {})
        for name, value in self._values.items():
            if value.owner is None:
                show(name, np.asarray(inputs[value.name]))
        for name in self._constants:
            owner = self._values[name].owner
            assert isinstance(owner, tensor.Constant)
            show(name, owner.value.array)
        outputs: dict[str, Array] = {}
        for session in self._plan(inputs):
            outputs |= session.run(inputs, show)
        return outputs

    def _plan(self, inputs: Mapping[str, Array]) -> "list[_Session]":
        """The sessions for inputs of these shapes: twice as many groups until one is small enough."""
        sizes: dict[str, int] = {}
        for value in self._inputs:
            bind_lone_symbols(value.type, np.shape(inputs[value.name]), sizes)
        bytes_of = {name: _bytes(self._values[name].type, sizes) for name in self._shown}
        wanted = ceil(sum(bytes_of.values()) / self._limit)
        groups = 1
        while groups < min(wanted, len(bytes_of)):
            groups *= 2
        if groups not in self._plans:
            parts = _groups(bytes_of, groups)
            self._plans[groups] = [
                _Session(self._module, {n: self._values[n] for n in part}, has_outputs=part is parts[0])
                for part in parts
            ]
        return self._plans[groups]


def _bytes(type_: TensorType, sizes: Mapping[str, int]) -> int:
    try:
        shape = [d if isinstance(d, int) else evaluate(d, sizes) for d in type_.shape]
    except UnboundSymbolError:
        # A size that depends on the data: nothing is known before the run.
        return 0
    return prod(shape) * type_.stored.numpy.itemsize


def _groups(bytes_of: Mapping[str, int], groups: int) -> list[list[str]]:
    """The names in order, cut where another part of the sum is full."""
    share = sum(bytes_of.values()) / groups
    parts: list[list[str]] = [[]]
    filled = 0
    for name, size in bytes_of.items():
        if parts[-1] and filled + size > share * len(parts):
            parts.append([])
        parts[-1].append(name)
        filled += size
    return parts


class _Session:
    """One session: the module's outputs, if ``has_outputs``, and values inside. Raises GlmirError if there is none."""

    def __init__(self, module: Module, values: Mapping[str, Value], has_outputs: bool) -> None:
        exposed = module.clone()
        # What a state becomes is an output like others, and what it is an input.
        exposed.states.clear()
        main = exposed.main
        clones = dict(zip(module.main.values(), main.values(), strict=True))
        self._outputs = list(main.output_names) if has_outputs else []
        taken = {*main.output_names, *(v.name for v in main.inputs)}
        names = _fresh_names(len(values), taken)
        self._shown = dict(zip(names, values, strict=True))
        kept = list(main.outputs) if has_outputs else []
        main.set_outputs([*kept, *(clones[v] for v in values.values())], [*self._outputs, *names])
        self._session = _session(exposed)
        self._inputs = {argument.name for argument in self._session.get_inputs()}

    def run(self, inputs: Mapping[str, Array], show: Observer) -> dict[str, Array]:
        from ...backends.onnx.runtime import run_session

        taken = {name: array for name, array in inputs.items() if name in self._inputs}
        given = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in taken.items()}
        try:
            arrays = run_session(self._session, [*self._outputs, *self._shown], given)
        except Exception as error:
            # onnxruntime has an exception class per status code, and no public base of them.
            raise GlmirError(f"onnxruntime cannot run the model: {str(error).strip().splitlines()[0]}") from error
        outputs = dict(zip(self._outputs, arrays, strict=False))
        for name, array in zip(self._shown.values(), arrays[len(self._outputs) :], strict=True):
            show(name, array)
        return outputs


def _fresh_names(count: int, taken: Collection[str]) -> list[str]:
    stem = "observed"
    while any(name.startswith(stem) for name in taken):
        stem += "_"
    return [f"{stem}{number}" for number in range(count)]


def _session(module: Module) -> "InferenceSession":
    import onnxruntime

    target = _lowered(module)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that wait for work leave the processor to what looks at the values.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Pairs of quantize and dequantize mean what they say: other kernels round, and saturate, in their own ways.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    with tempfile.TemporaryDirectory(prefix="glmc-") as folder:
        path = Path(folder) / "model.onnx"
        target.serialize(module, path)
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise GlmirError(f"onnxruntime cannot load the model: {str(error).strip().splitlines()[0]}") from error


def _lowered(module: Module) -> Target:
    """Makes the module legal for ONNX; raises CompileError when it cannot be."""
    target = load_target("onnx")
    pipeline = pipelines.lower(target.legalize, target.spatial_layout, pipelines.OptLevel.O1)
    with np.errstate(all="ignore"):
        PassManager(pipeline, (), RewriteSession()).run(module)
    check_legal(module, target.table, target.name)
    return target

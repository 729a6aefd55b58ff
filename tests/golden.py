"""Golden files: modules as text before and after passes, with everything that must hold of any pass checked.

A golden file is a header, the module before, a separator and the module after:

    # passes: canonicalize
    func @add_zero(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
      %zero = tensor.constant() {value = dense<0.0>} : f32[]
      %y = math.add(%x, %zero) : f32[n, 3]
      return %y
    }

    # ---- after
    func @add_zero(%x: f32[n, 3]) -> (%y: f32[n, 3]) {
      return %x
    }

``pytest --update-golden`` writes the part behind the separator. Each function is a case of its own. ``weight<name>``
stands for random numbers that depend on the name alone. Header lines besides ``passes``: ``tolerance`` (a row of
tests/tolerances.py), ``sizes`` (``n=4, h=8``: what symbols are when the module runs; otherwise 2, 3, …), ``once`` (why
the passes are not to run on their own result), ``channels-last`` (inputs and outputs that the passes make that) and
``retyped`` (why inputs and outputs have other dtypes after the passes: they are compared in those of before).
"""

import functools
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glmir.dims import evaluate
from glmir.driver.switches import known_passes
from glmir.interpreter import run
from glmir.ir import Array, Function, Module
from glmir.ops import tensor
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.printer import print_module
from glmir.rewriter import RewriteSession
from glmir.types import DType, TensorType
from glmir.verifier import verify
from glmir.weights import assign_names
from tests.tolerances import assert_close

SEPARATOR = "# ---- after\n"
_HEADER = re.compile(r"# (passes|tolerance|sizes|once|channels-last|retyped): (.*)\n")
_HASH = re.compile(r"w_[0-9a-f]{12}")


@dataclass(frozen=True)
class GoldenFile:
    """A golden file as it stands on disk; ``before`` and ``after`` are texts."""

    path: Path
    header: Mapping[str, str]
    before: str
    after: str

    @staticmethod
    def read(path: Path) -> "GoldenFile":
        before, _, after = path.read_text(encoding="utf-8").partition(SEPARATOR)
        return GoldenFile(path, dict(_HEADER.findall(before)), before, after)

    @property
    def tolerance(self) -> str | None:
        return self.header.get("tolerance")

    @property
    def sizes(self) -> dict[str, int]:
        pairs = (pair.split("=") for pair in self.header.get("sizes", "").split(",") if pair.strip())
        return {name.strip(): int(size) for name, size in pairs}


def check_golden(path: Path, update: bool) -> None:
    """Runs a golden file's passes and fails unless all that the module's docstring promises holds."""
    golden, module, _ = run_passes(path)
    before = parse_module(golden.before, random_weight)
    after = print_module(module)
    check_round_trip(before)
    check_round_trip(module)
    for name in before.functions:
        compare_numerically(before, module, name, golden)
    if "once" not in golden.header:
        again = RewriteSession()
        changed = PassManager(parse_pipeline(golden.header["passes"], known_passes()), session=again).run(module)
        assert print_module(module) == after, f"a second run changes the result again: {dict(again.fired)}"
        assert not changed, "a second run reports a change, but makes none"
    compare_with_golden(golden, after, update)


@functools.cache
def run_passes(path: Path) -> tuple[GoldenFile, Module, RewriteSession]:
    """The golden file, its module after the passes, verified, and which rules fired."""
    golden = GoldenFile.read(path)
    module, session = parse_module(golden.before, random_weight), RewriteSession()
    verify(module)
    text = print_module(module)
    changed = PassManager(parse_pipeline(golden.header["passes"], known_passes()), session=session).run(module)
    verify(module)
    assert changed == (print_module(module) != text), f"the passes report {changed=}, but the text says otherwise"
    return golden, module, session


def compare_with_golden(golden: GoldenFile, text: str, update: bool) -> None:
    """Fails unless ``text`` is what the file expects; with ``update`` writes it there instead."""
    # Names that come from hashes of computed weights would differ where a machine rounds differently.
    produced = _HASH.sub("computed", text)
    if not update:
        assert produced == golden.after, f"{golden.path.name}: run pytest --update-golden and read the diff"
    elif produced != golden.after:
        before = golden.before.rstrip("\n")
        golden.path.write_text(f"{before}\n\n{SEPARATOR}{produced}", encoding="utf-8")


def check_round_trip(module: Module) -> None:
    """Fails unless parse(print(module)) == module, weights included."""
    parsed = clone(module)
    assert print_module(parsed) == print_module(module)
    assert parsed == module


def clone(module: Module) -> Module:
    """Another module with the same text and the same weights."""
    constants = [op for f in module.functions.values() for op in f.ops if isinstance(op, tensor.Constant)]
    large = [op for op in constants if not op.value.is_inline]
    names = assign_names((op.value, op.result.name) for op in large)
    arrays = {names[id(op.value)]: op.value.array for op in large}
    return parse_module(print_module(module), arrays)


def compare_numerically(before: Module, after: Module, function: str, golden: GoldenFile) -> None:
    """Fails unless a function gives the same outputs in both modules, on seeded random inputs."""
    moved = golden.header.get("channels-last", "").split()
    inputs = random_inputs(before.functions[function], golden.sizes)
    expected = run(before, inputs, function)
    given = {n: np.moveaxis(x, 1, -1) if n in moved else x for n, x in inputs.items()}
    if "retyped" in golden.header:
        types = {v.name: v.type for v in after.functions[function].inputs}
        given = {n: x.astype(types[n].stored.numpy) for n, x in given.items()}
    actual = run(after, given, function)
    assert list(expected) == list(actual)
    for name, array in expected.items():
        got = np.moveaxis(actual[name], -1, 1) if name in moved else actual[name]
        if "retyped" in golden.header:
            got = got.astype(array.dtype)
        assert_close(got, array, golden.tolerance or _default_tolerance(array), f"@{function} output {name}")


def _default_tolerance(array: Array) -> str:
    dtype = DType.of(array.dtype)
    return {DType.F64: "f64", DType.F16: "f16", DType.BF16: "bf16"}.get(
        dtype, "f32-sums" if dtype.is_float else "exact"
    )


def random_inputs(function: Function, sizes: Mapping[str, int] | None = None) -> dict[str, Array]:
    """An array for every input. Symbols are 2, 3, … in order of appearance unless ``sizes`` has them."""
    environment = {symbol: size for size, symbol in enumerate(function.symbols, 2)} | dict(sizes or {})
    inputs = {}
    for value in function.inputs:
        shape = tuple(d if isinstance(d, int) else evaluate(d, environment) for d in value.type.shape)
        inputs[value.name] = random_array(value.name, TensorType(value.type.dtype, shape))
    return inputs


def random_array(name: str, type_: TensorType) -> Array:
    """Seeded by the name: floats around 0 (positive for variances), integers 0 to 2, which are indices of most axes."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    shape = type_.static_shape
    if type_.dtype is DType.BOOL:
        return np.asarray(rng.random(shape) < 0.5)
    if type_.dtype.is_integer:
        return np.asarray(rng.integers(0, 3, shape)).astype(type_.dtype.numpy)
    normal = np.asarray(rng.standard_normal(shape))
    return (np.abs(normal) + 0.1 if "variance" in name else normal).astype(type_.dtype.numpy)


@functools.cache
def random_weight(name: str, type_: TensorType) -> Array:
    """The array of ``weight<name>``; the same object each time, so that nothing is hashed to see that it is equal."""
    return random_array(name, type_)


def golden_files(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.glir"))


def golden_id(directory: Path) -> Callable[[Path], str]:
    return lambda path: str(path.relative_to(directory).with_suffix(""))

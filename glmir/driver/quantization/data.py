"""Calibration data: samples from arrays, files, folders and functions, one at a time.

An array counts samples along its first axis when it has one axis more than the input, or when the input's first axis is
the batch: a size that the model leaves open, or one of which the array holds a multiple. Other arrays are one sample.
"""

import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ...dim_terms import is_symbol
from ...errors import GlmirError, InputError
from ...types import Array, TensorType
from .array_files import SUFFIXES, StoredArray, arrays_in, fingerprint
from .model_inputs import ModelInputs, require_kind

DataSource: TypeAlias = str | os.PathLike[str] | Mapping[str, object] | Iterable[object] | Callable[[], object]
"""A path (``.npz``, ``.npy``, a folder of those), ``python:module:function``, arrays by the names of the inputs, an
iterable of samples, or a function that gives one. A sample is a mapping of arrays, or an array when the model has one
input; a list of mappings is a sequence of samples, over which a model with states carries them."""

PYTHON = "python:"


@dataclass(frozen=True)
class Sample:
    """The arrays of one call of a model by the names of its inputs, checked and in their dtypes.

    ``where`` says in messages which sample it is. ``begins``: what the model remembers is to be forgotten before it.
    """

    inputs: Mapping[str, Array]
    where: str
    begins: bool


@dataclass(frozen=True)
class Samples:
    """Samples, to be gone through as often as wanted, which raises InputError for a bad one, and when there is none.

    ``count`` is how many there are, where that is known before. ``fingerprint`` tells this data from other data, where
    that can be told.
    """

    count: int | None
    fingerprint: str | None
    open: Callable[[], Iterator[Sample]]
    is_once: bool = False
    """Whether they cannot be gone through again: they come from an iterator."""

    def __iter__(self) -> Iterator[Sample]:
        samples = 0
        for sample in self.open():
            samples += 1
            yield sample
        if not samples:
            raise InputError("the calibration data has no samples")


def open_samples(source: DataSource, inputs: ModelInputs) -> Samples:
    """The samples of a source. Names, shapes and dtypes of what lies in files and arrays are checked at once, the
    numbers when they are read. Raises InputError."""
    if isinstance(source, str) and source.startswith(PYTHON):
        function = _imported(source)
        return Samples(None, _program(source), lambda: _from_python(function, inputs, source))
    if isinstance(source, str | os.PathLike):
        return _from_files(Path(source), inputs)
    if isinstance(source, Mapping):
        return _from_arrays(source, inputs)
    if isinstance(source, np.ndarray):
        return _from_arrays({inputs.only("the calibration data"): source}, inputs)
    if not callable(source) and not isinstance(source, Iterable):
        raise InputError(f"calibration data is a path, arrays, an iterable or a function, not {source!r}")
    if isinstance(source, Iterator):
        return Samples(None, None, lambda: _from_python(_Once(source), inputs, "the calibration data"), is_once=True)
    return Samples(None, None, lambda: _from_python(source, inputs, "the calibration data"))


class _Once:
    """An iterator, which cannot begin again."""

    def __init__(self, iterator: Iterator[object]) -> None:
        self._iterator = iterator

    def __call__(self) -> Iterator[object]:
        return self._iterator


# Files and arrays.


@dataclass(frozen=True)
class _Part:
    """An array that holds ``count`` samples of an input: ``rows`` indices of its first axis each, or all of it.

    ``is_stacked``: the first axis is none of the input's.
    """

    array: StoredArray | Array
    count: int
    rows: int | None
    is_stacked: bool = False

    def samples(self) -> Iterator[Array]:
        if self.rows is None:
            whole = self.array.whole() if isinstance(self.array, StoredArray) else self.array
            while True:
                # As often as the other inputs have samples.
                yield whole
        for rows in self._rows(self.rows):
            yield rows[0] if self.is_stacked else rows

    def _rows(self, count: int) -> Iterator[Array]:
        if isinstance(self.array, StoredArray):
            return self.array.rows(count)
        array = self.array
        return (array[i : i + count] for i in range(0, len(array), count))


def _from_files(path: Path, inputs: ModelInputs) -> Samples:
    if not path.exists():
        raise InputError(f"there is no calibration data {path}")
    files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES) if path.is_dir() else [path]
    if not files:
        raise InputError(f"the folder {path} holds no .npz and no .npy files")
    if files[0].suffix not in SUFFIXES:
        raise InputError(f"calibration data is a .npz or .npy file, a folder of those or {PYTHON}…, not {path}")
    # The headers only: the arrays are read when they are wanted.
    count = sum(_count(_parts(_named(file, inputs), inputs, str(file)), str(file)) for file in files)
    if not count:
        raise InputError(f"{path} has no samples")

    def samples() -> Iterator[Sample]:
        for file in files:
            yield from _walked(_parts(_named(file, inputs), inputs, str(file)), inputs, str(file))

    digest = hashlib.sha256(b"".join(fingerprint(file) for file in files))
    return Samples(count, digest.hexdigest(), samples)


def _named(path: Path, inputs: ModelInputs) -> dict[str, StoredArray | Array]:
    arrays = arrays_in(path)
    return {name or inputs.only(str(path)): array for name, array in arrays.items()}


def _from_arrays(arrays: Mapping[str, object], inputs: ModelInputs) -> Samples:
    where = "the calibration data"
    given = {str(name): _array(value, f"{where}: input {name}") for name, value in arrays.items()}
    parts = _parts(dict(given), inputs, where)
    count = _count(parts, where)
    if not count:
        raise InputError(f"{where} has no samples")
    digest = hashlib.sha256()
    for name, array in sorted(given.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return Samples(count, digest.hexdigest(), lambda: _walked(parts, inputs, where))


def _parts(arrays: Mapping[str, StoredArray | Array], inputs: ModelInputs, where: str) -> dict[str, _Part]:
    """How the array of each input holds samples; raises InputError for names, shapes and dtypes that do not fit."""
    wanted = inputs.wanted(arrays, where)
    parts = {}
    for name in wanted:
        type_, array = inputs.types[name], arrays[name]
        require_kind(array.dtype, type_.stored, f"{where}: input {name}")
        parts[name] = _part(array, type_, f"{where}: input {name}", inputs)
    return parts


def _part(array: StoredArray | Array, type_: TensorType, where: str, inputs: ModelInputs) -> _Part:
    shape = array.shape
    if len(shape) == type_.rank + 1 and _may_be(type_, shape[1:]):
        return _Part(array, shape[0], 1, is_stacked=True)
    if len(shape) == type_.rank and type_.rank and _may_be(type_, shape, ignored=1):
        batch = type_.shape[0]
        if not isinstance(batch, int) and _is_batch(type_, inputs):
            return _Part(array, shape[0], 1)
        if not isinstance(batch, int) or batch == shape[0]:
            return _Part(array, 1, None)
        if batch and shape[0] % batch == 0 and (batch == 1 or type_.rank > 1):
            return _Part(array, shape[0] // batch, batch)
    if not shape and not type_.rank:
        return _Part(array, 1, None)
    raise InputError(f"{where} takes {type_}, or several in one array, not an array {list(shape)}")


def _may_be(type_: TensorType, shape: Sequence[int], ignored: int = 0) -> bool:
    """Whether the sizes that are known are those of the shape, the first ``ignored`` ones apart."""
    pairs = list(zip(type_.shape, shape, strict=True))[ignored:]
    return all(not isinstance(dim, int) or dim == size for dim, size in pairs)


def _is_batch(type_: TensorType, inputs: ModelInputs) -> bool:
    """Whether the open size that comes first is the batch: it comes first in an input with other axes, too."""
    first = type_.shape[0]
    return any(t.rank > 1 and t.shape[0] == first and is_symbol(t.shape[0], str(first)) for t in inputs.types.values())


def _count(parts: Mapping[str, _Part], where: str) -> int:
    """How many samples there are; raises InputError when the inputs disagree."""
    counts = {name: part.count for name, part in parts.items() if _has_axes(part)}
    if len(set(counts.values())) > 1:
        raise InputError(f"{where}: " + ", ".join(f"{name} has {n} samples" for name, n in counts.items()))
    return next(iter(counts.values()), 1)


def _has_axes(part: _Part) -> bool:
    """A single number, as a sample rate, goes with any number of samples."""
    return bool(part.array.shape)


def _walked(parts: Mapping[str, _Part], inputs: ModelInputs, where: str) -> Iterator[Sample]:
    streams = [part.samples() for part in parts.values()]
    for number in range(_count(parts, where)):
        arrays = dict(zip(parts, (next(stream) for stream in streams), strict=True))
        place = f"{where}, sample {number}"
        yield Sample(inputs.checked(arrays, place), place, begins=number == 0)


# What Python gives.


def _imported(source: str) -> Callable[[], object]:
    """The function that ``python:module:function`` names; modules of the current folder are found, too."""
    module_name, _, name = source.removeprefix(PYTHON).rpartition(":")
    if not module_name or not name:
        raise InputError(f"{source} is not {PYTHON}module:function")
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        found: object = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise InputError(f"{source}: the module {module_name} has no {name}") from None
    except Exception as error:
        # The module is the user's, and may fail in any way.
        raise InputError(f"{source}: the module cannot be imported ({type(error).__name__}: {error})") from error
    finally:
        sys.path.remove(folder)
    if not callable(found):
        raise InputError(f"{source} is not a function")
    return found


def _program(source: str) -> str | None:
    """What tells the function of ``python:module:function`` from what it was before: its module's file. What that
    reads, nobody knows."""
    file = getattr(sys.modules.get(source.removeprefix(PYTHON).rpartition(":")[0]), "__file__", None)
    return f"{source} {fingerprint(Path(file)).hex()}" if isinstance(file, str) else None


def _from_python(source: Callable[[], object] | Iterable[object], inputs: ModelInputs, where: str) -> Iterator[Sample]:
    number = 0
    for item in _items(source, where):
        is_sequence = isinstance(item, list | tuple) and all(isinstance(call, Mapping) for call in item)
        calls = list(item) if is_sequence and isinstance(item, list | tuple) else [item]
        for turn, call in enumerate(calls):
            place = f"{where}, sample {number}"
            arrays = _arrays(call, inputs, place)
            yield Sample(inputs.checked(arrays, place), place, begins=number == 0 or (is_sequence and turn == 0))
            number += 1


def _items(source: Callable[[], object] | Iterable[object], where: str) -> Iterator[object]:
    try:
        items = source() if callable(source) else source
        if not isinstance(items, Iterable):
            raise InputError(f"{where} gives {type(items).__name__}, not samples one after the other")
        # A mapping would be gone through by its names.
        yield from [items] if isinstance(items, Mapping) else items
    except (GlmirError, MemoryError):
        raise
    except Exception as error:
        # The function is the user's, and may fail in any way.
        raise InputError(f"{where} failed: {type(error).__name__}: {error}") from error


def _arrays(item: object, inputs: ModelInputs, where: str) -> dict[str, Array]:
    if not isinstance(item, Mapping):
        name = inputs.only(where)
        return {name: _array(item, f"{where}: input {name}")}
    names = inputs.wanted([str(name) for name in item], where)
    return {name: _array(item[name], f"{where}: input {name}") for name in names}


def _array(value: object, where: str) -> Array:
    try:
        array = np.asarray(value)
    except Exception as error:
        # A sequence of unequal lengths, or an object with a conversion of its own.
        raise InputError(f"{where} is no array of numbers: {error}") from error
    if array.dtype.hasobject:
        raise InputError(f"{where} is no array of numbers, but {type(value).__name__}")
    return array

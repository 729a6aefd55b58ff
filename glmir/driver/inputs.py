"""What the user says of the inputs: types (``x=f32[1, 3, 224, 224]``), pinned values (``sr=16000``), dims (``n=4``)."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ..backends.target import SizeRange, Sizes
from ..dims import Dim, SymInt, free_symbols, known_different, symbol
from ..errors import InputError
from ..ir import Function, Op, Value
from ..ops import tensor
from ..types import Array, DType, TensorType
from ..weights import Weight

InputSpec: TypeAlias = TensorType | Array | str | None
"""A type for the input, or the value that it always has; texts and None are arguments of TorchScript programs only."""

DimSpecs: TypeAlias = Mapping[str, int | str] | Sequence[str]
"""Sizes of dims by name, or texts ``n=4``; ``n=1..8`` and ``n=224|256`` bound a dim that stays symbolic."""

DeclaredTypes: TypeAlias = Mapping[str, TensorType | None]
"""The inputs' types as the model declares them; None where it does not say."""


@dataclass(frozen=True)
class InputSpecs:
    """Types and values of inputs by name, others by position, and sizes of symbols."""

    named: Mapping[str, InputSpec] = field(default_factory=dict)
    positional: Sequence[InputSpec] = ()
    dims: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, Sizes] = field(default_factory=dict)
    """What symbols that stay symbolic may be."""
    examples: Sequence[tuple[str, object]] = ()
    """Arguments with tensors of PyTorch among them, which an nn.Module is exported with: each with its name, or without
    by position."""

    @property
    def is_empty(self) -> bool:
        return not (self.named or self.positional or self.dims or self.sizes)

    def by_name(self, names: Sequence[str]) -> dict[str, InputSpec]:
        """What is given for each input; raises InputError for what is given for none, or twice."""
        if len(self.positional) > len(names):
            raise InputError(f"{len(self.positional)} inputs are given by position, but there are {len(names)}")
        given = dict(zip(names, self.positional, strict=False))
        if twice := [name for name in self.named if name in given]:
            raise InputError(f"input {', '.join(twice)} is given by name and by position")
        if unknown := [name for name in self.named if name not in names]:
            raise InputError(f"there is no input {', '.join(unknown)}; the inputs are {', '.join(names) or 'none'}")
        return given | dict(self.named)

    def arguments(self) -> tuple[dict[str, InputSpec], list[InputSpec]]:
        """What is given by name and by position, with the dims that are fixed; raises InputError for unknown dims."""
        specs = (*self.named.values(), *self.positional)
        _check_dims((*self.dims, *self.sizes), {symbol for spec in specs for symbol in _symbols(spec)})
        mapping: dict[str, Dim] = dict(self.dims)
        named = {name: _substituted(spec, mapping) for name, spec in self.named.items()}
        return named, [_substituted(spec, mapping) for spec in self.positional]

    def specialize(self, declared: DeclaredTypes) -> dict[str, TensorType | None]:
        """The inputs' types after what the user said; raises InputError when that contradicts what the model declares.

        A dim that is fixed in one place is fixed wherever its symbol stands.
        """
        mapping: dict[str, Dim] = dict(self.dims)
        given = {}
        for name, spec in self.by_name(list(declared)).items():
            given[name] = type_ = self._type(name, spec, declared[name])
            _unify(name, declared[name], type_, mapping)
        symbols = {s for t in (*declared.values(), *self.named.values(), *self.positional) for s in _symbols(t)}
        _check_dims((*self.dims, *self.sizes), symbols)
        return {name: given.get(name) or (t and t.substitute(mapping)) for name, t in declared.items()}

    @property
    def pinned(self) -> frozenset[str]:
        """The names of inputs that are given values."""
        return frozenset(n for n, s in self.named.items() if s is not None and not isinstance(s, (TensorType, str)))

    def values(self, inputs: Sequence[Value]) -> dict[str, Array]:
        """The arrays of the pinned inputs; raises InputError when a value does not fit."""
        given = self.by_name([v.name for v in inputs])
        pinned = {name: spec for name, spec in given.items() if not isinstance(spec, TensorType)}
        return {v.name: fit(v.name, _array_of(v.name, pinned[v.name]), v.type) for v in inputs if v.name in pinned}

    def _type(self, name: str, spec: InputSpec, declared: TensorType | None) -> TensorType:
        if isinstance(spec, TensorType):
            return spec.substitute(dict(self.dims))
        array = fit(name, _array_of(name, spec), declared)
        return TensorType(DType.of(array.dtype), array.shape)

    def symbol_sizes(self, declared: Mapping[str, TensorType]) -> dict[str, Dim]:
        """What becomes of each symbol that a given type, value or dim fixes or renames."""
        mapping: dict[str, Dim] = dict(self.dims)
        for name, type_ in self.specialize(declared).items():
            if type_ is not None:
                _unify(name, declared[name], type_, mapping)
        return mapping


def _substituted(spec: InputSpec, mapping: dict[str, Dim]) -> InputSpec:
    return spec.substitute(mapping) if isinstance(spec, TensorType) else spec


def _array_of(name: str, spec: InputSpec) -> Array:
    if not isinstance(spec, np.ndarray):
        raise InputError(f"input {name} cannot be {spec!r}: it takes a type such as f32[1, 3, 224, 224], or numbers")
    return spec


def _check_dims(given: Sequence[str], symbols: set[str]) -> None:
    if unknown := sorted(set(given) - symbols):
        known = f"the symbolic dims are {', '.join(sorted(symbols))}" if symbols else "all sizes are fixed"
        raise InputError(f"there is no dim {', '.join(unknown)}; {known}")


def _symbols(type_: InputSpec) -> Sequence[str]:
    return tuple(type_.symbols) if isinstance(type_, TensorType) else ()


def _unify(name: str, declared: TensorType | None, given: TensorType, mapping: dict[str, Dim]) -> None:
    if declared is None:
        return
    if declared.dtype is not given.dtype or declared.rank != given.rank:
        raise InputError(f"input {name} is declared {declared} and cannot become {given}")
    for old, new in zip(declared.shape, given.shape, strict=True):
        if isinstance(old, int) and known_different(old, new):
            raise InputError(f"input {name} is declared {declared} and cannot become {given}")
        if isinstance(old, SymInt) and (str(old),) == free_symbols(old) and mapping.setdefault(str(old), new) != new:
            raise InputError(f"dim {old} is given as {mapping[str(old)]} and as {new}")


def fit(name: str, value: Array, declared: TensorType | None) -> Array:
    """The pinned value in the input's dtype, and in its rank if it is one element; raises InputError."""
    if value.dtype.kind not in "biuf":
        raise InputError(f"input {name} cannot be {value}: it takes a number or a list of numbers")
    if declared is None:
        return value.astype(np.float32) if value.dtype == np.float64 else value
    with np.errstate(all="ignore"):
        array = value.astype(declared.dtype.numpy)
    is_kept = np.array_equal(np.isfinite(array.astype(np.float64)), np.isfinite(value.astype(np.float64)))
    if not is_kept or (not declared.dtype.is_float and not np.array_equal(array, value)):
        raise InputError(f"input {name} is {declared} and cannot be {value}")
    return array.reshape((1,) * declared.rank) if array.size == 1 and array.ndim != declared.rank else array


def pin_inputs(function: Function, specs: InputSpecs) -> dict[str, Array]:
    """Makes constants of the pinned inputs, and returns their arrays; raises InputError when a value does not fit."""
    arrays = specs.values(function.inputs)
    for value in [v for v in function.inputs if v.name in arrays]:
        constant: Op = tensor.Constant(Weight(arrays[value.name], value.name))
        function.ops.prepend(constant)
        constant.results[0].name = value.name
        function.inputs.remove(value)
        value.replace_all_uses_with(constant.results[0])
    return arrays


def parse_input_specs(inputs: Mapping[str, object] | Sequence[object], dims: DimSpecs) -> InputSpecs:
    """The specs of ``--input`` and ``--dim`` texts, or of the Python API's mappings and lists; raises InputError."""
    if isinstance(inputs, str):
        raise InputError(f"inputs are a mapping or a list, not the text {inputs!r}")
    if is_torch_tensor(inputs):
        inputs = [inputs]
    pairs = list(inputs.items()) if isinstance(inputs, Mapping) else [_split(item) for item in inputs]
    fixed, sizes = _parse_dims(dims)
    if any(_has_torch_tensor(given) for _, given in pairs):
        return InputSpecs(dims=fixed, sizes=sizes, examples=pairs)
    named: dict[str, InputSpec] = {}
    positional: list[InputSpec] = []
    for name, given in pairs:
        spec = _parse_spec(given)
        if not name:
            positional.append(spec)
        elif name in named:
            raise InputError(f"input {name} is given twice")
        else:
            named[name] = spec
    return InputSpecs(named, positional, fixed, sizes)


def is_torch_tensor(given: object) -> bool:
    """Whether it is a tensor of PyTorch, which need not be installed."""
    return any(c.__module__ == "torch" and c.__name__ == "Tensor" for c in type(given).__mro__)


def _has_torch_tensor(given: object) -> bool:
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return any(map(_has_torch_tensor, given))
    return is_torch_tensor(given)


def _split(item: object) -> tuple[str, object]:
    if not isinstance(item, str):
        return "", item
    # Input names may hold anything, '=' included; types and values do not hold '='.
    name, _, spec = item.rpartition("=")
    return name.strip(), spec.strip()


def _parse_spec(spec: object) -> InputSpec:
    if isinstance(spec, TensorType) or spec is None:
        return spec
    if not isinstance(spec, str):
        return _array(spec)
    try:
        value = ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(spec, spec))
    except (ValueError, SyntaxError):
        return parse_plain_type(spec) or _parse_type(spec)
    return value if value is None or isinstance(value, str) else _array(value)


def parse_plain_type(text: str) -> TensorType | None:
    """The type, when its dims are numbers and names alone: the parser takes a quarter of a second to load."""
    match = re.fullmatch(r"(\w+)\[(.*)\]", text, re.ASCII)
    parts = [part.strip() for part in match[2].split(",")] if match and match[2].strip() else []
    if not match or match[1] not in _DTYPES or not all(_PLAIN_DIM.fullmatch(part) for part in parts):
        return None
    return TensorType(DType(match[1]), tuple(int(p) if p.isdecimal() else symbol(p) for p in parts))


_DTYPES = frozenset(dtype.value for dtype in DType)
_PLAIN_DIM = re.compile(r"\d+|(?!(min|max)\Z)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _parse_type(text: str) -> TensorType:
    from ..parser import ParseError, parse_type

    try:
        return parse_type(text)
    except ParseError:
        raise InputError(
            f"{text!r} is neither a type such as f32[1, 3, 224, 224] nor a value (a text needs quotes of its own)"
        ) from None


def _array(value: object) -> Array:
    try:
        array = np.array(value)
    except ValueError:
        raise InputError(f"{value} is not a list of numbers") from None
    if array.dtype.kind not in "biuf" and not _is_extended_float(array):
        raise InputError(f"{value!r} is not a number or a list of numbers")
    return array


def _is_extended_float(array: Array) -> bool:
    return array.dtype.kind == "V" and array.dtype == DType.BF16.numpy


def _parse_dims(given: DimSpecs) -> tuple[dict[str, int], dict[str, Sizes]]:
    """The dims that are fixed, and the sizes of those that stay symbolic."""
    fixed: dict[str, int] = {}
    ranges: dict[str, Sizes] = {}
    for name, size in given.items() if isinstance(given, Mapping) else map(_split_dim, given):
        sizes = _sizes(name, size)
        if fixed.get(name, sizes) != sizes or ranges.get(name, sizes) != sizes:
            earlier = fixed.get(name) or ranges[name]
            raise InputError(f"dim {name} is given as {format_sizes(earlier)} and as {format_sizes(sizes)}")
        if isinstance(sizes, int):
            fixed[name] = sizes
        else:
            ranges[name] = sizes
    counts = {len(s) for s in ranges.values() if isinstance(s, tuple)}
    if len(counts) > 1:
        raise InputError(f"dims that list sizes go together, each needs as many; there are {sorted(counts)}")
    return fixed, ranges


def _split_dim(text: str) -> tuple[str, str]:
    name, equals, size = (part.strip() for part in text.rpartition("="))
    if not equals or not name:
        raise InputError(f"--dim takes name=size with a positive size, not {text!r}")
    return name, size


def _sizes(name: str, given: object) -> int | Sizes:
    """A size, ``low..high`` or ``first|second|...``; raises InputError."""
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 1:
        return int(given)
    match = re.fullmatch(r"(\d+)(?:\.\.(\d+)|((?:\|\d+)+))?", given, re.ASCII) if isinstance(given, str) else None
    if match and int(match[1]) >= 1:
        if match[2] and int(match[2]) >= int(match[1]):
            return SizeRange(int(match[1]), int(match[2]))
        listed = tuple(int(size) for size in (match[3] or "").split("|")[1:])
        if match[3] and all(size >= 1 for size in listed):
            return (int(match[1]), *listed)
        if match[2] is None and match[3] is None:
            return int(match[1])
    raise InputError(f"dim {name} takes a positive size, low..high or size|size, not {given!r}")


def format_sizes(sizes: int | Sizes) -> str:
    """As the user writes them."""
    if isinstance(sizes, SizeRange):
        return f"{sizes.low}..{sizes.high}"
    return "|".join(map(str, sizes)) if isinstance(sizes, tuple) else str(sizes)

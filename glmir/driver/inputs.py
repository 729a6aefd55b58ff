"""What the user says of the inputs: types (``x=f32[1, 3, 224, 224]``), pinned values (``sr=16000``), dims (``n=4``)."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..dims import Dim, SymInt, free_symbols, known_different
from ..errors import InputError
from ..ir import Function, Op, Value
from ..ops import tensor
from ..types import Array, TensorType
from ..weights import Weight

PinnedValue = bool | int | float | list[object]
InputSpec = TensorType | PinnedValue


@dataclass(frozen=True)
class InputSpecs:
    """Types and values by input name, types by position, and sizes of symbols."""

    types: Mapping[str, TensorType] = field(default_factory=dict)
    positional: Sequence[TensorType] = ()
    pinned: Mapping[str, PinnedValue] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)

    def specialize(self, declared: Mapping[str, TensorType | None]) -> dict[str, TensorType | None]:
        """The inputs' types after what the user said; raises InputError when that contradicts what the model declares.

        A dim that a given type fixes is fixed wherever its symbol stands.
        """
        given = dict(self.types)
        names = list(declared)
        if len(self.positional) > len(names):
            raise InputError(f"{len(self.positional)} input types are given for {len(names)} inputs")
        given.update(zip(names, self.positional, strict=False))
        _refuse_unknown((*given, *self.pinned), names)
        mapping: dict[str, Dim] = dict(self.dims)
        for name, type_ in given.items():
            _unify(name, declared[name], type_, mapping)
        symbols = {s for t in declared.values() if t is not None for s in t.symbols}
        if unknown := sorted(set(self.dims) - symbols):
            raise InputError(f"there is no dim {', '.join(unknown)}; the dims are {', '.join(sorted(symbols)) or 'none'}")
        return {name: given.get(name) or (t and t.substitute(mapping)) for name, t in declared.items()}


def _refuse_unknown(given: Sequence[str], names: Sequence[str]) -> None:
    if unknown := [name for name in given if name not in names]:
        raise InputError(f"there is no input {', '.join(unknown)}; the inputs are {', '.join(names)}")


def _unify(name: str, declared: TensorType | None, given: TensorType, mapping: dict[str, Dim]) -> None:
    if declared is None:
        return
    if declared.dtype is not given.dtype or declared.rank != given.rank:
        raise InputError(f"input {name} is declared {declared} and cannot become {given}")
    for old, new in zip(declared.shape, given.shape, strict=True):
        if known_different(old, new) and isinstance(old, int):
            raise InputError(f"input {name} is declared {declared} and cannot become {given}")
        if isinstance(old, SymInt) and (str(old),) == free_symbols(old):
            if mapping.setdefault(str(old), new) != new:
                raise InputError(f"dim {old} is given as {mapping[str(old)]} and as {new}")


def parse_input_specs(inputs: Sequence[str] | Mapping[str, object], dims: Mapping[str, int]) -> InputSpecs:
    """The specs of ``--input`` texts, or of the Python API's mapping or list; raises InputError."""
    if isinstance(inputs, Mapping):
        pairs = [(name, spec) for name, spec in inputs.items()]
    else:
        pairs = [_split(text) for text in inputs]
    types: dict[str, TensorType] = {}
    positional: list[TensorType] = []
    pinned: dict[str, PinnedValue] = {}
    for name, spec in pairs:
        parsed = _parse_spec(spec)
        if not isinstance(parsed, TensorType):
            if not name:
                raise InputError(f"the value {spec} needs an input's name: name={spec}")
            pinned[name] = parsed
        elif name:
            types[name] = parsed
        else:
            positional.append(parsed)
    return InputSpecs(types, positional, pinned, dims)


def _split(text: str) -> tuple[str, object]:
    # Input names may hold anything, '=' included; types and values do not hold '='.
    name, _, spec = text.rpartition("=")
    return name.strip(), spec.strip()


def _parse_spec(spec: object) -> InputSpec:
    if isinstance(spec, TensorType | bool | int | float | list):
        return spec
    text = str(spec)
    try:
        value = ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
    except (ValueError, SyntaxError):
        # Imported here: most commands give no input types, and the parser is slow to load.
        from ..parser import ParseError, parse_type

        try:
            return parse_type(text)
        except ParseError as error:
            raise InputError(f"{text} is neither a type such as f32[1, 3, 224, 224] nor a value ({error})") from None
    if not isinstance(value, bool | int | float | list):
        raise InputError(f"{text} is not a number or a list of numbers")
    return value


def parse_dims(texts: Sequence[str]) -> dict[str, int]:
    """The sizes that ``--dim n=4`` gives; raises InputError."""
    dims = {}
    for text in texts:
        name, equals, size = text.partition("=")
        if not equals or not size.strip().isdecimal() or int(size) < 1:
            raise InputError(f"--dim takes name=size with a positive size, not {text!r}")
        dims[name.strip()] = int(size)
    return dims


def pin_inputs(function: Function, pinned: Mapping[str, PinnedValue]) -> dict[str, Array]:
    """Makes constants of the pinned inputs, and returns their arrays; raises InputError when a value does not fit."""
    arrays = {}
    for value in list(function.inputs):
        if value.name not in pinned:
            continue
        arrays[value.name] = array = _array(value, pinned[value.name])
        function.inputs.remove(value)
        constant: Op = tensor.Constant(Weight(array, value.name))
        first = next(iter(function.ops), None)
        if first is None:
            function.ops.append(constant)
        else:
            function.ops.insert_before(first, constant)
        constant.results[0].name = value.name
        value.replace_all_uses_with(constant.results[0])
    return arrays


def _array(value: Value, pinned: PinnedValue) -> Array:
    try:
        array = np.array(pinned).astype(value.type.dtype.numpy)
        return array.reshape(value.type.static_shape) if value.type.is_static else array
    except (ValueError, TypeError):
        raise InputError(f"input {value.name} is {value.type} and cannot be {pinned}") from None

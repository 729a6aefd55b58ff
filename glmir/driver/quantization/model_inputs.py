"""What a model takes, and whether given arrays are that."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ...dims import UnboundSymbolError, evaluate
from ...errors import InputError
from ...ir import Module
from ...types import Array, DType, TensorType, bind_lone_symbols


@dataclass(frozen=True)
class ModelInputs:
    """The types of a model's inputs by name; those that may be left out (``states``), and those that have a value
    already (``pinned``), for which arrays are passed over."""

    types: Mapping[str, TensorType]
    states: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()

    @staticmethod
    def of(module: Module, pinned: Collection[str] = ()) -> "ModelInputs":
        """Those of ``main``."""
        states = frozenset(state.input for state in module.states)
        return ModelInputs({v.name: v.type for v in module.main.inputs}, states, frozenset(pinned))

    @property
    def required(self) -> list[str]:
        return [name for name in self.types if name not in self.states]

    def wanted(self, given: Iterable[str], where: str) -> list[str]:
        """The names that are given but the pinned ones; raises InputError for what is no input, or is missing."""
        names = [name for name in given if name not in self.pinned]
        inputs = f"the inputs are {', '.join(self.types) or 'none'}"
        if unknown := [name for name in names if name not in self.types]:
            raise InputError(f"{where}: there is no input {', '.join(unknown)}; {inputs}")
        if missing := [name for name in self.required if name not in names]:
            raise InputError(f"{where}: there is no array for input {', '.join(missing)}; {inputs}")
        return names

    def only(self, where: str) -> str:
        """The name of the only input; raises InputError when there are several."""
        if len(self.required) != 1:
            inputs = ", ".join(self.required) or "none"
            raise InputError(f"{where}: one array without a name is for one input; the inputs are {inputs}")
        return self.required[0]

    def checked(self, arrays: Mapping[str, Array], where: str) -> dict[str, Array]:
        """The arrays of one call in the dtypes that the model takes; raises InputError when one does not fit."""
        sizes: dict[str, int] = {}
        for name, array in arrays.items():
            if array.ndim == self.types[name].rank:
                bind_lone_symbols(self.types[name], array.shape, sizes)
        for name, array in arrays.items():
            if not _has_shape(self.types[name], array.shape, sizes):
                raise InputError(f"{where}: input {name} takes {self.types[name]}, not an array {list(array.shape)}")
        return {
            name: converted(array, self.types[name].stored, f"{where}: input {name}") for name, array in arrays.items()
        }


def _has_shape(type_: TensorType, shape: tuple[int, ...], sizes: Mapping[str, int]) -> bool:
    if len(shape) != type_.rank:
        return False
    for dim, size in zip(type_.shape, shape, strict=True):
        try:
            if size != (dim if isinstance(dim, int) else evaluate(dim, sizes)):
                return False
        except UnboundSymbolError:
            # What no input tells by itself may be anything.
            continue
    return True


def converted(array: Array, dtype: DType, where: str) -> Array:
    """The array as ``dtype``, its numbers kept; raises InputError when they cannot be, or are NaN or infinite."""
    require_kind(array.dtype, dtype, where)
    if not dtype.is_float:
        if array.dtype == dtype.numpy:
            return array
        result = array.astype(dtype.numpy)
        if not np.array_equal(result, array):
            raise InputError(f"{where} takes {dtype.value}, which cannot hold the numbers given")
        return result
    if not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else "infinity"
        raise InputError(f"{where} holds {what}: calibration needs data that the model works on")
    if array.dtype == dtype.numpy:
        return array
    with np.errstate(over="ignore"):
        result = array.astype(dtype.numpy)
    if not np.isfinite(result).all():
        raise InputError(f"{where} takes {dtype.value}, whose greatest number is less than those given")
    return result


def require_kind(given: "np.dtype[np.generic]", dtype: DType, where: str) -> None:
    """Raises InputError when numbers are given as floats where integers are taken, or the other way round."""
    try:
        found = DType.of(given.newbyteorder("="))
    except ValueError:
        raise InputError(f"{where} takes {dtype.value}, not an array of {given}") from None
    if found.is_float != dtype.is_float or found.is_numeric != dtype.is_numeric:
        advice = ": give the numbers that the model computes on, scaled as it expects them" if dtype.is_float else ""
        raise InputError(f"{where} takes {dtype.value}, not an array of {found.value}{advice}")

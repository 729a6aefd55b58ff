"""The archives that make_archives.py made: what each takes, and what PyTorch computed on it."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

TINY = Path(__file__).with_name("archives")

SUFFIXES = {
    "traced": ".traced.pt",
    "scripted": ".scripted.pt",
    "frozen": ".frozen.pt",
    "lite": ".ptl",
    "exported": ".exported.pt2",
    "core": ".core.pt2",
}


@dataclass(frozen=True)
class Call:
    """One call's inputs, by name, and outputs, in order."""

    inputs: Mapping[str, Array]
    outputs: Sequence[Array]


@dataclass(frozen=True)
class TorchArchive:
    """One form of one network."""

    folder: Path
    name: str
    form: str
    entry: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name}.{self.form}"

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}{SUFFIXES[self.form]}"

    @property
    def is_exported(self) -> bool:
        return self.form in ("exported", "core")

    @property
    def given(self) -> dict[str, object]:
        """What a user says of the inputs: nothing for exported programs, which know."""
        return {} if self.is_exported else {name: value for name, value, _ in _flat(self.entry["inputs"])}

    @property
    def input_names(self) -> list[str]:
        tensors = [name for name, _, is_tensor in _flat(self.entry["inputs"]) if is_tensor]
        if self.is_exported and not set(tensors) <= set(self.entry["exported_inputs"]):
            return list(self.entry["exported_inputs"] or tensors)
        return tensors

    def calls(self) -> list[Call]:
        """The recorded calls, one after another."""
        with np.load(self.folder / f"{self.name}.npz") as arrays:
            recorded = {name: arrays[name] for name in arrays.files}
        prefixes = ["", *(f"call{i}." for i in range(1, self.entry["calls"]))]
        return [self._call(recorded, prefix) for prefix in prefixes]

    def _call(self, recorded: Mapping[str, Array], prefix: str) -> Call:
        inputs = _numbered(recorded, f"{prefix}input")
        return Call(dict(zip(self.input_names, inputs, strict=True)), _numbered(recorded, f"{prefix}output"))


def _numbered(recorded: Mapping[str, Array], stem: str) -> list[Array]:
    found = []
    while f"{stem}{len(found)}" in recorded:
        found.append(recorded[f"{stem}{len(found)}"])
    return found


def _flat(inputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, object, bool]]:
    """The inputs by their flat names, each with what is given for it and whether that is a tensor's type."""
    for item in inputs:
        if "value" in item:
            value = item["value"]
            yield item["name"], f"'{value}'" if isinstance(value, str) else value, False
        else:
            yield from ((name, text, True) for name, text in _types(item["name"], item.get("type", item.get("nested"))))


def _types(name: str, form: Any) -> Iterator[tuple[str, str]]:
    if isinstance(form, str):
        yield name, form
    else:
        for key, part in form.items() if isinstance(form, dict) else enumerate(form):
            yield from _types(f"{name}_{key}", part)


@functools.cache
def archives_in(folder: Path) -> tuple[TorchArchive, ...]:
    """All archives of a folder."""
    table = folder / "archives.json"
    if table.exists():
        entries = json.loads(table.read_text())
    else:
        entries = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    made = [(name, form, e) for name, e in entries.items() for form, how in e["forms"].items() if how == "ok"]
    every = [TorchArchive(folder, *row) for row in made]
    return tuple(a for a in every if a.form in SUFFIXES and a.path.exists())

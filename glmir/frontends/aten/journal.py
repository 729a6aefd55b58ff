"""A record of what a program changes, so that a branch can be run, looked at and undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


class Place(Protocol):
    """Something whose content can change: an attribute of an object, an element of a dict, a whole list."""

    @property
    def key(self) -> object:
        """Equal for equal places, while the object they are of lives."""
        ...

    def get(self) -> object: ...

    def set(self, content: object) -> None: ...


@dataclass(frozen=True)
class AttributePlace:
    owner: object
    name: str

    @property
    def key(self) -> object:
        return (id(self.owner), self.name)

    def get(self) -> object:
        return getattr(self.owner, self.name)

    def set(self, content: object) -> None:
        setattr(self.owner, self.name, content)


class Missing:
    """The content of a dict's element that is not there."""


MISSING = Missing()


@dataclass(frozen=True, eq=False)
class ElementPlace:
    owner: dict[object, object]
    """Keys are strings, or what else the program uses for them."""
    name: object

    @property
    def key(self) -> object:
        return (id(self.owner), "[]", self.name)

    def get(self) -> object:
        return self.owner.get(self.name, MISSING)

    def set(self, content: object) -> None:
        if content is MISSING:
            self.owner.pop(self.name, None)
        else:
            self.owner[self.name] = content


@dataclass(frozen=True, eq=False)
class ListPlace:
    owner: list[object]

    @property
    def key(self) -> object:
        return (id(self.owner), "[:]")

    def get(self) -> object:
        return list(self.owner)

    def set(self, content: object) -> None:
        assert isinstance(content, list)
        self.owner[:] = content


@dataclass
class Changes:
    """The places changed since the recording began, each with what it held before."""

    before: dict[object, tuple[Place, object]] = field(default_factory=dict)

    def places(self) -> list[Place]:
        return [place for place, _ in self.before.values()]

    def undo(self) -> None:
        for place, content in self.before.values():
            place.set(content)


class Journal:
    """Every change of a storage, an object, a list or a dict of the program goes through here."""

    def __init__(self) -> None:
        self._recordings: list[Changes] = []

    def change(self, owner: object, name: str, content: object) -> None:
        """Sets an attribute."""
        self.set(AttributePlace(owner, name), content)

    def set(self, place: Place, content: object) -> None:
        if self._recordings:
            self._recordings[-1].before.setdefault(place.key, (place, place.get()))
        place.set(content)

    @contextmanager
    def undone(self) -> Iterator[Changes]:
        """Records the changes made inside the block; when it ends they are undone, whatever ended it."""
        changes = Changes()
        self._recordings.append(changes)
        try:
            yield changes
        finally:
            self._recordings.pop()
            changes.undo()

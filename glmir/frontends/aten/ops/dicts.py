"""Dicts in a program, which are Python's own; every change of one goes through the journal."""

from ..journal import MISSING, ElementPlace
from ..registry import Table
from ..scope import Scope

TABLE = Table()


@TABLE.imports("len")
def length(self: dict[object, object]) -> int:
    return len(self)


@TABLE.imports("__getitem__")
def value_at(self: dict[object, object], key: object) -> object:
    return self[key]


@TABLE.imports("__contains__")
def has_key(dict: dict[object, object], key: object) -> bool:
    return key in dict


@TABLE.imports("_set_item")
def set_value(scope: Scope, l: dict[object, object], idx: object, v: object) -> None:  # noqa: E741
    scope.journal.set(ElementPlace(l, idx), v)


@TABLE.imports("Delete")
def delete_value(scope: Scope, self: dict[object, object], key: object) -> None:
    pop_value(scope, self, key)


@TABLE.imports("pop")
def pop_value(scope: Scope, self: dict[object, object], key: object) -> object:
    value = self[key]
    scope.journal.set(ElementPlace(self, key), MISSING)
    return value


@TABLE.imports("pop")
def pop_value_or(scope: Scope, self: dict[object, object], key: object, default_value: object) -> object:
    return pop_value(scope, self, key) if key in self else default_value


@TABLE.imports("popitem")
def popitem(scope: Scope, self: dict[object, object]) -> tuple[object, object]:
    key = list(self)[-1]
    return key, pop_value(scope, self, key)


@TABLE.imports("clear")
def clear_dict(scope: Scope, self: dict[object, object]) -> None:
    for key in list(self):
        pop_value(scope, self, key)


@TABLE.imports("update")
def update(scope: Scope, self: dict[object, object], to_add: dict[object, object]) -> None:
    for key, value in to_add.items():
        set_value(scope, self, key, value)


@TABLE.imports("get")
def get(self: dict[object, object], key: object, default_value: object = None) -> object:
    return self.get(key, default_value)


@TABLE.imports("setdefault")
def setdefault(scope: Scope, self: dict[object, object], key: object, default_value: object) -> object:
    if key not in self:
        set_value(scope, self, key, default_value)
    return self[key]


@TABLE.imports("keys", "list")
def keys(self: dict[object, object]) -> list[object]:
    return list(self)


@TABLE.imports("values")
def values(self: dict[object, object]) -> list[object]:
    return list(self.values())


@TABLE.imports("items")
def items(self: dict[object, object]) -> list[object]:
    return list(self.items())


@TABLE.imports("copy", "dict")
def copy_of_dict(self: dict[object, object]) -> dict[object, object]:
    return dict(self)


@TABLE.imports("dict")
def dict_of_pairs(*inputs: object) -> dict[object, object]:
    pairs = inputs[0] if inputs else ()
    assert isinstance(pairs, list | tuple)
    return dict(pairs)

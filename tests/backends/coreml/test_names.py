"""Identifiers."""

import re

import pytest

from glmir.backends.coreml.names import Names, sanitized


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("conv1", "conv1"),
        ("x:0", "x_0"),
        ("a/b.c", "a_b_c"),
        ("0", "_0"),
        ("", "_"),
        ("fp16", "_fp16"),
        ("état", "_tat"),
        ("名前", "__"),
    ],
)
def test_names_become_identifiers(name: str, identifier: str) -> None:
    assert sanitized(name) == identifier
    assert re.fullmatch("[A-Za-z_][A-Za-z0-9_@]*", identifier)


def test_identifiers_are_unique() -> None:
    names = Names()
    assert [names.unique(n) for n in ("x", "x", "x_1", "x", "x:1")] == ["x", "x_1", "x_1_1", "x_2", "x_1_2"]

"""Names of outputs."""

import json

import pytest

from glmir.errors import InputError
from glmir.frontends.exported_program.naming import leaf_paths, output_names

LEAF: dict[str, object] = {"type": None, "context": None, "children_spec": []}


def names(tree: object) -> list[str]:
    return output_names(leaf_paths(json.dumps([1, tree]), "out_spec", {"pkg.Point": ["x", "y"]}))


def tree(kind: str, context: object, *children: object) -> object:
    text = context if isinstance(context, str) else json.dumps(context)
    return {"type": kind, "context": text, "children_spec": list(children)}


POINT = tree("collections.namedtuple", "pkg.Point", LEAF, LEAF)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (LEAF, ["output0"]),
        (tree("builtins.tuple", None, LEAF, LEAF), ["output0", "output1"]),
        (tree("builtins.dict", ["out", "aux"], LEAF, LEAF), ["out", "aux"]),
        (tree("builtins.tuple", None, LEAF, tree("builtins.dict", ["hidden"], LEAF)), ["output0", "hidden"]),
        (tree("builtins.dict", ["kv"], tree("builtins.list", None, LEAF, LEAF)), ["kv_0", "kv_1"]),
        (POINT, ["x", "y"]),
        (tree("builtins.list", None, POINT, POINT), ["output_0_x", "output_0_y", "output_1_x", "output_1_y"]),
        (tree("collections.defaultdict", {"default_factory": "list", "dict_context": ["a"]}, LEAF), ["a"]),
        (tree("transformers.ModelOutput", ["last_hidden_state"], LEAF), ["last_hidden_state"]),
        (tree("a.Dataclass", [["left", "right"], []], LEAF, LEAF), ["left", "right"]),
        (tree("a.Class", "no json", LEAF), ["output0"]),
        (tree("a.Class", ["too", "many"], LEAF), ["output0"]),
        (tree("collections.namedtuple", "pkg.Unknown", LEAF), ["output0"]),
        (tree("builtins.dict", [3, ""], LEAF, LEAF), ["3", "output1"]),
    ],
)
def test_names(spec: object, expected: list[str]) -> None:
    assert names(spec) == expected


def test_names_are_never_given_twice() -> None:
    spec = tree("builtins.tuple", None, tree("builtins.dict", ["output1", "a_0"], LEAF, LEAF), LEAF)
    assert len(set(names(spec))) == 3


@pytest.mark.parametrize("text", ["", "[]", "3", '[1, "x"]', '[1, {"type": "t"}]', "[" * 100_000])
def test_damaged_trees(text: str) -> None:
    with pytest.raises(InputError, match="damaged"):
        leaf_paths(text, "out_spec", {})

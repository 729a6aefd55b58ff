"""Names of a program's outputs, from the tree that ``forward`` returned (torch/utils/_pytree.py, protocol 1)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from .records import Record, as_list, malformed

_MAX_LEAVES = 100_000

Path = tuple[str | int, ...]
"""Keys, field names and positions that lead from the returned object to a tensor."""


def leaf_paths(text: str, where: str, fields: Mapping[str, Sequence[str]]) -> list[Path]:
    """The paths of all leaves of a treespec, in order; raises InputError.

    ``fields`` are those of the named tuples, by the name that the treespec gives them.
    """
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed(where, "is no tree") from None
    version_and_tree = as_list(parsed, where)
    if len(version_and_tree) != 2:
        raise malformed(where, "is no tree")
    paths: list[Path] = []
    for path in _leaves(Record(version_and_tree[1], where), (), fields):
        paths.append(path)
        if len(paths) > _MAX_LEAVES:
            raise malformed(where, "has too many leaves")
    return paths


def _leaves(node: Record, path: Path, fields: Mapping[str, Sequence[str]]) -> Iterator[Path]:
    children = node.records("children_spec")
    if "type" not in node:
        yield path
        return
    keys: Sequence[str | int] = _keys(node, len(children), fields) or range(len(children))
    for key, child in zip(keys, children, strict=True):
        yield from _leaves(child, (*path, key), fields)


def _keys(node: Record, count: int, fields: Mapping[str, Sequence[str]]) -> Sequence[str] | None:
    """The names of the children; None when they have none, or say it in a way that is not known."""
    if "context" not in node:
        return None
    context = node.text("context")
    if node.text("type") == "collections.namedtuple":
        found = fields.get(context, ())
        return found if len(found) == count else None
    try:
        content = json.loads(context)
    except (ValueError, RecursionError):
        return None
    if isinstance(content, dict):
        # A defaultdict: its factory, and the keys.
        content = content.get("dict_context")
    for keys in (content, content[0] if isinstance(content, list) and content else None):
        if isinstance(keys, list) and len(keys) == count and all(isinstance(k, str | int) for k in keys):
            return [str(k) for k in keys]
    return None


def output_names(paths: Sequence[Path]) -> list[str]:
    """A name for each output, all different: its key and what is below it (``hidden_0``), or ``output0``."""
    names = [_short(path, index) for index, path in enumerate(paths)]
    counts = Counter(names)
    names = [n if counts[n] == 1 else f"output_{'_'.join(map(str, p))}" for n, p in zip(names, paths, strict=True)]
    taken: set[str] = set()
    return [unique(name, taken) for name in names]


def _short(path: Path, index: int) -> str:
    first = next((i for i, key in enumerate(path) if isinstance(key, str) and key), None)
    return f"output{index}" if first is None else "_".join(map(str, path[first:]))


def unique(name: str, taken: set[str]) -> str:
    """The name, or the name with a number behind it that makes it new; it is taken then."""
    found, number = name, 1
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


def named_tuple_fields(module: Record) -> dict[str, list[str]]:
    """The field names of the named tuples that a program's trees mention."""
    if "treespec_namedtuple_fields" not in module:
        return {}
    definitions = module.record("treespec_namedtuple_fields")
    return {name: Record(d, f"{definitions.where}.{name}").texts("field_names") for name, d in definitions.items()}


def output_tree(module: Record) -> str | None:
    """The treespec of what ``forward`` returned; None when the program does not say it."""
    if "module_call_graph" not in module:
        return None
    for entry in module.records("module_call_graph"):
        if "signature" in entry and "fqn" in entry and entry.text("fqn") == "":
            return entry.record("signature").text("out_spec")
    return None

"""Programs that torch.export never wrote: refused with a sentence, whatever is wrong with them."""

import copy
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmir.errors import GlmirError, InputError
from glmir.frontends.exported_program.importer import import_exported
from glmir.verifier import verify

from .building import Json, archive, graph, meta, node, program, relu_program, tensor

ARCHIVES = Path(__file__).parents[3] / "models" / "torch" / "archives"
EXAMPLES = int(os.environ.get("GLMIR_FUZZ_EXAMPLES", "100"))


def refusal(content: Json | bytes) -> str:
    with pytest.raises(InputError) as caught:
        import_exported(archive(content))
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "is no object but a list of 0"),
        (b"{}", "has no field 'schema_version'"),
        (b'{"schema_version": 3}', "is no object but 3"),
        (b'{"schema_version": {"major": "8"}}', 'is no integer but "8"'),
        (b'{"schema_version": {"major": 8}}', "has no field 'graph_module'"),
        (b'{"schema_version": {"major": ' + b"8" * 3000 + b"}}", "too large a number"),
        (b'{"schema_version": {"major": ' + b"8" * 9000 + b"}}", "is not JSON"),
    ],
)
def test_what_is_no_program(content: bytes, problem: str) -> None:
    assert problem in refusal(content)


X = {"x": meta([2])}
RELU = node("relu", "y", tensor("x"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (program(X, [node("relu", "y", tensor("z"))], [tensor("y")]), "uses 'z' before anything has that name"),
        (program(X, [node("relu", "y", tensor("y"))], [tensor("y")]), "uses 'y' before anything has that name"),
        (program(X, [], [tensor("y")]), "uses 'y'"),
        (program(X, [RELU], [tensor("y")], []), "signature is not that of its graph"),
        (program(X, [RELU], [tensor("y")], None, []), "signature is not that of its graph"),
        (program(X, [RELU], [tensor("y")], [{"what": {}}]), "unknown kind 'what'"),
        (program(X, [RELU], [tensor("y")], None, [{"what": {"arg": {}}}]), "unknown kind 'what'"),
        (program(X, [node("relu", "y", {"as_what": 1})], []), "unknown kind 'as_what'"),
        (program(X, [node("relu", "y", {})], []), "no one alternative"),
        (program(X, [node("relu", "y", {"as_int": 1, "as_bool": True})], []), "no one alternative"),
        (program(X, [node("relu", "y", {"as_int": 1.5})], []), "is no integer but 1.5"),
        (program(X, [node("relu", "y", {"as_bool": 1})], []), "neither true nor false"),
        (program(X, [node("relu", "y", {"as_float": "inf"})], []), "is no number"),
        (program(X, [node("relu", "y", {"as_ints": 3})], []), "is no list"),
        (program(X, [node("relu", "y", {"as_int": 1 << 70})], []), "too large a number"),
        (program(X, [RELU | {"target": 3}], []), "is no text"),
        (program(X, [RELU | {"inputs": {}}], []), "is no list"),
        (program(X, [RELU | {"metadata": 3}], []), "is no object"),
        (program({"x": {}}, [RELU], [tensor("y")]), "has no field 'dtype'"),
        (program({"x": meta([2]) | {"sizes": [3]}}, [RELU], [tensor("y")]), "is no object but 3"),
        (program({"x": meta([2]) | {"sizes": [{"as_what": 3}]}}, [RELU], [tensor("y")]), "is no size"),
        (relu_program("s0 + "), "no integer expression"),
        (relu_program(2, range_constraints={"s0": 3}), "is no object"),
    ],
)
def test_what_is_wrong_is_told(content: Json, problem: str) -> None:
    assert problem in refusal(content)


@pytest.mark.parametrize("levels", [140, 300])
def test_graphs_nested_too_deeply(levels: int) -> None:
    hole: Json = {"as_string": "here"}
    call = node("torch.ops.higher_order.wrap", "b", hole, tensor("a"))
    level = json.dumps({"as_graph": {"name": "g", "graph": graph({"a": meta([2])}, [call], [tensor("b")])}})
    before, after = level.split(json.dumps(hole))
    content = json.dumps(program(X, [node("torch.ops.higher_order.wrap", "y", hole, tensor("x"))], [tensor("y")]))
    outer, end = content.split(json.dumps(hole))
    assert "nested too deeply" in refusal((outer + before * levels + level + after * levels + end).encode())


def sources() -> Iterator[tuple[str, dict[str, bytes], object]]:
    """The members of small real archives, and their programs as JSON."""
    for path in sorted(ARCHIVES.glob("exported_*.pt2")):
        with zipfile.ZipFile(path) as opened:
            files = {i.filename.partition("/")[2]: opened.read(i) for i in opened.infolist()}
        yield path.name, files, json.loads(files["models/model.json"])


SOURCES = list(sources())
JUNK: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 3, 1 << 40, 1 << 70, 1.5, "", "x", "as_tensor", [], [[]], {}, {"as_int": 3}]
).map(copy.deepcopy)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutations_of_real_programs(data: st.DataObject) -> None:
    _, files, content = data.draw(st.sampled_from(SOURCES))
    content = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(data, content)
    try:
        module = import_exported(_archive(files, json.dumps(content).encode()))
    except GlmirError as error:
        assert str(error)
    else:
        verify(module)


def mutate(data: st.DataObject, node: object) -> None:
    """Replaces, removes or repeats something somewhere below."""
    while True:
        keys: list[object] = (
            list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        )
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        child = node[key]  # type: ignore[index]
        if isinstance(child, dict | list) and child and data.draw(st.integers(0, 9)):
            node = child
            continue
        action = data.draw(st.sampled_from(["replace", "remove", "copy"]))
        if action == "replace":
            node[key] = data.draw(JUNK)  # type: ignore[index]
        elif action == "remove":
            del node[key]  # type: ignore[attr-defined]
        else:
            node[key] = copy.deepcopy(node[data.draw(st.sampled_from(keys))])  # type: ignore[index]
        return


def _archive(files: dict[str, bytes], content: bytes) -> bytes:
    from tests.glmir.frontends.torch_archives.building import Entry, zip_of

    return zip_of(
        [Entry(f"m/{name}", content if name == "models/model.json" else data) for name, data in files.items()]
    )

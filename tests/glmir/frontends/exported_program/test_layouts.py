"""Which members of an archive are read."""

import json
from pathlib import Path

import numpy as np
import pytest

from glmir.errors import InputError
from glmir.frontends.exported_program.importer import import_exported
from glmir.interpreter import run
from tests.glmir.frontends.torch_archives.building import STREAMED, Entry, archive_of, tensor, zip_of
from tests.glmir.frontends.torch_archives.building import text as pickled_text

from .building import archive, meta, node, payload, program, relu_program, user
from .building import tensor as reference

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
SAVED = archive_of(b"\x80\x02}" + pickled_text("w") + tensor((2, 3), (3, 1)) + b"s.", {"0": WEIGHT.tobytes()})
"""What torch.save writes of {"w": WEIGHT}."""

CONTENT = program(
    {"p_w": meta([2, 3]), "x": meta([2, 3])},
    [node("add", "y", reference("p_w"), reference("x"))],
    [reference("y")],
    [{"parameter": {"arg": {"name": "p_w"}, "parameter_name": "w"}}, user("x")],
)
PROGRAM = json.dumps(CONTENT).encode()


def files(**members: bytes) -> bytes:
    return zip_of([Entry(name, content, flags=STREAMED) for name, content in members.items()])


def refusal(source: bytes) -> str:
    with pytest.raises(InputError) as caught:
        import_exported(source)
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        archive(CONTENT, {"w": payload("weight_0", WEIGHT)}, weight_0=WEIGHT),
        files(
            **{
                "serialized_exported_program.json": PROGRAM,
                "serialized_state_dict.pt": SAVED,
                "serialized_constants.pt": b"",
                "version": b"8.1",
            }
        ),
        files(**{"m/models/m.json": PROGRAM, "m/data/weights/m.pt": SAVED, "m/archive_format": b"pt2"}),
        files(
            **{
                "m/models/m.json": PROGRAM,
                "m/data/weights/m_model_param_config.json": json.dumps(
                    {"config": {"w": payload("weight_0", WEIGHT)}}
                ).encode(),
                "m/data/weights/weight_0": WEIGHT.tobytes(),
            }
        ),
    ],
    ids=["2.8", "before 2.8", "early 2.8", "param config"],
)
def test_layouts(source: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(source)
    for given in (source, path):
        result = run(import_exported(given), {"x": WEIGHT})
        np.testing.assert_array_equal(result["output0"], 2 * WEIGHT)


def test_several_programs() -> None:
    told = refusal(files(**{"m/models/a.json": PROGRAM, "m/models/b.json": PROGRAM}))
    assert "2 programs (a, b)" in told


def test_no_program() -> None:
    assert "no exported program" in refusal(files(**{"m/archive_format": b"pt2"}))


@pytest.mark.parametrize(("major", "advice"), [(5, "PyTorch 2.5 or later"), (9, "newer glmc")])
def test_versions_of_another_major(major: int, advice: str) -> None:
    told = refusal(archive(relu_program(2, schema_version={"major": major, "minor": 0})))
    assert f"version {major} of its format" in told
    assert advice in told


def test_big_endian_weights() -> None:
    told = refusal(files(**{"m/models/m.json": PROGRAM, "m/byteorder": b"big"}))
    assert "big" in told


def test_weights_that_are_missing_or_short() -> None:
    assert "no values for 'w'" in refusal(archive(CONTENT))
    assert "no member" in refusal(archive(CONTENT, {"w": payload("weight_0", WEIGHT)}))
    assert "bytes" in refusal(archive(CONTENT, {"w": payload("weight_0", WEIGHT)}, weight_0=WEIGHT[:1]))
    negative = payload("weight_0", WEIGHT)
    negative["tensor_meta"] = meta([2, 3], storage_offset={"as_int": -4})
    assert "impossible sizes" in refusal(archive(CONTENT, {"w": negative}, weight_0=WEIGHT))
    symbolic = payload("weight_0", WEIGHT)
    symbolic["tensor_meta"] = meta([2, "s0"])
    assert "symbolic sizes" in refusal(archive(CONTENT, {"w": symbolic}, weight_0=WEIGHT))
    uneven = payload("weight_0", WEIGHT)
    uneven["tensor_meta"] = meta([2, 3], strides=[])
    assert "2 sizes and 0 strides" in refusal(archive(CONTENT, {"w": uneven}, weight_0=WEIGHT))

"""change-io-layout: inputs and outputs take and give images channels-last."""

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Module
from glmir.parser import parse_module
from glmir.pass_manager import PassManager, parse_pipeline
from glmir.passes import BY_NAME
from glmir.verifier import verify

TEXT = """func @main(%x: f32[n, 3, h, w], %v: f32[2, 3, 4, 5, 6], %s: f32[3, 1, 1])
    -> (%y: f32[n, 3, h, w], %v: f32[2, 3, 4, 5, 6], %z: f32[3, 1, 1]) {
  %0 = math.add(%x, %s) : f32[n, 3, h, w]
  %1 = nn.relu(%s) : f32[3, 1, 1]
  return %0, %v, %1
}
"""


def change(options: str = "", text: str = TEXT) -> tuple[bool, Module]:
    module = parse_module(text)
    changed = PassManager(parse_pipeline(f"change-io-layout{options}", BY_NAME)).run(module)
    verify(module)
    return changed, module


def signature(module: Module) -> dict[str, str]:
    main = module.main
    inputs = {f"in {v.name}": str(v.type) for v in main.inputs}
    return inputs | {f"out {n}": str(v.type) for n, v in zip(main.output_names, main.outputs, strict=True)}


def test_images_and_volumes_change_and_the_rest_stays() -> None:
    changed, module = change()
    assert changed
    assert signature(module) == {
        "in x": "f32[n, h, w, 3]", "in v": "f32[2, 4, 5, 6, 3]", "in s": "f32[3, 1, 1]",
        "out y": "f32[n, h, w, 3]", "out v": "f32[2, 4, 5, 6, 3]", "out z": "f32[3, 1, 1]",
    }  # fmt: skip


def test_what_is_computed_is_the_same_in_the_other_order() -> None:
    _, module = change()
    rng = np.random.default_rng(0)
    x, v, s = (rng.standard_normal(d).astype(np.float32) for d in ((2, 3, 4, 5), (2, 3, 4, 5, 6), (3, 1, 1)))
    before = run(parse_module(TEXT), {"x": x, "v": v, "s": s})
    after = run(module, {"x": np.moveaxis(x, 1, -1), "v": np.moveaxis(v, 1, -1), "s": s})
    for name in ("y", "v"):
        np.testing.assert_array_equal(after[name], np.moveaxis(before[name], 1, -1))
    np.testing.assert_array_equal(after["z"], before["z"])


@pytest.mark.parametrize(
    ("options", "expected"), [("{names=x}", {"in x"}), ("{names=y}", {"out y"}), ("{names=x y s}", {"in x", "out y"})]
)
def test_only_those_named(options: str, expected: set[str]) -> None:
    changed, module = change(options)
    before = signature(parse_module(TEXT))
    assert changed and {k for k, type_ in signature(module).items() if type_ != before[k]} == expected


def test_nothing_to_do() -> None:
    assert not change("{layout=nchw}")[0]
    assert not change("{names=nobody}")[0]


def test_an_input_that_is_returned_as_it_is() -> None:
    text = "func @main(%x: f32[1, 3, 4, 5]) -> (%y: f32[1, 3, 4, 5]) {\n  return %x\n}\n"
    changed, module = change(text=text)
    assert changed and signature(module) == {"in x": "f32[1, 4, 5, 3]", "out y": "f32[1, 4, 5, 3]"}
    x = np.arange(60, dtype=np.float32).reshape(1, 4, 5, 3)
    np.testing.assert_array_equal(run(module, {"x": x})["y"], x)

"""The options of targets: their texts, and the driver's part in them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from onnx import helper

from glmir.backends.emission import EmitterTable
from glmir.backends.target import ImageInput, Precision, SizeRange, Target, TargetOptions, load_target
from glmir.driver import compile_command
from glmir.driver import glmc as glmc_module
from glmir.driver.compilation import Options, build
from glmir.driver.inputs import parse_input_specs
from glmir.driver.output import place_whole
from glmir.driver.samples import sample_inputs
from glmir.driver.target_options import parse_target_options, read_class_labels
from glmir.errors import CompileError, InputError
from glmir.ir import Op
from glmir.ops import math

from .commands import DIGITS, conv_model, glmc, model, relu_model, saved, tensor


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def parsed(**given: object) -> TargetOptions:
    nothing = {"precision": None, "coreml_target": None, "opset": None}
    lists = {"image_inputs": (), "class_labels": (), "sizes": {}}
    return parse_target_options(**{**nothing, **lists, **given})  # type: ignore[arg-type]


def test_texts_are_read() -> None:
    options = parsed(
        precision="fp16",
        coreml_target="ios17",
        image_inputs=["a=b=rgb:scale=1/127.5:bias=-0.5,0,1", "g=gray"],
        class_labels=["cat", "dog"],
    )
    assert options.precision is Precision.FP16
    assert options.coreml_target == 17
    assert options.image_inputs == (ImageInput("a=b", "rgb", 1 / 127.5, (-0.5, 0.0, 1.0)), ImageInput("g", "gray"))
    assert options.class_labels == ("cat", "dog")
    assert parsed(class_labels=[3, 4]).class_labels == (3, 4)
    assert parsed(image_inputs=["x=gray:bias=1"]).image_inputs == (ImageInput("x", "gray", 1.0, (1.0,)),)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"precision": "fp8"}, "there is no precision fp8; there are fp32, fp16, bf16"),
        ({"coreml_target": "ios3"}, "there is no Core ML target ios3; there are ios15, ios16, ios17, ios18"),
        ({"image_inputs": ["x"]}, "--image-input takes NAME=rgb|bgr|gray"),
        ({"image_inputs": ["x=cmyk"]}, "--image-input takes NAME=rgb|bgr|gray"),
        ({"image_inputs": ["x=rgb:scale=1e999"]}, "--image-input takes NAME=rgb|bgr|gray"),
        ({"image_inputs": ["x=rgb:scale=1/0"]}, "--image-input takes NAME=rgb|bgr|gray"),
        ({"image_inputs": ["x=rgb:scale=0"]}, "with a scale of 0 all images are the same"),
        ({"image_inputs": ["x=rgb:bias=1,2"]}, "rgb takes one bias or three"),
        ({"image_inputs": ["x=gray:bias=1,2,3"]}, "gray takes one bias"),
        ({"image_inputs": ["x=rgb", "x=bgr"]}, "an image input is given twice"),
        ({"class_labels": ["a", "b", "a"]}, "the class label 'a' is given twice"),
        ({"class_labels": ["a", 1]}, "class labels are all texts or all integers"),
    ],
)
def test_texts_that_mean_nothing(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(**given)
    assert sentence in str(caught.value)


def test_class_labels_are_lines() -> None:
    Path("labels.txt").write_text("cat\nhot dog\n", encoding="utf-8")
    assert read_class_labels(Path("labels.txt")) == ["cat", "hot dog"]
    for bad in (b"\xff\xfe\x00", None):
        if bad is None:
            Path("labels.txt").unlink()
        else:
            Path("labels.txt").write_bytes(bad)
        with pytest.raises(InputError, match=r"labels\.txt"):
            read_class_labels(Path("labels.txt"))


@pytest.mark.parametrize(("text", "sentence"), [("", "is empty"), ("cat\n\ndog\n", "line 2 is empty")])
def test_class_labels_that_are_missing(text: str, sentence: str) -> None:
    Path("labels.txt").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_class_labels(Path("labels.txt"))


def test_class_labels_of_a_windows_editor() -> None:
    Path("labels.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    assert read_class_labels(Path("labels.txt")) == ["cat", "dog"]


@pytest.mark.parametrize(
    "arguments",
    [["--dim", "h=8..16"], ["--dim", "h=8|16", "--dim", "w=4|8"], ["--io-layout", "nhwc"]],
)
def test_images_of_several_sizes_are_verified(arguments: list[str]) -> None:
    saved(Path("m.onnx"), conv_model())
    image = ["--image-input", "image=rgb:scale=1/127.5:bias=-1", "--dim", "n=1"]
    outcome = glmc("m.onnx", "--target", "coreml", "--verify", *image, *arguments)
    assert outcome.code == 0, outcome.err


def test_options_of_other_targets_are_refused() -> None:
    saved(Path("m.onnx"), relu_model())
    Path("labels").write_text("cat\ndog\n", encoding="utf-8")
    for option, target in (
        (["--coreml-target", "ios17"], "coreml"),
        (["--image-input", "x=gray"], "coreml"),
        (["--class-labels", "labels"], "coreml"),
        (["--opset", "17"], "onnx"),
    ):
        outcome = glmc("m.onnx", "--target", "mnn", "--target", "tflite", *option)
        sentence = f"error: {option[0]} is for target {target}, not for mnn, tflite\n"
        assert (outcome.code, outcome.err) == (2, sentence)
    assert glmc("m.onnx", "--target", "mnn", "--target", "onnx", "--opset", "17").code == 0


def test_dims_may_be_bounded() -> None:
    specs = parse_input_specs([], ["n=2", "h=32..64", "w=8|16", "k=1|2"])
    assert specs.dims == {"n": 2}
    assert specs.sizes == {"h": SizeRange(32, 64), "w": (8, 16), "k": (1, 2)}


@pytest.mark.parametrize(
    ("dims", "sentence"),
    [
        (["h=5..4"], "dim h takes a positive size, low..high or size|size, not '5..4'"),
        (["h=0..4"], "dim h takes a positive size"),
        (["h=1|0"], "dim h takes a positive size"),
        (["h=1|2", "w=1|2|3"], "dims that list sizes go together, each needs as many; there are [2, 3]"),
        (["h=1..2", "h=3"], "dim h is given as 1..2 and as 3"),
    ],
)
def test_bounds_that_mean_nothing(dims: list[str], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_input_specs([], dims)
    assert sentence in str(caught.value)


def test_samples_stay_within_bounds() -> None:
    specs = parse_input_specs({"x": "f32[h, w, c]"}, {"h": "3..20", "w": "5|6"})
    types = {"x": specs.named["x"]}
    shapes = [samples["x"].shape for samples in sample_inputs(types, sizes=specs.sizes)]  # type: ignore[arg-type]
    assert {shape[0] for shape in shapes} <= set(range(3, 21))
    assert {shape[1] for shape in shapes} == {5, 6}


def test_an_unknown_dim_cannot_be_bounded() -> None:
    saved(Path("m.onnx"), relu_model())
    outcome = glmc("m.onnx", "--dim", "k=1..2")
    assert (outcome.code, outcome.out) == (2, "")
    assert "there is no dim k; the symbolic dims are n" in outcome.err


def lacking(*op_classes: type[Op], newer: Target | None = None) -> Target:
    """TFLite without some ops."""
    target = load_target("tflite")
    table: EmitterTable[object] = EmitterTable()
    table.emitters = [e for e in target.table.emitters if not issubclass(e.op_class, op_classes)]
    rules = tuple(p for p in target.legalize if p.name != "legalize-tflite")
    return replace(target, table=table, legalize=rules, newer=newer and (lambda: newer))


def test_a_later_version_is_taken_where_it_is_needed() -> None:
    node = helper.make_node("Cos", ["x"], ["y"], "wave")
    path = saved(Path("m.onnx"), model([node], [tensor("x", 3)], ["y"]))
    newest = load_target("tflite")
    middle = lacking(math.Sin, math.Cos, newer=newest)
    assert build(path, lacking(math.Cos, newer=middle), Options()).target is newest
    assert build(path, lacking(math.Sin, newer=middle), Options()).target.newer is not None
    refusing = replace(lacking(math.Cos), name="newest")
    with pytest.raises(CompileError, match="target tflite: node wave"):
        build(path, lacking(math.Cos, newer=refusing), Options())


def test_all_targets_say_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(name: str, options: TargetOptions) -> Target:
        return replace(lacking(math.Cos), name=name, suffix=f".{name}")

    monkeypatch.setattr(glmc_module, "TARGETS", ("abacus", "slide"))
    monkeypatch.setattr(compile_command, "load_target", named)
    path = saved(Path("m.onnx"), model([helper.make_node("Cos", ["x"], ["y"], "wave")], [tensor("x", 3)], ["y"]))
    outcome = glmc(path, "--target", "abacus", "--target", "slide")
    assert outcome.code == 1
    first, *reasons = outcome.err.splitlines()
    assert first == "error: m.onnx: cannot be compiled for 2 reasons:"
    assert [reason.partition(": node wave")[0] for reason in reasons] == ["  - target abacus", "  - target slide"]
    assert os.listdir() == ["m.onnx"]


def folder_with(path: Path, text: str) -> None:
    path.mkdir()
    (path / "Manifest.json").write_text(text, encoding="utf-8")


def test_packages_replace_packages_and_nothing_else() -> None:
    for text in ("old", "new"):
        with place_whole(Path("m.package"), is_folder=True) as fresh:
            folder_with(fresh, text)
    assert Path("m.package/Manifest.json").read_text(encoding="utf-8") == "new"
    Path("folder").mkdir()
    Path("file").touch()
    for path in ("folder", "file"):
        with pytest.raises(InputError, match=f"cannot write {path}: it is a"), place_whole(Path(path), is_folder=True):
            pass
    assert sorted(os.listdir()) == ["file", "folder", "m.package"]


def test_a_failure_leaves_the_old_package() -> None:
    folder_with(Path("m.package"), "old")
    with pytest.raises(KeyboardInterrupt), place_whole(Path("m.package"), is_folder=True) as fresh:
        folder_with(fresh, "half")
        raise KeyboardInterrupt
    assert Path("m.package/Manifest.json").read_text(encoding="utf-8") == "old"
    assert os.listdir() == ["m.package"]


def test_files_beside_the_artifact_are_placed_with_it() -> None:
    with place_whole(Path("m.net")) as fresh:
        fresh.write_text("net", encoding="utf-8")
        fresh.with_name("m.net.weight").write_text("weights", encoding="utf-8")
    assert sorted(os.listdir()) == ["m.net", "m.net.weight"]


def test_digits_compiles_for_two_targets_as_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(name: str, options: TargetOptions) -> Target:
        return replace(load_target("tflite"), name=name, suffix=f".{name}")

    monkeypatch.setattr(glmc_module, "TARGETS", ("tflite", "twin"))
    monkeypatch.setattr(compile_command, "load_target", named)
    assert glmc(DIGITS, "--target", "twin", "--target", "tflite").code == 0
    assert glmc(DIGITS, "--target", "tflite", "-o", "alone").code == 0
    assert Path("digits.twin").read_bytes() == Path("digits.tflite").read_bytes() == Path("alone").read_bytes()


def test_what_stays_in_single_precision_is_said() -> None:
    square = helper.make_node("Mul", ["x", "x"], ["s"], "squaring")
    mean = helper.make_node("ReduceMean", ["s"], ["y"], "averaging", axes=[1])
    path = saved(Path("m.onnx"), model([square, mean], [tensor("x", 2, 300)], ["y"]))
    outcome = glmc(path, "--target", "coreml", "--statistics", "--verify")
    assert outcome.code == 0, outcome.err
    assert "node squaring (math.square) stays f32: a square overflows f16" in outcome.err
    assert "stays f32" not in glmc(path, "--target", "coreml", "--precision", "fp32", "--statistics").err

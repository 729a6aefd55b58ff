"""What glmc and glmir say to bad input: one sentence with the file's name, the right exit code, and nothing written."""

import errno
import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from glmir.backends.emission import EmitterTable
from glmir.backends.target import load_target
from glmir.driver import compile_command, output
from glmir.driver.output import save_arrays, write_whole
from glmir.errors import InputError

from .commands import DIGITS, Outcome, conv_model, glmc, glmir, model, relu_model, saved, tensor

OLD = b"an older artifact"


@pytest.fixture(autouse=True)
def _in_folder_with_old_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test runs beside an older artifact; afterwards there is nothing half-written."""
    monkeypatch.chdir(tmp_path)
    Path("out.tflite").write_bytes(OLD)
    yield
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".") or name.endswith(".tmp")]


def refused(source: object, *arguments: object, code: int = 2) -> str:
    """What glmc says of a model that it refuses; fails if that does not name it, or if anything is written."""
    before = sorted(os.listdir())
    outcome = glmc(source, "-o", "out.tflite", *arguments)
    check_refusal(outcome, source, code)
    assert sorted(os.listdir()) == before
    assert Path("out.tflite").read_bytes() == OLD
    return outcome.err


def check_refusal(outcome: Outcome, source: object, code: int) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("error: ") and outcome.err.endswith("\n")
    assert str(source) in outcome.err
    assert "Traceback" not in outcome.err and "defect" not in outcome.err


def one_sentence(text: str) -> bool:
    return text.count("\n") == 1


def test_missing_files_and_folders() -> None:
    assert one_sentence(refused("missing.onnx"))
    assert one_sentence(refused("missing.glir"))
    Path("folder.onnx").mkdir()
    Path("folder.glir").mkdir()
    assert one_sentence(refused("folder.onnx"))
    assert one_sentence(refused("folder.glir"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (DIGITS.read_bytes()[:-1], "truncated"),
        (DIGITS.read_bytes()[:5000], "truncated"),
        (b"PK\x03\x04" + bytes(50), "no whole zip archive"),
        (bytes(4) + b"TFL3" + bytes(50), "it looks like a TFLite model"),
        (gzip.compress(b"x"), "it looks like a gzip archive"),
        (b"func @main() -> () { return }", "it looks like a text file"),
        (b"<!DOCTYPE html><html>", "it looks like an HTML page"),
    ],
    ids=["empty", "cut", "cut short", "zip", "tflite", "gzip", "text", "html"],
)
@pytest.mark.parametrize("suffix", ["onnx", "pt", ""])
def test_files_that_are_no_models(content: bytes, sentence: str, suffix: str) -> None:
    path = Path(f"m.{suffix}")
    path.write_bytes(content)
    text = refused(path)
    assert sentence in text and one_sentence(text)
    assert refused(path, "--verify") == text and path.name in text


def test_short_names_are_told_too() -> None:
    saved(Path("m"), relu_model())
    assert refused("m", "--dim", "k=1").startswith("error: m: there is no dim k")


def test_a_model_of_any_suffix_is_read() -> None:
    Path("m.bin").write_bytes(DIGITS.read_bytes())
    assert glmc("m.bin").code == 0
    assert Path("m.tflite").exists()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("func @main(", "line 1, column "),
        ("func @main(%x: f32[2]) -> (%y: f32[2]) {\n  %y = nn.relu(%z) : f32[2]\n  return %y\n}\n", "line 2, column "),
        ("func @main(%x: f32[2]) -> (%y: f32[2]) {\n  %y = nn.rule(%x) : f32[2]\n  return %y\n}\n", "line 2, column "),
        ("func @main(%x: f32[2]) -> (%y: f32[3]) {\n  return %x\n}\n", "line 1, column "),
        ("\x00\x01", "line 1, column 1"),
    ],
)
def test_text_with_mistakes(text: str, place: str) -> None:
    Path("m.glir").write_text(text, encoding="utf-8")
    for said in (refused("m.glir"), glmir("opt", "m.glir").err, glmir("run", "m.glir").err):
        assert said.startswith(f"error: m.glir: {place}"), said


def test_text_that_is_no_text() -> None:
    Path("m.glir").write_bytes(b"\xff\xfe\x00func")
    assert one_sentence(refused("m.glir"))
    Path("m.glir").write_bytes(b"")
    refused("m.glir")


def test_text_without_its_weights() -> None:
    assert glmc(DIGITS, "--emit", "ir").code == 0
    sidecar = Path("digits.safetensors")
    content = sidecar.read_bytes()
    for damaged in (content[:100], content[:3], b"", bytes(8), content[: len(content) // 2]):
        sidecar.write_bytes(damaged)
        assert one_sentence(refused("digits.glir"))
    sidecar.unlink()
    text = refused("digits.glir")
    assert "is not in the .safetensors file beside the text" in text and one_sentence(text)


def relu(x: str, y: str, name: str = "") -> onnx.NodeProto:
    return helper.make_node("Relu", [x], [y], name)


X, Y = tensor("x", 2, 3), tensor("y", 2, 3)
GRAPHS: dict[str, tuple[onnx.ModelProto, int, str]] = {
    "no graph": (onnx.ModelProto(ir_version=8), 2, "it holds no graph"),
    "a cycle": (model([relu("a", "b", "one"), relu("b", "a", "two")], [X], ["a"]), 1, "one"),
    "an undefined name": (model([relu("z", "y", "first")], [X], [Y]), 1, "'first' (Relu) reads 'z'"),
    "a missing output": (model([relu("x", "z")], [X], [Y]), 1, "'y'"),
    "an output twice": (model([relu("x", "y", "one"), relu("x", "y", "two")], [X], [Y]), 1, "two"),
    "an unknown domain": (
        model([helper.make_node("Relu", ["x"], ["y"], "mine", domain="com.nobody")], [X], [Y]),
        1,
        "com.nobody",
    ),
    "shapes that contradict": (
        model([helper.make_node("Add", ["x", "z"], ["y"], "sum")], [X, tensor("z", 2, 4)], ["y"]),
        1,
        "sum",
    ),
    "a huge tensor": (model([relu("x", "y", "r")], [tensor("x", 2**40)], ["y"]), 1, "sizes have 32 bits"),
    "an output without a name": (model([relu("x", "")], [X], [onnx.ValueInfoProto(name="")]), 1, ""),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_broken_graphs(case: str) -> None:
    proto, code, sentence = GRAPHS[case]
    text = refused(saved(Path("m.onnx"), proto), code=code)
    assert sentence in text


def test_a_wrong_declared_shape_is_a_warning() -> None:
    path = saved(Path("m.onnx"), model([relu("x", "y", "r")], [X], [tensor("y", 5, 5)]))
    outcome = glmc(path, "-o", "other.tflite")
    assert outcome.code == 0
    assert outcome.err == (
        "warning: m.onnx: output y: it is declared as [5, 5], but its nodes compute f32[2, 3], which holds\n"
    )


def test_all_unsupported_ops_are_listed() -> None:
    nodes = [
        helper.make_node("Nope", ["x"], ["a"], "first"),
        helper.make_node("Relu", ["x"], ["b"], "fine"),
        helper.make_node("Never", ["b"], ["y"], "second"),
    ]
    text = refused(saved(Path("m.onnx"), model(nodes, [X], ["a", "y"])), code=1)
    assert text.startswith("error: m.onnx: cannot be compiled for 2 reasons:\n  - ")
    assert "first" in text and "second" in text and "fine" not in text


def test_all_ops_that_the_target_lacks_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = replace(load_target("tflite"), table=EmitterTable())
    monkeypatch.setattr(compile_command, "load_target", lambda name, options: nothing)
    nodes = [helper.make_node(op, ["x"], [y], y) for op, y in (("Relu", "y"), ("Exp", "z"))]
    text = refused(saved(Path("m.onnx"), model(nodes, [X], ["y", "z"])), code=1)
    first, *reasons = text.splitlines()
    assert first == "error: m.onnx, target tflite: cannot be compiled for 2 reasons:"
    assert [r.partition(":")[0] for r in reasons] == [
        "  - node y (nn.relu of f32[2, 3])",
        "  - node z (math.exp of f32[2, 3])",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "z=f32[2, 3]"], "there is no input z; the inputs are x"),
        (["--input", "x=f32[2, 4]"], "input x is declared f32[n, 3] and cannot become f32[2, 4]"),
        (["--input", "x=f32[2]"], "input x is declared f32[n, 3] and cannot become f32[2]"),
        (["--input", "x=i64[2, 3]"], "input x is declared f32[n, 3] and cannot become i64[2, 3]"),
        (["--input", "f32[2, 3]", "--input", "f32[2]"], "2 inputs are given by position, but there are 1"),
        (["--input", "f32[2, 3]", "--input", "x=f32[2, 3]"], "input x is given by name and by position"),
        (["--input", "x=f32[2, 3]", "--dim", "n=3"], "dim n is given as 3 and as 2"),
        (["--input", "x=[1, 2]"], "input x is declared f32[n, 3] and cannot become f32[2]"),
        (["--dim", "k=3"], "there is no dim k; the symbolic dims are n"),
        (["--io-layout", "z=nhwc"], "there is no input or output z; there are x, y"),
        (["--io-layout", "x=nhwc"], "x cannot be channels-last: that needs 4 dims or more"),
    ],
)
def test_options_that_contradict_the_model(arguments: list[str], sentence: str) -> None:
    text = refused(saved(Path("m.onnx"), relu_model()), *arguments)
    assert sentence in text and one_sentence(text)
    if "--io-layout" not in arguments:
        assert glmir("opt", "m.onnx", "-o", "m.glir").code == 0
        assert sentence in glmc("m.glir", *arguments).err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "x=f33[2]"], "'f33[2]' is neither a type such as f32[1, 3, 224, 224] nor a value"),
        (["--input", "x="], "'' is neither a type"),
        (["--input", f"x={2**70}"], f"{2**70} is not a number or a list of numbers"),
        (["--input", "image='text'"], "input image cannot be 'text'"),
        (["--input", "x=[[1], [2, 3]]"], "[[1], [2, 3]] is not a list of numbers"),
        (["--input", "x=1", "--input", "x=2"], "input x is given twice"),
        (["--dim", "n"], "--dim takes name=size with a positive size, not 'n'"),
        (["--dim", "n=0"], "dim n takes a positive size, low..high or size|size, not '0'"),
        (["--dim", "n=1", "--dim", "n=2"], "dim n is given as 1 and as 2"),
        (["--io-layout", "chwn"], "--io-layout takes nchw, nhwc or NAME=nhwc, not 'chwn'"),
        (["--io-layout", "=nhwc"], "--io-layout takes nchw, nhwc or NAME=nhwc, not '=nhwc'"),
        (["--io-layout", "nhwc", "--io-layout", "x=nhwc"], "it takes no other beside it"),
        (["--emit", "ir", "--verify"], "--verify runs an artifact, and --emit ir writes none"),
    ],
)
def test_options_that_mean_nothing(arguments: list[str], sentence: str) -> None:
    outcome = glmc(DIGITS, "-o", "out.tflite", *arguments)
    check_refusal(outcome, "", 2)
    assert sentence in outcome.err and one_sentence(outcome.err)


def test_values_that_do_not_fit_the_input() -> None:
    inputs = [tensor("x", 2, dtype=TensorProto.UINT8), tensor("f", 1), tensor("b", dtype=TensorProto.BOOL)]
    cast = helper.make_node("Cast", ["x"], ["c"], to=TensorProto.FLOAT)
    path = saved(Path("m.onnx"), model([cast, helper.make_node("Add", ["c", "f"], ["y"])], inputs, ["y"]))
    for value in ("x=[1, 300]", "x=[-1, 0]", "x=[1.5, 2]", "f=1e300", "b=2", "x=1"):
        text = refused(path, "--input", value)
        assert one_sentence(text) and "input " in text


def test_outputs_that_cannot_be_written() -> None:
    Path("folder").mkdir()
    for path, sentence in (
        ("folder", "it is a folder"),
        ("nowhere/out.tflite", "the folder nowhere does not exist"),
        ("out.tflite/out.tflite", "the folder out.tflite does not exist"),
        ("n" * 300, "File name too long"),
    ):
        for outcome in (
            glmc(DIGITS, "-o", path),
            glmc(DIGITS, "--emit", "ir", "-o", path),
            glmir("opt", DIGITS, "-o", path),
            glmir("run", DIGITS, "-o", path),
        ):
            check_refusal(outcome, path, 2)
            assert sentence in outcome.err and one_sentence(outcome.err)
    assert os.listdir("folder") == []


def test_the_model_is_not_overwritten() -> None:
    path = saved(Path("m.onnx"), relu_model())
    Path("link").symlink_to(path)
    content = path.read_bytes()
    for name in (path, "./m.onnx", "link"):
        assert "it is the model itself" in glmc(path, "-o", name).err
    assert path.read_bytes() == content


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable() -> None:
    Path("folder").mkdir(mode=0o500)
    check_refusal(glmc(DIGITS, "-o", "folder/out.tflite"), "folder/out.tflite", 2)


class FullDisk:
    """A stream that takes some bytes and then no more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._space = 1000

    def write(self, data: Any) -> int:
        self._space -= memoryview(data).nbytes
        if self._space < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._stream.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> "FullDisk":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    open_path: Callable[..., Any] = Path.open

    def open_on_full_disk(path: Path, mode: str = "r", **options: Any) -> Any:
        stream = open_path(path, mode, **options)
        return FullDisk(stream) if path.parent.name.startswith(".glmc-") else stream

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    outcome = glmc(DIGITS, "-o", "out.tflite")
    check_refusal(outcome, "error: cannot write out.tflite: No space left on device\n", 2)
    assert Path("out.tflite").read_bytes() == OLD


def test_a_full_disk_under_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(output, "save_module", no_space)
    outcome = glmc(DIGITS, "-o", "out.tflite", "--emit", "ir")
    check_refusal(outcome, "error: cannot write out.tflite: No space left on device\n", 2)
    assert Path("out.tflite").read_bytes() == OLD


def test_devices_are_written_to_not_replaced() -> None:
    assert glmc(DIGITS, "-o", os.devnull, "--quiet").code == 0
    assert Path(os.devnull).is_char_device()


def test_written_files_are_like_any_other() -> None:
    Path("out.tflite").chmod(0o640)
    Path("link.tflite").symlink_to("out.tflite")
    assert glmc(DIGITS, "-o", "link.tflite").code == 0
    assert Path("link.tflite").is_symlink()
    assert Path("out.tflite").stat().st_mode & 0o777 == 0o640
    assert glmc(DIGITS, "-o", "new.tflite").code == 0
    umask = os.umask(0)
    os.umask(umask)
    assert Path("new.tflite").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failure_inside_the_block_leaves_the_old_file() -> None:
    with pytest.raises(KeyboardInterrupt), write_whole(Path("out.tflite")) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert Path("out.tflite").read_bytes() == OLD
    with (
        pytest.raises(InputError, match=r"cannot write out\.tflite: broken"),
        write_whole(Path("out.tflite")) as stream,
    ):
        raise OSError("broken")


HANGING = """
import signal, sys, time
from glmir.backends.target import load_target
from glmir.driver import compile_command
from glmir.driver.glmc import main
from dataclasses import replace

# A shell that runs the tests in the background has its children ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

def hang(module, path):
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

compile_command.load_target = lambda name, options: replace(load_target(name), serialize=hang)
sys.exit(main([sys.argv[1], "-o", "out.tflite"]))
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_process_leaves_the_old_file(sent: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGING, DIGITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(sent)
        code = process.wait(60)
        said = process.stderr.read()
    assert Path("out.tflite").read_bytes() == OLD
    if sent is signal.SIGKILL:
        # No process can clean up after that.
        shutil.rmtree(next(Path().glob(".glmc-*")))
        return
    assert (code, said) == ((143, "") if sent is signal.SIGTERM else (130, "interrupted\n"))


def test_pipelines_with_mistakes() -> None:
    Path("m.glir").write_text("func @main(%x: f32[2]) -> (%x: f32[2]) {\n  return %x\n}\n", encoding="utf-8")
    for text, sentence in (
        ("fold", "there is no pass fold; there are adapt-coreml-border, assign-layouts, "),
        ("canonicalize,,", "cannot read the pipeline at column 14"),
        ("canonicalize{", "cannot read the pipeline at column 1"),
        ("canonicalize{a=1}", "pass canonicalize has no option "),
        ("fold-constants{max_elements}", "max_elements"),
        ("fold-constants{max_elements=few}", "few"),
        ("assign-layouts{spatial=chwn}", "chwn"),
    ):
        outcome = glmir("opt", "m.glir", "--passes", text)
        check_refusal(outcome, "", 2)
        assert sentence in outcome.err and one_sentence(outcome.err), outcome.err
    Path("m.glir").write_text("# pipeline: nope\nfunc @main() -> () {\n  return\n}\n", encoding="utf-8")
    check_refusal(glmir("opt", "m.glir"), "m.glir", 2)


def test_data_that_does_not_fit() -> None:
    saved(Path("m.onnx"), relu_model(dims=(2, 3)))
    assert glmc("m.onnx").code == 0
    Path("text.npz").write_text("no arrays", encoding="utf-8")
    Path("empty.npz").touch()
    np.save("one.npy", np.zeros(2))
    np.savez("objects.npz", x=np.array([{}], object))
    for name in ("missing.npz", "text.npz", "empty.npz", "one.npy", "objects.npz"):
        outcome = glmir("run", "m.onnx", "--data", name)
        check_refusal(outcome, name, 2)
        assert one_sentence(outcome.err)
    for arrays in ({}, {"z": np.zeros(2)}, {"x": np.zeros((2, 3))}, {"x": np.zeros((3, 2), np.float32)}):
        save_arrays(arrays, Path("in.npz"))
        for path in ("m.onnx", "m.tflite"):
            check_refusal(glmir("run", path, "--data", "in.npz"), path, 2)


def test_artifacts_that_cannot_be_run() -> None:
    Path("junk.tflite").write_bytes(b"junk" * 100)
    Path("folder.tflite").mkdir()
    check_refusal(glmir("run", "junk.tflite"), "junk.tflite", 1)
    check_refusal(glmir("run", "missing.tflite"), "missing.tflite", 2)
    check_refusal(glmir("run", "folder.tflite"), "folder.tflite", 2)


def test_tracebacks_are_shown_on_request_only() -> None:
    assert "Traceback" not in glmc("missing.onnx").err
    shown = glmc("missing.onnx", "--debug")
    assert shown.code == 2
    assert "Traceback" in shown.err and shown.err.splitlines()[-1].startswith("error: ")


def test_control_characters_are_escaped() -> None:
    path = saved(Path("m.onnx"), model([relu("\x1b[2J", "y", "\x07bell")], [X], [Y]))
    assert "\\x1b[2J" in refused(path, code=1)


def fuzzed(content: bytes, name: str = "m.onnx") -> int:
    """The exit code for a model with this content; fails unless what is said is as it must be."""
    path = Path(name)
    path.write_bytes(content)
    outcome = glmc(path, "-o", "fuzz.tflite", "--quiet")
    if outcome.code:
        check_refusal(outcome, path, outcome.code)
        assert not Path("fuzz.tflite").exists()
    else:
        assert outcome.err == ""
        Path("fuzz.tflite").unlink()
    return outcome.code


def test_random_files() -> None:
    generator = random.Random(0)
    for _ in range(300):
        assert fuzzed(generator.randbytes(generator.randrange(1000))) == 2


def test_damaged_files() -> None:
    """Bytes changed, inserted, deleted, and the end cut off."""
    generator, content = random.Random(1), DIGITS.read_bytes()
    codes = set()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(generator.randrange(1, 4)):
            place = generator.randrange(len(damaged))
            match generator.randrange(8):
                case 0:
                    del damaged[place : place + generator.randrange(1, 20)]
                case 1:
                    damaged[place:place] = generator.randbytes(generator.randrange(1, 8))
                case 2:
                    del damaged[place:]
                    damaged += b"\0"
                case _:
                    damaged[place] ^= 1 << generator.randrange(8)
        codes.add(fuzzed(bytes(damaged)))
    assert codes == {0, 1, 2}


def test_damaged_graphs() -> None:
    """Fields changed, so that the file stays a protobuf and the graph means something else or nothing."""
    original = onnx.load(DIGITS)
    codes = set()
    for seed in range(300):
        proto = onnx.ModelProto()
        proto.CopyFrom(original)
        damage(proto, random.Random(seed))
        codes.add(fuzzed(proto.SerializeToString()))
    assert codes == {0, 1}


def damage(proto: onnx.ModelProto, generator: random.Random) -> None:
    graph = proto.graph
    node, weight = generator.choice(graph.node), generator.choice(graph.initializer)
    names = [*(o for n in graph.node for o in n.output), *(i.name for i in graph.initializer), "image", "nobody", ""]
    sizes = (-(2**62), -1, 0, 1, 2, 7, 2**40)
    attributes = [a for n in graph.node for a in n.attribute if a.ints]
    match generator.randrange(9):
        case 0:
            node.op_type = generator.choice(
                ["Conv", "Concat", "Gather", "Resize", "TopK", "Nope", "If", "Einsum", "Pad"]
            )
        case 1:
            node.input[generator.randrange(len(node.input))] = generator.choice(names)
        case 2:
            attribute = generator.choice(attributes)
            attribute.ints[generator.randrange(len(attribute.ints))] = generator.choice(sizes)
        case 3:
            graph.node.remove(node)
        case 4:
            node.output[0] = generator.choice(names)
        case 5:
            weight.dims[generator.randrange(len(weight.dims))] = generator.choice(sizes)
        case 6:
            weight.data_type = generator.randrange(24)
        case 7:
            graph.input[0].type.tensor_type.shape.dim[generator.randrange(4)].dim_value = generator.choice(sizes)
        case _:
            proto.opset_import[0].version = generator.choice([0, 1, 6, 7, 9, 13, 21, 99])


def test_damaged_text() -> None:
    assert glmir("opt", saved(Path("s.onnx"), conv_model()), "-o", "m.glir").code == 0
    generator, content = random.Random(2), Path("m.glir").read_bytes()
    for _ in range(100):
        damaged = bytearray(content)
        place = generator.randrange(len(damaged))
        damaged[place : place + generator.randrange(4)] = bytes(generator.choices(b'()[]{}<>%@:,.=-19xn "\\', k=2))
        fuzzed(bytes(damaged), "m.glir")

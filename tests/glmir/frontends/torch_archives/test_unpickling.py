"""Pickles: what they hold, and what in them is refused."""

from __future__ import annotations

import pickle
import struct
from typing import cast

import ml_dtypes
import numpy as np
import pytest

from glmir.errors import InputError
from glmir.frontends.torch_archives import ScriptObject, StoredTensor, open_archive, unpickle
from glmir.frontends.torch_archives.unpickling import MAX_DEPTH, MAX_PICKLE_BYTES
from glmir.types import DType
from tests.glmir.frontends.torch_archives.building import (
    HOOKS,
    REBUILD,
    Entry,
    archive_of,
    call,
    decimal,
    long,
    name,
    number,
    pickle_refusal,
    read,
    refusal,
    script_object,
    storage,
    tensor,
    text,
    tuple_of,
    zip_of,
)

SIX = np.arange(6, dtype=np.float32)
FLOATS = {"0": SIX.tobytes()}


def read_tensor(content: bytes, storages: dict[str, bytes] | None = None) -> StoredTensor:
    value = read(content, FLOATS if storages is None else storages)
    assert isinstance(value, StoredTensor)
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 300, -5, 1 << 40, 1 << 63, 2.5, "héé\n", [], {}, (), (1,), (1, 2), (1, 2, 3)),
        *([1, [2.0, "a"], (1, 2, 3, 4)], {"a": {"b": [None]}, 1: (False,)}),
    ],
    ids=repr,
)
def test_what_python_pickles_is_read_back(value: object) -> None:
    assert unpickle(open_archive(archive_of(pickle.dumps(value, protocol=2)))) == value


def test_shared_values_stay_shared() -> None:
    shared = [1]
    value = unpickle(open_archive(archive_of(pickle.dumps([shared, shared], protocol=2))))
    assert isinstance(value, list) and value[0] is value[1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"(K\x01K\x02l", [1, 2]),
        (b"(X\x01\0\0\0aK\x02d", {"a": 2}),
        (b"}X\x01\0\0\0aK\x02s", {"a": 2}),
        (b"]K\x01a", [1]),
        (b"K\x01K\x020", 1),
        (b"K\x01(K\x02K\x031", 1),
        (long(-(1 << 62)), -(1 << 62)),
        (call(name("torch.jit._pickle", "build_intlist"), b"](K\x01K\x02e"), [1, 2]),
        (call(name("torch.jit._pickle", "restore_type_tag"), b"}", text("Dict[str, int]")), {}),
        (call(name("builtins", "complex"), decimal(1.5), decimal(-2)), 1.5 - 2j),
        (call(name("torch", "device"), text("cuda"), number(1)), "cuda:1"),
        (call(name("torch", "device"), text("cpu")), "cpu"),
        (call(name("torch", "Size"), tuple_of(number(2), number(3))), (2, 3)),
        (call(name("torch.serialization", "_get_layout"), text("torch.strided")), "strided"),
        (call(name("collections", "OrderedDict")) + b"(" + text("a") + b"K\x01u}b", {"a": 1}),
        (name("torch", "bfloat16"), DType.BF16),
        (name("torch", "uint8"), DType.U8),
        (name("torch", "float8_e5m2"), "float8_e5m2"),
        (name("torch", "channels_last"), "channels_last"),
    ],
)
def test_what_pytorch_writes(content: bytes, expected: object) -> None:
    value = read(content)
    assert value == expected and type(value) is type(expected)


def test_objects_of_script_classes() -> None:
    inner = script_object("__torch__.pack.___torch_mangle_5.Linear", b"}(" + text("bias") + b"Nu")
    outer = read(script_object("__torch__.Net", b"}(" + text("linear") + inner + text("n") + b"K\x03u"))
    assert isinstance(outer, ScriptObject) and outer.class_name == "__torch__.Net" and outer.attributes["n"] == 3
    linear = outer.attributes["linear"]
    assert isinstance(linear, ScriptObject) and linear.class_name == "__torch__.pack.___torch_mangle_5.Linear"
    assert linear.attributes == {"bias": None} and linear.state is None


def test_states_are_kept_for_setstate() -> None:
    packed = read(script_object("__torch__.torch.classes.quantized.LinearPackedParamsBase", b"K\x01N\x86"))
    assert isinstance(packed, ScriptObject) and packed.state == (1, None) and packed.attributes == {}
    content = script_object("__torch__.Own", b"}(" + text("a") + b"K\x01u")
    opened = open_archive(archive_of(b"\x80\x02" + content + b"."))
    own = unpickle(opened, has_setstate=lambda class_name: class_name == "__torch__.Own")
    assert isinstance(own, ScriptObject) and own.state == {"a": 1} and own.attributes == {}


def test_members_of_enums() -> None:
    member = read(name("__torch__", "Color") + b"K\x02R")
    assert isinstance(member, ScriptObject) and member.attributes == {"value": 2}


def test_tensors_are_views_with_offset_and_strides() -> None:
    transposed = read_tensor(tensor((3, 2), (1, 3)))
    assert np.array_equal(transposed.array, SIX.reshape(2, 3).T)
    assert (transposed.storage, transposed.offset, transposed.strides) == ("data/0", 0, (1, 3))
    assert not transposed.requires_grad and not transposed.array.flags.writeable
    column = read_tensor(tensor((2,), (3,), offset=1))
    assert column.array.tolist() == [1, 4] and column.offset == 1
    assert read_tensor(tensor((), (), offset=5)).array == 5
    assert read_tensor(tensor((2, 3), (0, 1))).array.tolist() == [[0, 1, 2]] * 2
    assert read_tensor(tensor((1, 6), (1 << 62, 1))).array.tolist() == [SIX.tolist()]
    assert read_tensor(tensor((0, 3), (3, 1), offset=99)).array.shape == (0, 3)


def test_tensors_of_one_storage_share_memory() -> None:
    memo = storage(6) + b"q\x07"
    value = read(tensor((6,), (1,), source=memo) + tensor((2,), (1,), 2, source=b"h\x07") + b"\x86", FLOATS)
    assert isinstance(value, tuple)
    assert np.shares_memory(value[0].array, value[1].array)


@pytest.mark.parametrize(
    ("class_name", "values"),
    [
        ("BFloat16Storage", np.array([1, -2], ml_dtypes.bfloat16)),
        ("HalfStorage", np.array([1, -2], np.float16)),
        ("DoubleStorage", np.array([1, -2], np.float64)),
        ("BoolStorage", np.array([True, False])),
        ("LongStorage", np.array([1 << 40, -2])),
        ("ComplexFloatStorage", np.array([1j, 2], np.complex64)),
    ],
)
def test_dtypes_of_storages(class_name: str, values: np.ndarray[tuple[int], np.dtype[np.generic]]) -> None:
    found = read_tensor(tensor((2,), (1,), source=storage(2, "0", class_name)), {"0": values.tobytes()})
    assert found.array.dtype == values.dtype and np.array_equal(found.array, values)


def test_untyped_storages_and_parameters() -> None:
    values = np.array([1, 2, 3], ml_dtypes.float8_e4m3fn)
    source = storage(3, "0", "UntypedStorage", "torch.storage")
    content = call(
        name("torch._utils", "_rebuild_tensor_v3"), source, number(1), b"K\x02\x85", b"K\x01\x85", b"\x88", HOOKS,
        name("torch", "float8_e4m3fn"),
    )  # fmt: skip
    parameter = call(name("torch._utils", "_rebuild_parameter"), content, b"\x88", HOOKS)
    found = read_tensor(parameter, {"0": values.tobytes()})
    assert found.requires_grad and found.array.dtype == values.dtype and np.array_equal(found.array, values[1:])


def test_tensors_with_attributes_of_their_own() -> None:
    arguments = tuple_of(storage(6), b"K\x00", b"K\x06\x85", b"K\x01\x85", b"\x89", HOOKS)
    content = call(name("torch._tensor", "_rebuild_from_type_v2"), REBUILD, name("torch", "Tensor"), arguments, b"}")
    assert np.array_equal(read_tensor(content).array, SIX)


def test_quantized_tensors() -> None:
    rebuild = name("torch._utils", "_rebuild_qtensor")
    source, shape, strides = storage(6, "1", "QInt8Storage"), b"K\x02K\x03\x86", b"K\x03K\x01\x86"
    storages = FLOATS | {"1": np.arange(6, dtype=np.int8).tobytes(), "2": np.arange(2).tobytes()}
    whole = tuple_of(name("torch", "per_tensor_affine"), decimal(0.5), number(-3))
    found = read_tensor(call(rebuild, source, b"K\x00", shape, strides, whole, b"\x89", HOOKS), storages)
    assert found.array.dtype == np.int8 and found.quantized is not None
    assert (found.quantized.scales.tolist(), found.quantized.zero_points.tolist()) == ([0.5], [-3])
    scales = tensor((2,), (1,), 1)
    zero_points = tensor((2,), (1,), source=storage(2, "2", "LongStorage"))
    channels = tuple_of(name("torch", "per_channel_affine"), scales, zero_points, b"K\x00")
    found = read_tensor(call(rebuild, source, b"K\x00", shape, strides, channels, b"\x89", HOOKS), storages)
    assert found.quantized is not None and found.quantized.axis == 0
    assert (found.quantized.scales.tolist(), found.quantized.zero_points.tolist()) == ([1, 2], [0, 1])
    wrong = tuple_of(name("torch", "per_channel_affine"), scales, zero_points, b"K\x01")
    content = call(rebuild, source, b"K\x00", shape, strides, wrong, b"\x89", HOOKS)
    assert "scales and zero points" in pickle_refusal(content, storages)


def test_storages_that_other_tools_left_unaligned_are_copied() -> None:
    content = b"\x80\x02" + tensor((6,), (1,)) + b"."
    data = zip_of([Entry("m/x", b"1"), Entry("m/data/0", SIX.tobytes()), Entry("m/data.pkl", content)], aligned=False)
    found = unpickle(open_archive(data))
    assert isinstance(found, StoredTensor) and found.array.flags.aligned and not found.array.flags.writeable
    assert np.array_equal(found.array, SIX)


def test_tensors_without_storages_read_as_zeros() -> None:
    opened = open_archive(archive_of(b"\x80\x02" + tensor((1 << 20, 1 << 10), (1 << 10, 1)) + b"."))
    found = unpickle(opened, storages=None)
    assert isinstance(found, StoredTensor)
    assert found.array.shape == (1 << 20, 1 << 10) and found.array.dtype == np.float32 and found.array[9, 9] == 0


@pytest.mark.parametrize("size", [1 << 62, (1 << 63) - 1])
def test_tensors_without_storages_have_sizes_that_can_be_counted(size: int) -> None:
    opened = open_archive(archive_of(b"\x80\x02" + tensor((size, size), (1, 1)) + b"."))
    with pytest.raises(InputError, match="impossible sizes"):
        unpickle(opened, storages=None)


def test_integers_of_nine_bytes_are_no_sizes() -> None:
    sizes = tuple_of(long(1 << 70, 9))
    content = call(REBUILD, storage(6), b"K\x00", sizes, sizes, b"\x89", HOOKS)
    assert "bytes of storage data/0" in pickle_refusal(content, FLOATS)
    with pytest.raises(InputError, match="impossible sizes"):
        unpickle(open_archive(archive_of(b"\x80\x02" + content + b".")), storages=None)


def test_storages_of_another_folder() -> None:
    content = b"\x80\x02" + tensor((6,), (1,), source=storage(6, "constants/0")) + b"."
    entries = [Entry("m/constants.pkl", content), Entry("m/constants/0", SIX.tobytes())]
    opened = open_archive(zip_of(entries))
    for folder in ("constants", "data"):
        found = unpickle(opened, "constants.pkl", storages=folder)
        assert isinstance(found, StoredTensor) and found.storage == "constants/0"


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch._utils", "__builtins__"),
        ("torch.storage", "_load_from_bytes"),
        ("torch", "storage.UntypedStorage"),
        ("torch.jit._pickle", "os.system"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "Counter"),
        ("numpy", "load"),
        ("__torch__evil", "Net"),
        ("", ""),
        ("torch.nn.modules.linear", "Linear"),
        ("x" * 100_000, "y" * 100_000),
    ],
    ids=lambda part: part[:20],
)
def test_other_globals_are_refused_and_named(module: str, attribute: str) -> None:
    content = name(module, attribute) + text("touch /tmp/owned") + b"\x85R"
    message = pickle_refusal(content)
    assert "refused" in message and len(message) < 600
    if attribute != "_load_from_bytes":
        assert f"{module[:50]}" in message and "nothing of it was run" in message


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"cos\nsystem", "ends too early"),
        (b"X\xff\xff\xff\xffabc", "ends too early"),
        (b"K", "ends too early"),
        (b"J\x01", "ends too early"),
        (b"G\x01", "ends too early"),
        (b"X\x02\0\0\0\xff\xfe", "not UTF-8"),
        (b"c\xff\n\xff\n", "not UTF-8"),
        (b"K\x01K\x02", "does not leave one value"),
        (b"(K\x01", "does not leave one value"),
        (b"", "does not leave one value"),
        (b"0", "a value that is not there"),
        (b"(0", "a value that is not there"),
        (b"t", "a mark that is not there"),
        (b"q\x00", "a value that is not there"),
        (b"h\x05", "refers to value 5 before"),
        (b"j\xff\xff\xff\x7f", "refers to value 2147483647 before"),
        (b"\x8a\xff" + bytes(255), "more than 64 bits"),
        (b"\x8b\xff\xff\xff\x7f", "opcode 0x8b"),
        (b"\x80\x04N", "protocol 4"),
        (b"\x93", "opcode 0x93"),
        (b"I1\n", "opcode 0x49"),
        (b"ios\nsystem\n", "opcode 0x69"),
        (b"(cos\nsystem\no", "asks for os.system"),
        (b"\x82\x01", "opcode 0x82"),
        (b"P1\n", "opcode 0x50"),
        (b"K\x01K\x01a", "appends to what is no list"),
        (b"K\x01K\x01K\x01s", "sets items of what is no dict"),
        (b"}(K\x01u", "sets items of what is no dict"),
        (b"})K\x01s", "neither text nor a number"),
        (b"}]K\x01s", "neither text nor a number"),
        (b"K\x01)R", "cannot be called"),
        (name("torch", "FloatStorage") + b")R", "cannot be called"),
        (name("torch", "Tensor") + b")\x81", "no class of the archive's code"),
        (name("torch._utils", "_rebuild_tensor_v2") + b")\x81", "no class of the archive's code"),
        (name("__torch__", "A") + b"K\x01\x85\x81", "no class of the archive's code"),
        (name("collections", "OrderedDict") + b"]\x85R", "OrderedDict is built with arguments"),
        (name("torch", "Size") + b"]\x85R", "torch.Size"),
        (name("torch", "device") + b"K\x01\x85R", "torch.device"),
        (name("builtins", "complex") + text("1") + b"\x85R", "complex"),
        (b"K\x01}b", "sets the state of what has none"),
        (b"}K\x01b", "sets the state of what has none"),
        (script_object("__torch__.A", b"}(K\x01K\x01u"), "an attribute has no name"),
        (script_object("__torch__.A", b"K\x01") + b"K\x01b", "sets the state of what has none"),
        (b"}(" + text("a") + b"K\x01uq\x00" + script_object("__torch__.A", b"h\x00") * 2 + b"\x86", "share their"),
        (name("torch", "FloatStorage"), "holds a class or storage"),
        (name("__torch__", "Net"), "holds a class or storage"),
        (b"(" + REBUILD + b"l", "holds a class or storage"),
        (b"NQ", "not that of a storage"),
        (tuple_of(text("module"), b"NN") + b"Q", "not that of a storage"),
        (
            tuple_of(text("storage"), name("os", "system"), text("0"), text("cpu"), b"K\x01") + b"Q",
            "asks for os.system",
        ),
    ],
)
def test_pickles_that_no_writer_of_pytorch_makes_are_refused(content: bytes, sentence: str) -> None:
    message = pickle_refusal(content)
    assert sentence in message and message.startswith("data.pkl")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (tensor((7,), (1,)), "reads 28 bytes of storage data/0, which has 24"),
        (tensor((6,), (1,), offset=1), "reads 28 bytes"),
        (tensor((2, 2), (5, 1)), "reads 28 bytes"),
        (tensor((1 << 62,), (1,)), "bytes of storage data/0"),
        (tensor((6,), (1,), offset=-1), "negative sizes"),
        (tensor((-1,), (1,)), "negative sizes"),
        (tensor((6,), (-1,), offset=5), "negative sizes"),
        (tensor((2, 3), (1,)), "no offset, shape and strides"),
        (tensor((1,) * 33, (1,) * 33), "no offset, shape and strides"),
        (tensor((6,), (1,), source=storage(7)), "has 24 bytes, but the 7 elements of its FloatStorage take 28"),
        (tensor((6,), (1,), source=storage(-1)), "elements of its FloatStorage"),
        (tensor((6,), (1,), source=storage(6, "9")), "no member 'data/9'"),
        (tensor((6,), (1,), source=storage(6, "../0")), "no member 'data/../0'"),
        (tensor((6,), (1,), source=storage(6, "/etc/passwd")), "no member"),
        (tensor((6,), (1,), source=storage(6, "0", "UntypedStorage")), "does not say its dtype"),
        (tensor((6,), (1,), source=storage(6, "0", "QUInt4x2Storage")), "4 bits"),
        (tensor((1 << 40,), (0,)), "no model needs that"),
        (tensor((0, 1 << 62, 1 << 62), (1, 1, 1)), "impossible sizes"),
        (tensor((6,), (1,), rest=b"}(" + text("conj") + b"\x88u"), "resolve_conj"),
        (call(REBUILD, b"N", b"K\x00", b")", b")", b"\x89", HOOKS), "not rebuilt from a storage"),
        (call(name("torch._utils", "_rebuild_sparse_tensor"), b"N"), "sparse"),
        (call(name("torch._utils", "_rebuild_parameter"), b"N", b"\x88", HOOKS), "parameter is not rebuilt"),
        (storage(6), "holds a class or storage"),
    ],
)
def test_tensors_that_their_storages_do_not_hold_are_refused(content: bytes, sentence: str) -> None:
    assert sentence in pickle_refusal(content, FLOATS)


def test_many_tensors_of_one_storage_may_not_be_copied_without_end() -> None:
    big = np.zeros(1 << 20, np.uint8)
    source = storage(1 << 20, "0", "ByteStorage") + b"q\x00"
    again = tensor((1 << 20,), (1,), source=b"h\x00")
    content = b"(" + tensor((1 << 20,), (1,), source=source) + again * 2000 + b"l"
    assert "no model needs that" in pickle_refusal(content, {"0": big.tobytes()})


def test_big_endian_storages_are_refused() -> None:
    assert "'big'-endian" in refusal(archive_of(b"\x80\x02N.", byteorder=b"big"))
    assert unpickle(open_archive(archive_of(b"\x80\x02N.", byteorder=b"little"))) is None


@pytest.mark.parametrize("content", [b"]q\x00h\x00a", b"}q\x00X\x01\0\0\0ah\x00s", b"]q\x00h\x00\x85a"])
def test_values_that_contain_themselves_are_refused(content: bytes) -> None:
    assert "contains itself" in pickle_refusal(content)


def test_objects_that_contain_themselves_are_refused() -> None:
    content = name("__torch__", "A") + b")\x81q\x00}(" + text("me") + b"h\x00ub"
    assert "contains itself" in pickle_refusal(content)


def test_deep_nesting_is_refused() -> None:
    assert read(b")" + b"\x85" * MAX_DEPTH) is not None
    assert "deep" in pickle_refusal(b")" + b"\x85" * (MAX_DEPTH + 2))
    steps = b"".join(b"r" + struct.pack("<I", i) + b"0]j" + struct.pack("<I", i) + b"a" for i in range(5000))
    assert "deep" in pickle_refusal(b"]" + steps)


def test_depth_is_counted_through_shared_values() -> None:
    half = b")" + b"\x85" * (MAX_DEPTH // 2 + 2) + b"q\x00"
    assert "deep" in pickle_refusal(half + b"h\x00" + b"\x85" * (MAX_DEPTH // 2 + 2) + b"\x86")
    assert isinstance(read(half + b"h\x00" + b"\x85" * 10 + b"\x86"), tuple)


def test_values_that_unfold_without_end_are_refused() -> None:
    doubling = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    assert "repeats its values" in pickle_refusal(b"K\x01\x85" + doubling)
    # As a key of a dict it would have to be hashed, which takes 2 ** 60 steps.
    assert "neither text nor a number" in pickle_refusal(b"}" + b"K\x01\x85" + doubling + b"K\x01s")


def test_pickles_of_any_size_are_bounded() -> None:
    assert "larger than 32 MB" in refusal(archive_of(bytes(MAX_PICKLE_BYTES + 1)))
    assert "more than 2000000 instructions" in pickle_refusal(b"N0" * 1_000_001)


def test_other_members_are_read_by_name() -> None:
    opened = open_archive(archive_of(b"\x80\x02N.", constants_pkl=b"\x80\x02)."))
    assert unpickle(opened, "constants.pkl") == ()
    with pytest.raises(InputError, match=r"no member 'absent\.pkl'"):
        unpickle(opened, "absent.pkl")


def test_what_follows_the_stop_is_left_alone() -> None:
    assert cast(object, unpickle(open_archive(archive_of(b"\x80\x02K\x07.cos\nsystem\n")))) == 7

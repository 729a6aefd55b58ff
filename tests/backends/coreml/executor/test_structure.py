"""Shapes, slices, joins, gathers and scatters of the executor, held against numpy and onnxruntime."""

from typing import Any

import numpy as np
import pytest

from glmir.backends.coreml.executor import ProgramError
from tests.backends.coreml.executor.onnx_reference import onnx_outputs
from tests.backends.coreml.executor.programs import Array, Input, check, compute

RNG = np.random.default_rng(2)
X = RNG.standard_normal((2, 3, 4, 6)).astype(np.float32)
ROW = np.arange(24, dtype=np.float32).reshape(2, 12)


@pytest.mark.parametrize(
    ("kind", "expected", "given"),
    [
        ("reshape", X.reshape(2, 12, 6), {"shape": [2, -1, 6]}),
        ("reshape", X.reshape(2, 3, 6, 4), {"shape": [0, 0, 6, -1]}),
        ("flatten2d", X.reshape(6, 24), {"axis": -2}),
        ("expand_dims", X[:, None, :, :, :], {"axes": [1]}),
        ("transpose", X.transpose(3, 1, 0, 2), {"perm": [3, 1, 0, 2]}),
        ("shape", np.array([2, 3, 4, 6], np.int32), {}),
        ("reverse", X[:, ::-1, :, ::-1], {"axes": [1, -1]}),
        ("tile", np.tile(X, (1, 2, 1, 3)), {"reps": [1, 2, 1, 3]}),
        ("band_part", np.tril(np.triu(X, -1), 2), {"lower": 1, "upper": 2}),
        ("sliding_windows", np.stack([X[:, :, i : i + 2] for i in (0, 1, 2)], 2), {"axis": 2, "size": 2, "stride": 1}),
        ("crop", X[:, :, 1:3, 2:5], {"crop_height": [1, 1], "crop_width": [2, 1]}),
        ("slice_by_size", X[1:, :2, 1:3, 2:], {"begin": [1, 0, 1, -4], "size": [1, 2, 2, -1]}),
        (
            "slice_by_index",
            X[:, 1, ::2, 4:1:-1],
            {
                "begin": [0, 1, 0, 4], "end": [0, 0, 4, 1], "stride": [1, 1, 2, -1],
                "begin_mask": [True, False, False, False], "end_mask": [True, False, True, False],
                "squeeze_mask": [False, True, False, False],
            },
        ),
        ("pad", np.pad(X, [(0, 0), (0, 0), (1, 2), (0, 3)], constant_values=5),
         {"pad": [1, 2, 0, 3], "mode": "constant", "constant_val": np.float32(5)}),
        ("pad", np.pad(X, [(0, 0), (0, 0), (1, 2), (0, 3)], "reflect"),
         {"pad": [0, 0, 0, 0, 1, 2, 0, 3], "mode": "reflect", "constant_val": np.float32(0)}),
        ("pad", np.pad(X, [(0, 0), (0, 0), (1, 2), (0, 3)], "edge"),
         {"pad": [1, 2, 0, 3], "mode": "replicate", "constant_val": np.float32(0)}),
    ],
)  # fmt: skip
def test_rearrangements(kind: str, expected: Array, given: dict[str, Any]) -> None:
    check(kind, expected, x=Input(X), **given)


def test_zeros_of_a_shape_count_from_the_right_since_ios17() -> None:
    x = np.zeros((2, 50), np.float32)
    check("reshape", x.reshape(1, 1, 2, 50), opset="CoreML7", x=Input(x), shape=[1, 0, -1, 0])
    with pytest.raises(ProgramError, match="another length"):
        compute("reshape", x.reshape(1, 1, 2, 50), x=Input(x), shape=[1, 0, -1, 0])


@pytest.mark.parametrize(
    ("mode", "kind", "factor"), [("DCR", "depth_to_space", "block_size"), ("CRD", "pixel_shuffle", "upscale_factor")]
)
def test_depth_to_space(mode: str, kind: str, factor: str) -> None:
    x = np.arange(96, dtype=np.float32).reshape(2, 8, 2, 3)
    (expected,) = onnx_outputs("DepthToSpace", {"x": x}, blocksize=2, mode=mode)
    check(kind, expected, x=Input(x), **{factor: 2})
    if mode == "DCR":
        check("space_to_depth", x, x=Input(expected), block_size=2)
    else:
        check("pixel_unshuffle", x, x=Input(expected), downscale_factor=np.uint32(2))


def test_space_to_batch_and_back() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    expected = np.stack([x[0, :, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    none, blocks = np.zeros((2, 2), np.int32), np.array([2, 2], np.int32)
    check("space_to_batch", expected, x=Input(x), block_shape=blocks, paddings=none)
    check("batch_to_space", x, x=Input(expected), block_shape=blocks, crops=none)


def test_joins_and_splits() -> None:
    a, b = X[:, :2], X[:, 2:]
    check("concat", X, values=[Input(a), Input(b)], axis=1, interleave=False)
    expected = np.stack([ROW, -ROW], 1).reshape(4, 12)
    check("concat", np.stack([ROW, -ROW], 1).reshape(2, 24), values=[Input(ROW), Input(-ROW)], axis=1, interleave=False)
    check("concat", expected, values=[Input(ROW), Input(-ROW)], axis=0, interleave=True)
    check("stack", np.stack([a, a], 4), values=[Input(a), Input(a)], axis=-1)
    check("split", a, b, x=Input(X), split_sizes=[2, 1], axis=1)
    check("split", X[:, :, :2], X[:, :, 2:], x=Input(X), num_splits=2, axis=2)
    check("squeeze", ROW, x=Input(ROW[None, :, None]), axes=[0, 2])
    check("squeeze", ROW, x=Input(ROW[None, :, None]))


def test_made_tensors() -> None:
    check("fill", np.full((2, 3), 1.5, np.float32), shape=[2, 3], value=np.float32(1.5))
    check("fill", np.full((2, 3), True), shape=Input(np.array([2, 3], np.int32)), value=True)
    check("fill_like", np.full((2, 12), 3, np.int32), ref_tensor=Input(ROW), value=3)
    check("range_1d", np.arange(7, 1, -2, np.int32), start=7, end=1, step=-2)
    check("non_zero", np.argwhere(X > 0).astype(np.int32), x=Input(np.maximum(X, 0)))
    hot = np.moveaxis(np.eye(4, dtype=np.float32)[[[1, 3], [0, 2]]], -1, 1)
    indices = np.array([[1, 3], [0, 2]], np.int32)
    values = {"on_value": np.float32(1), "off_value": np.float32(0)}
    check("one_hot", hot, indices=Input(indices), one_hot_vector_size=4, axis=1, **values)


def test_reverse_sequence() -> None:
    lengths = np.array([5, 2], np.int32)
    (expected,) = onnx_outputs("ReverseSequence", {"x": ROW, "n": lengths.astype(np.int64)}, batch_axis=0, time_axis=1)
    check("reverse_sequence", expected, x=Input(ROW), lengths=Input(lengths), seq_axis=1, batch_axis=0)
    check("reverse_sequence", expected.T, x=Input(ROW.T), lengths=Input(lengths), seq_axis=0, batch_axis=1)


def test_reshape_like() -> None:
    a, b = np.zeros((4, 6, 9), np.float32), np.zeros((1, 2, 3), np.float32)
    check(
        "reshape_like", X.reshape(4, 6, 2, 3), x=Input(X), ref_tensors=[a, b],
        begins=[np.array(0, np.int32), np.array(1, np.int32)],
        ends=[np.array(2, np.int32), np.array(0, np.int32)],
        end_masks=[np.array(False), np.array(True)],
    )  # fmt: skip


def test_slice_update() -> None:
    update = -np.ones((2, 4), np.float32)
    expected = ROW.copy()
    expected[:, 3:11:2] = update
    check(
        "slice_update", expected, opset="CoreML8", x=Input(ROW), update=Input(update), begin=[0, 3], end=[2, 11],
        stride=[1, 2],
    )  # fmt: skip


def test_gathers() -> None:
    indices = np.array([[2, -1], [0, 1]], np.int32)
    check("gather", np.take(X, indices, 2), opset="CoreML5", x=Input(X), indices=Input(indices), axis=2)
    expected = np.stack([X[i][:, :, indices[i]] for i in range(2)])
    check("gather", expected, x=Input(X), indices=Input(indices), axis=3, batch_dims=1)
    along = RNG.integers(0, 12, (2, 5)).astype(np.int32)
    check("gather_along_axis", np.take_along_axis(ROW, along, 1), x=Input(ROW), indices=Input(along), axis=1)
    places = RNG.integers(0, 2, (5, 2)).astype(np.int32)
    (expected,) = onnx_outputs("GatherND", {"x": X, "i": places.astype(np.int64)})
    check("gather_nd", expected, x=Input(X), indices=Input(places), batch_dims=0)
    batched = RNG.integers(0, 3, (2, 4, 1)).astype(np.int32)
    (expected,) = onnx_outputs("GatherND", {"x": X, "i": batched.astype(np.int64)}, batch_dims=1)
    check("gather_nd", expected, x=Input(X), indices=Input(batched), batch_dims=1)


def test_negative_indices_are_out_of_bounds_since_ios17() -> None:
    given: dict[str, Any] = {"x": Input(X), "indices": Input(np.array([-1], np.int32)), "axis": 0, "batch_dims": 0}
    check("gather", X[-1:], **given)
    with pytest.raises(ProgramError, match=r"operator gather .*out of bounds"):
        compute("gather", X[-1:], opset="CoreML7", validate_indices=False, **given)


@pytest.mark.parametrize(
    ("mode", "reduction"), [("update", "none"), ("add", "add"), ("mul", "mul"), ("max", "max"), ("min", "min")]
)
def test_scatters(mode: str, reduction: str) -> None:
    indices = np.array([[1, 0, 3], [2, 5, 7]], np.int32)
    updates = RNG.standard_normal((2, 3)).astype(np.float32)
    inputs = {"x": ROW, "i": indices.astype(np.int64), "u": updates}
    (expected,) = onnx_outputs("ScatterElements", inputs, axis=1, reduction=reduction)
    given: dict[str, Any] = {"data": Input(ROW), "updates": Input(updates), "mode": mode}
    check("scatter_along_axis", expected, indices=Input(indices), axis=1, **given)
    places = np.array([[[0, 1], [1, 1], [0, 7]], [[1, 2], [0, 0], [1, 9]]], np.int32)
    (expected,) = onnx_outputs("ScatterND", {**inputs, "i": places.astype(np.int64)}, reduction=reduction)
    check("scatter_nd", expected, indices=Input(places), **given)


def test_scatter_of_rows() -> None:
    data, updates = ROW.reshape(2, 4, 3), np.ones((2, 2, 3), np.float32)
    expected = data.copy()
    expected[:, [3, 0]] += 1
    given = {"data": Input(data), "updates": Input(updates), "indices": Input(np.array([3, -4], np.int32))}
    check("scatter", expected, axis=1, mode="add", **given)

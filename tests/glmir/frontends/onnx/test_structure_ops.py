"""ONNX's structural operators against onnxruntime, over opsets, symbolic dims and operands known only at run time."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from glmir.errors import ModelWarning
from tests.glmir.frontends.onnx.harness import (
    NEWEST,
    Array,
    OneNode,
    booleans,
    check,
    check_model,
    floats,
    input_info,
    integers,
    model_of,
    op_names,
    reasons_of,
)


def ints(*elements: int) -> Array:
    return np.array(elements, np.int64)


def result_type(module: Any, index: int = 0) -> str:
    return str(module.main.outputs[index].type)


# ---- Reshape, Flatten, Squeeze, Unsqueeze


@pytest.mark.parametrize("opset", [7, 13, 14, NEWEST])
@pytest.mark.parametrize("shape", [(24,), (4, 6), (-1,), (0, -1), (0, 0, 2, -1), (2, -1, 1, 4), (-1, 0, 4)])
def test_reshape(opset: int, shape: tuple[int, ...]) -> None:
    check("Reshape", floats(2, 3, 4), ints(*shape), opset=opset, constants=[1])


@pytest.mark.parametrize(
    ("dims", "shape", "expected"),
    [
        (["n", 3, 4], (0, -1), "f32[n, 12]"),
        (["n", 3, 4], (-1, 12), "f32[n, 12]"),
        (["n", 3, 4], (-1, 6), "f32[2*n, 6]"),
        (["n", "m", 4], (0, 0, 2, 2), "f32[n, m, 2, 2]"),
        (["n", "m", 4], (-1, 4), "f32[n*m, 4]"),
        (["n", "m", 4], (1, -1), "f32[1, 4*n*m]"),
        (["n", 3, 4], (-1, 8), "f32[n + n // 2, 8]"),
        (["n", 3, "m"], (0, -1), "f32[n, 3*m]"),
    ],
)
def test_reshape_of_symbolic_dims(dims: list[str | int], shape: tuple[int, ...], expected: str) -> None:
    module = check("Reshape", floats(2, 3, 4), ints(*shape), constants=[1], dims={0: dims})
    assert result_type(module).replace("m*n", "n*m") == expected
    assert op_names(module) == ["tensor.reshape"]


def test_reshape_to_a_scalar() -> None:
    check("Reshape", floats(1, 1), np.zeros(0, np.int64), constants=[1])


def test_reshape_of_empty_tensors() -> None:
    check("Reshape", floats(0, 3), ints(-1, 3), constants=[1])
    check("Reshape", floats(0, 3), ints(3, 0), constants=[1], allowzero=1)


@pytest.mark.parametrize("shape", [(2, 0, 4, 1), (0, 0, 2, -1), (0, 12), (4, 6)])
def test_zeros_known_at_run_time_copy_dimensions(shape: tuple[int, ...]) -> None:
    check("Reshape", floats(2, 3, 4), ints(*shape))
    check("Reshape", floats(2, 3, 4), ints(*shape), dims={0: ["n", 3, "m"]})


def test_reshape_to_a_shape_known_at_run_time() -> None:
    module = check("Reshape", floats(2, 3, 4), ints(4, 6))
    assert result_type(module) == "f32[u0, 24 // u0]" or result_type(module) == "f32[u0, u1]"
    check("Reshape", floats(2, 3, 4), ints(4, -1))
    check("Reshape", floats(2, 3, 4), ints(-1, 3, 2), dims={0: ["n", 3, 4]})


def test_reshape_to_one_unknown_size_needs_no_operand() -> None:
    module = check("Reshape", floats(2, 3, 4), ints(24), dims={0: ["n", 3, 4]})
    assert result_type(module) == "f32[12*n]"
    assert op_names(module) == ["tensor.reshape"]


def test_bad_reshapes_are_refused() -> None:
    assert "more than once" in reasons_of(OneNode("Reshape", [floats(2, 3), ints(-1, -1)], constants=[1]))[0]
    assert "rank 2" in reasons_of(OneNode("Reshape", [floats(2, 3), ints(1, 6, 0)], constants=[1]))[0]
    assert "element counts" in reasons_of(OneNode("Reshape", [floats(2, 3), ints(4, -1)], constants=[1]))[0]
    assert "length of input 1" in reasons_of(OneNode("Reshape", [floats(2, 3), ints(6)], dims={1: ["k"]}))[0]


@pytest.mark.parametrize("opset", [7, 9, 11, 13, NEWEST])
def test_flatten(opset: int) -> None:
    for axis in (0, 1, 2, 3, *((-1, -2, -3) if opset >= 11 else ())):
        check("Flatten", floats(2, 3, 4), opset=opset, axis=axis)
        check("Flatten", floats(2, 3, 4), opset=opset, axis=axis, dims={0: ["n", 3, "m"]})
    check("Flatten", floats(5), opset=opset)


@pytest.mark.parametrize("opset", [7, 11])
@pytest.mark.parametrize("axes", [None, [0], [0, 2], [2]])
def test_squeeze_by_attribute(opset: int, axes: list[int] | None) -> None:
    check("Squeeze", floats(1, 3, 1, 4), opset=opset, **({} if axes is None else {"axes": axes}))


@pytest.mark.parametrize("axes", [(0,), (0, 2), (-2,), (-4, 2)])
@pytest.mark.parametrize("opset", [13, NEWEST])
def test_squeeze_by_operand(opset: int, axes: tuple[int, ...]) -> None:
    check("Squeeze", floats(1, 3, 1, 4), ints(*axes), opset=opset, constants=[1])
    check("Squeeze", floats(1, 3, 1, 4), ints(*axes), opset=opset, constants=[1], dims={0: [1, "n", 1, "m"]})


def test_squeeze_of_all_ones() -> None:
    check("Squeeze", floats(1, 3, 1), opset=13)
    check("Squeeze", floats(1, 1), opset=13)


def test_squeeze_of_a_symbolic_dim_that_must_be_1() -> None:
    check("Squeeze", floats(1, 3), ints(0), constants=[1], dims={0: ["n", 3]})


@pytest.mark.parametrize(("declared", "shape"), [([], ()), (["n"], ("n",))])
def test_squeeze_of_a_symbolic_dim_by_the_rank_that_the_model_declares(
    declared: list[str], shape: tuple[str, ...]
) -> None:
    """Behind the squeeze stand ops that leave the shape as it is, with a scalar from a Constant node."""
    two = helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, np.float32)))
    nodes = [
        helper.make_node("Squeeze", ["x"], ["a"]),
        helper.make_node("Sigmoid", ["a"], ["b"]),
        two,
        helper.make_node("Mul", ["b", "two"], ["y"]),
    ]
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, declared)
    x = floats(3 if declared else 1, 1)
    module = check_model(model_of(nodes, [input_info("x", x, ["n", 1])], [output]), {"x": x})
    assert tuple(map(str, module.main.outputs[0].type.shape)) == shape


def test_a_squeeze_without_axes_drops_what_is_one_whatever_the_sizes_are() -> None:
    with pytest.warns(ModelWarning, match="only those of .* are dropped"):
        module = check("Squeeze", floats(2, 1, 3), dims={0: ["n", 1, 3]})
    assert module.main.outputs[0].type.rank == 2


def test_bad_squeezes_are_refused() -> None:
    assert "is not 1" in reasons_of(OneNode("Squeeze", [floats(1, 3), ints(1)], constants=[1]))[0]


@pytest.mark.parametrize("opset", [7, 11])
@pytest.mark.parametrize("axes", [[0], [0, 3], [1, 2]])
def test_unsqueeze_by_attribute(opset: int, axes: list[int]) -> None:
    check("Unsqueeze", floats(3, 4), opset=opset, axes=axes)


@pytest.mark.parametrize("opset", [13, NEWEST])
@pytest.mark.parametrize("axes", [(0,), (3, 0), (-1,), (-1, 1), (-4, -1)])
def test_unsqueeze_by_operand(opset: int, axes: tuple[int, ...]) -> None:
    check("Unsqueeze", floats(3, 4), ints(*axes), opset=opset, constants=[1], dims={0: ["n", 4]})


def test_unsqueeze_of_a_scalar() -> None:
    check("Unsqueeze", floats(), ints(0), constants=[1])


def test_unsqueeze_twice_at_one_place_is_refused() -> None:
    assert "twice" in reasons_of(OneNode("Unsqueeze", [floats(3), ints(0, -3)], constants=[1]))[0]


# ---- Transpose, Concat, Split


@pytest.mark.parametrize("opset", [7, 13, NEWEST])
@pytest.mark.parametrize("attributes", [{}, {"perm": [0, 2, 1]}, {"perm": [2, 0, 1]}])
def test_transpose(opset: int, attributes: dict[str, Any]) -> None:
    check("Transpose", floats(2, 3, 4), opset=opset, dims={0: ["n", 3, 4]}, **attributes)


@pytest.mark.parametrize("opset", [7, 11, 13])
def test_concat(opset: int) -> None:
    check("Concat", floats(2, 3), floats(2, 1), floats(2, 4), opset=opset, axis=1)
    check("Concat", floats(2, 3), floats(4, 3), opset=opset, axis=0, dims={0: ["a", 3], 1: ["b", 3]})
    check("Concat", integers(3), opset=opset, axis=0)
    if opset >= 11:
        check("Concat", floats(2, 3), floats(2, 1), opset=opset, axis=-1)


@pytest.mark.parametrize("opset", [7, 11])
def test_split_by_attribute(opset: int) -> None:
    check("Split", floats(2, 6), opset=opset, axis=1, split=[1, 2, 3], outputs=3)
    check("Split", floats(2, 6), opset=opset, axis=1, outputs=3)
    check("Split", floats(2, 6), opset=opset, outputs=2)
    check("Split", floats(4, 6), opset=opset, outputs=2, dims={0: ["n", 6]})


def test_split_by_operand() -> None:
    for opset in (13, 18, NEWEST):
        check("Split", floats(2, 6), ints(1, 0, 5), opset=opset, constants=[1], axis=-1, outputs=3)
    check("Split", floats(2, 6), opset=13, axis=1, outputs=3)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_split_into_a_number_of_parts(count: int) -> None:
    check("Split", floats(7, 2), opset=18, num_outputs=count, outputs=count)
    check("Split", floats(7, 2), opset=18, num_outputs=count, outputs=count, dims={0: ["n", 2]})


def test_bad_splits_are_refused() -> None:
    assert "3 equal parts" in reasons_of(OneNode("Split", [floats(7)], opset=13, outputs=3))[0]
    assert "scalar" in reasons_of(OneNode("Split", [floats()], opset=13))[0]
    assert "add up" in reasons_of(OneNode("Split", [floats(7)], {"split": [3, 3]}, opset=11, outputs=2))[0]


# ---- Expand, Tile, Pad


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 1, 4), (1,), (3, 1), (5, 2, 3, 1)])
def test_expand(shape: tuple[int, ...]) -> None:
    x = floats(3, 1) if shape != (2, 1, 4) else floats(1, 1)
    check("Expand", x, ints(*shape), opset=8, constants=[1])
    check("Expand", x, ints(*shape), opset=13, constants=[1], dims={0: ["n", 1]})
    check("Expand", x, ints(*shape), opset=13)
    check("Expand", x, ints(*shape), opset=13, dims={0: ["n", "m"]})


def test_expand_of_a_scalar() -> None:
    check("Expand", floats(), ints(2, 3), constants=[1])
    check("Expand", floats(), ints(2, 3))


def test_expand_that_only_asks_for_known_sizes_needs_no_operand() -> None:
    module = check("Expand", floats(3, 4), ints(1, 4))
    assert result_type(module) == "f32[3, 4]"
    assert op_names(module) == ["tensor.expand"]


@pytest.mark.parametrize("repeats", [(1, 1), (2, 3), (3, 1), (0, 2)])
def test_tile(repeats: tuple[int, ...]) -> None:
    check("Tile", floats(2, 3), ints(*repeats), opset=7, constants=[1])
    check("Tile", floats(2, 3), ints(*repeats), opset=13, constants=[1], dims={0: ["n", 3]})


PADS = [(0, 0, 0, 0), (1, 0, 2, 0), (0, 2, 1, 1), (-1, 0, 0, 1), (1, -1, -1, 2), (-1, -1, -1, -1)]


@pytest.mark.parametrize("pads", PADS)
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_pad(pads: tuple[int, ...], mode: str) -> None:
    x = floats(4, 5)
    check("Pad", x, opset=7, pads=pads, mode=mode, value=1.5)
    for opset in (11, 13, 18, 25):
        check("Pad", x, ints(*pads), opset=opset, constants=[1], mode=mode)
        check("Pad", x, ints(*pads), opset=opset, constants=[1], mode=mode, dims={0: ["n", "m"]})


def test_pad_with_a_value() -> None:
    check("Pad", floats(4, 5), ints(1, 0, 0, 2), np.array(2.5, np.float32), constants=[1, 2])
    check("Pad", floats(4, 5), ints(1, 0, 0, 2), np.array(2.5, np.float32), constants=[1])
    check("Pad", integers(4, 5), ints(1, 0, 0, 2), np.array(-7), constants=[1, 2])
    module = check("Pad", floats(4, 5), ints(1, 0, 0, 2), np.array(0, np.float32), constants=[1, 2])
    assert "none" in str(module)


@pytest.mark.parametrize("pads", [(1, 2), (2, 0), (3, 3)])
def test_pad_around(pads: tuple[int, int]) -> None:
    check("Pad", floats(4, 5), ints(0, pads[0], 0, pads[1]), opset=19, constants=[1], mode="wrap")


@pytest.mark.parametrize("axes", [(1,), (-1,), (1, 0), (0, -1)])
def test_pad_along_some_axes(axes: tuple[int, ...]) -> None:
    pads = ints(*range(1, 2 * len(axes) + 1))
    check("Pad", floats(4, 5), pads, None, ints(*axes), opset=18, constants=[1, 3])


def test_pad_of_truth_values() -> None:
    check("Pad", booleans(3), ints(1, 1), np.array(True), opset=13, constants=[1, 2])


def test_bad_pads_are_refused() -> None:
    assert "4 amounts" in reasons_of(OneNode("Pad", [floats(2, 3), ints(1, 1)], constants=[1]))[0]
    assert "mode mirror" in reasons_of(OneNode("Pad", [floats(2), ints(1, 1)], {"mode": "mirror"}, constants=[1]))[0]


# ---- blocks, sizes


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(opset: int, mode: str) -> None:
    check("DepthToSpace", floats(2, 12, 2, 3), opset=opset, blocksize=2, mode=mode)
    check("DepthToSpace", floats(2, 9, 2, 3), opset=opset, blocksize=3, mode=mode, dims={0: ["n", 9, "h", "w"]})


def test_depth_to_space_of_opset_7() -> None:
    check("DepthToSpace", floats(2, 12, 2, 3), opset=7, blocksize=2)


@pytest.mark.parametrize("opset", [7, 13])
def test_space_to_depth(opset: int) -> None:
    check("SpaceToDepth", floats(2, 3, 4, 6), opset=opset, blocksize=2, dims={0: ["n", 3, 4, "w"]})


def test_space_to_depth_with_the_channels_first() -> None:
    """The mode exists since opset 28."""
    dims = {0: ["n", 3, 4, "w"]}
    check("SpaceToDepth", floats(2, 3, 4, 6), opset=NEWEST, blocksize=2, mode="CRD", dims=dims, oracle="onnx")


@pytest.mark.parametrize("attributes", [{}, {"start": 1}, {"end": -1}, {"start": -2, "end": 9}, {"start": 2, "end": 1}])
def test_shape(attributes: dict[str, int]) -> None:
    check("Shape", floats(2, 3, 4), opset=15, dims={0: ["n", 3, "m"]}, **attributes)


def test_shape_of_opset_7() -> None:
    check("Shape", floats(2, 3, 4), opset=7)
    check("Shape", floats(), opset=7)


@pytest.mark.parametrize("opset", [7, 13])
def test_size(opset: int) -> None:
    check("Size", floats(2, 3, 4), opset=opset, dims={0: ["n", 3, "m"]})
    check("Size", floats(), opset=opset)

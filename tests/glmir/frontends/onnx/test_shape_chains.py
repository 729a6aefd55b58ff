"""Shape arithmetic as exporters write it: the consumers take symbolic sizes, and the chains that compute them die."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from glmir.ir import Module
from glmir.ops import tensor
from tests.glmir.frontends.onnx.harness import Array, Dims, check_model, floats, input_info, integers, model_of

Chain = Sequence[onnx.NodeProto]

_ARITHMETIC = {"zero": 0, "one": 1, "two": 2, "three": 3}
WEIGHTS: Mapping[str, Array] = {
    **{name: np.array(value) for name, value in _ARITHMETIC.items()},
    **{f"{name}s": np.array([value]) for name, value in _ARITHMETIC.items()},
    "minus_ones": np.array([-1]),
    "eight": np.array([8]),
    "many": np.array([2**63 - 1]),
}


def node(op_type: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    """``inputs`` are names with spaces between them."""
    return helper.make_node(op_type, inputs.split(), output.split(), **attributes)


def chain(nodes: Chain, x: Array, dims: Dims, opset: int = 13, **others: Array) -> Module:
    """The module of a chain from ``x`` (and other inputs) to ``y``, compared with onnxruntime."""
    read = {name for n in nodes for name in n.input}
    weights = [numpy_helper.from_array(array, name) for name, array in WEIGHTS.items() if name in read]
    inputs = [input_info("x", x, dims), *(input_info(name, array) for name, array in others.items())]
    return check_model(model_of(nodes, inputs, ["y"], weights, opset), {"x": x, **others})


def live_ops(module: Module) -> list[str]:
    """The names of the ops that the outputs depend on, constants left out."""
    live = set(module.main.outputs)
    names: list[str] = []
    for op in reversed(module.main.ops):
        if live.isdisjoint(op.results):
            continue
        live.update(op.operands)
        if not isinstance(op, tensor.Constant):
            names.append(op.definition.name)
    return names[::-1]


def output_type(module: Module) -> str:
    return str(module.main.outputs[0].type)


def test_view_of_torch() -> None:
    """x.view(x.size(0), -1)"""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n", "n1", axes=[0]),
        node("Concat", "n1 minus_ones", "v", axis=0),
        node("Reshape", "x v", "y"),
    ]
    module = chain(nodes, floats(2, 3, 4), ["n", 3, 4], opset=11)
    assert output_type(module) == "f32[n, 12]"
    assert live_ops(module) == ["tensor.reshape"]


@pytest.mark.parametrize("dims", [["n", "c", "h", "w"], ["n", 8, "h", "w"], [2, 8, "h", 4]])
def test_pixel_blocks(dims: Dims) -> None:
    """x.view(n, c // 2, 2, h * w).transpose(1, 2).reshape(n, -1, h, w): ShuffleNet"""
    nodes = [
        node("Shape", "x", "s"),
        *(node("Gather", f"s {index}", name) for index, name in (("zero", "n"), ("one", "c"), ("two", "h"))),
        node("Shape", "x", "s2"),
        node("Gather", "s2 three", "w"),
        node("Div", "c two", "c2"),
        node("Mul", "h w", "hw"),
        *(node("Unsqueeze", f"{name} zeros", f"{name}1") for name in ("n", "c2", "hw", "h", "w")),
        node("Concat", "n1 c21 twos hw1", "v", axis=0),
        node("Reshape", "x v", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3]),
        node("Concat", "n1 minus_ones h1 w1", "v2", axis=0),
        node("Reshape", "b v2", "y"),
    ]
    module = chain(nodes, floats(2, 8, 3, 4), dims)
    assert live_ops(module) == ["tensor.reshape", "tensor.transpose", "tensor.reshape"]


def test_expand_as_of_torch() -> None:
    """a.expand(x.size(0), -1, -1) as PyTorch writes it: -1 becomes 1 through Where(Equal(sizes, -1), ones, sizes)"""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zeros", "n", axis=0),
        node("Concat", "n minus_ones minus_ones", "v", axis=0),
        node("Shape", "v", "vs"),
        node("ConstantOfShape", "vs", "o", value=numpy_helper.from_array(np.array([1]))),
        node("Mul", "o minus_ones", "m"),
        node("Equal", "v m", "e"),
        node("Where", "e o v", "w"),
        node("Expand", "a w", "y"),
    ]
    module = chain(nodes, floats(2, 5), ["n", 5], a=floats(1, 3, 4))
    assert output_type(module) == "f32[n, 3, 4]"
    assert live_ops(module) == ["tensor.expand"]


def test_sizes_of_tensorflow() -> None:
    """tf2onnx: Shape, Cast to i32, StridedSlice of one element, Concat, Cast to i64, Reshape"""
    nodes = [
        node("Shape", "x", "s"),
        node("Cast", "s", "s32", to=TensorProto.INT32),
        node("Slice", "s32 zeros ones zeros", "n"),
        node("Squeeze", "n zeros", "n0"),
        node("Unsqueeze", "n0 zeros", "n1"),
        node("Cast", "minus_ones", "m", to=TensorProto.INT32),
        node("Cast", "threes", "t", to=TensorProto.INT32),
        node("Concat", "n1 m t", "v", axis=0),
        node("Cast", "v", "v64", to=TensorProto.INT64),
        node("Reshape", "x v64", "y"),
    ]
    module = chain(nodes, floats(2, 3, 4), ["n", 3, 4])
    assert output_type(module) == "f32[n, 4, 3]"
    assert live_ops(module) == ["tensor.reshape"]


def test_flatten_of_keras() -> None:
    """Flatten in tf2onnx: the product of the sizes behind the batch"""
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s ones many zeros", "rest"),
        node("ReduceProd", "rest", "p", axes=[0], keepdims=1),
        node("Concat", "minus_ones p", "v", axis=0),
        node("Reshape", "x v", "y"),
    ]
    module = chain(nodes, floats(2, 3, 4), ["n", 3, 4])
    assert output_type(module) == "f32[n, 12]"
    assert live_ops(module) == ["tensor.reshape"]


def test_heads_of_attention() -> None:
    """x.view(b, t, 2, d // 2).permute(0, 2, 1, 3)"""
    nodes = [
        node("Shape", "x", "s"),
        node("Split", "s", "b t d", axis=0),
        node("Div", "d twos", "d2"),
        node("Concat", "b t twos d2", "v", axis=0),
        node("Reshape", "x v", "r"),
        node("Transpose", "r", "y", perm=[0, 2, 1, 3]),
    ]
    module = chain(nodes, floats(2, 5, 8), ["b", "t", 8])
    assert output_type(module) == "f32[b, 2, t, 4]"
    assert live_ops(module) == ["tensor.reshape", "tensor.transpose"]


def test_half_of_an_axis() -> None:
    """x[:, : w // 2], x[:, w // 2 :] put back in the other order"""
    nodes = [
        node("Shape", "x", "s", start=1),
        node("Div", "s twos", "half"),
        node("Slice", "x zeros half ones", "a"),
        node("Slice", "x half many ones", "b"),
        node("Concat", "b a", "y", axis=1),
    ]
    module = chain(nodes, floats(2, 7), ["n", "w"], opset=15)
    assert output_type(module) == "f32[n, w]"
    assert live_ops(module) == ["tensor.slice", "tensor.slice", "tensor.concat"]


def test_the_last_positions() -> None:
    """positions[:, t - 3 :] for a table that is as long as the axis"""
    nodes = [
        node("Shape", "x", "s"),
        node("Sub", "s threes", "from"),
        node("Slice", "x from many zeros", "y"),
    ]
    for length in (2, 3, 7):
        module = chain(nodes, floats(length), ["t"])
        assert live_ops(module) == ["tensor.slice"]


def test_positions() -> None:
    """arange(t) gathered from a table"""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s one", "t"),
        node("Range", "zero t one", "p"),
        node("Gather", "a p", "y"),
    ]
    module = chain(nodes, integers(2, 5), ["n", "t"], a=floats(16, 4))
    assert output_type(module) == "f32[t, 4]"
    # A range has its limit as an operand, besides its length.
    assert live_ops(module) == ["tensor.shape", "tensor.gather", "tensor.range", "tensor.gather"]


def test_padding_to_a_multiple() -> None:
    """pad(x, (0, -w % 8)): Swin and detectors"""
    nodes = [
        node("Shape", "x", "s", start=1),
        node("Mod", "s eight", "over"),
        node("Sub", "eight over", "missing"),
        node("Mod", "missing eight", "amount"),
        node("Concat", "zeros zeros zeros amount", "pads", axis=0),
        node("Pad", "x pads", "y"),
    ]
    for width in (8, 11):
        module = chain(nodes, floats(2, width), ["n", "w"], opset=15)
        assert live_ops(module) == ["tensor.pad"]


def test_tiling_by_the_batch() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s zeros ones", "n"),
        node("Concat", "n ones", "r", axis=0),
        node("Tile", "a r", "y"),
    ]
    module = chain(nodes, floats(4, 2), ["n", 2], a=floats(1, 3))
    assert output_type(module) == "f32[n, 3]"
    assert live_ops(module) == ["tensor.tile"]


def test_sizes_of_what_only_running_shows() -> None:
    """The rows that a mask picks, reshaped by their own number"""
    nodes = [
        node("NonZero", "x", "i"),
        node("Transpose", "i", "t", perm=[1, 0]),
        node("Shape", "t", "s"),
        node("ReduceProd", "s", "p", keepdims=1),
        node("Reshape", "t p", "y"),
    ]
    module = chain(nodes, integers(3, 4, low=0, high=2), ["n", 4])
    assert output_type(module) == "i64[2*u0]"


def test_a_choice_of_boxes() -> None:
    """boxes[mask] and boxes[top_k(min(n, 5))]: detectors"""
    nodes = [
        node("ReduceMax", "x", "score", axes=[1], keepdims=0),
        node("Greater", "score limit", "mask"),
        node("NonZero", "mask", "i"),
        node("Squeeze", "i zeros", "rows"),
        node("Gather", "x rows", "kept"),
        node("Gather", "score rows", "scores"),
        node("Shape", "scores", "n"),
        node("Min", "n eight", "k"),
        node("TopK", "scores k", "v best"),
        node("Gather", "kept best", "y"),
    ]
    chain(nodes, floats(20, 4), ["n", 4], limit=np.array(0.5, np.float32))


def test_a_shape_from_the_data() -> None:
    """Sizes given as an input, with a size copied and one inferred beside them"""
    nodes = [
        node("Concat", "zeros sizes minus_ones", "v", axis=0),
        node("Reshape", "x v", "r"),
        node("Shape", "r", "s"),
        node("Expand", "a s", "e"),
        node("Add", "e r", "y"),
    ]
    chain(nodes, floats(2, 6, 4), ["n", 6, 4], sizes=np.array([3]), a=floats(1, 1))


def test_a_slice_from_the_data() -> None:
    nodes = [
        node("Slice", "x from to ones", "a"),
        node("Shape", "a", "s"),
        node("ConstantOfShape", "s", "b", value=numpy_helper.from_array(np.array([2], np.float32))),
        node("Mul", "a b", "y"),
    ]
    for bounds in ((0, 3), (-3, 100), (2, -1)):
        start, end = (np.array([b]) for b in bounds)
        chain(nodes, floats(3, 6), ["n", 6], **{"from": start, "to": end})

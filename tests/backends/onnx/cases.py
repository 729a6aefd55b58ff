"""One small op for every emitter and condition of the ONNX backend, with what it must be written as."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from glmir.dims import Dim, symbol
from glmir.ir import Op, Value
from glmir.ops import math, nn, quant, tensor
from glmir.ops.enums import (
    Activation,
    ChannelOrder,
    CoordinateTransform,
    GeluForm,
    Layout,
    NearestRounding,
    PadMode,
    ResizeMode,
    SamplePadding,
    ScatterReduction,
)
from glmir.types import DType
from tests.backends.building import argument, constant, weight

N: Dim = symbol("n")
M: Dim = symbol("m")
NHWC = Layout.NHWC
BOOL, I8, I32, I64, U32 = DType.BOOL, DType.I8, DType.I32, DType.I64, DType.U32
ONES = (1, 1)


@dataclass(frozen=True)
class Case:
    """An op, and the operators that it is written as at the newest opset."""

    op: Op
    writes: str
    tolerance: str = "f32"


def indices(*numbers: int, dtype: DType = I64) -> Value:
    return constant(np.array(numbers, dtype.numpy))


def conv(x: Value, *, padding: tuple[Dim, ...] = (1, 1, 1, 1), **options: object) -> nn.Conv:
    spatial = x.type.rank - 2
    w = weight(6, 4, *(3,) * spatial)
    return nn.Conv(x, w, weight(6, seed=2), (2,) * spatial, padding, (1,) * spatial, **options)  # type: ignore[arg-type]


def resize(
    x: Value, shape: tuple[Dim, ...], scales: tuple[float, ...] = (), mode: ResizeMode = ResizeMode.LINEAR,
    transform: CoordinateTransform = CoordinateTransform.HALF_PIXEL, **options: object,
) -> nn.Resize:  # fmt: skip
    return nn.Resize(x, shape, scales, mode, transform, **options)  # type: ignore[arg-type]


def grid_sample(
    padding: SamplePadding, mode: ResizeMode = ResizeMode.LINEAR, align_corners: bool = False
) -> nn.GridSample:
    return nn.GridSample(argument(N, 2, 4, 5), argument(N, 3, 6, 2), mode, padding, align_corners)


def pool(kind: type[nn.MaxPool] | type[nn.AveragePool], x: Value, **options: object) -> Op:
    spatial = x.type.rank - 2
    fields = {"kernel": 3, "strides": 2, "dilations": 1}
    given = {name: (size,) * spatial for name, size in fields.items()} | {"padding": (1,) * (2 * spatial)}
    return kind(x, **(given | options))  # type: ignore[arg-type]


IMAGE = (2, 4, 8, 9)

ELEMENTWISE: Mapping[str, Case] = {
    "relu6": Case(nn.Relu6(argument(2, 8)), "Clip"),
    "clamp": Case(math.Clamp(argument(2, 8), -0.5, 1.0), "Clip"),
    "clamp below": Case(math.Clamp(argument(2, 8), minimum=0.25), "Clip"),
    "clamp of integers": Case(math.Clamp(argument(2, 8, dtype=I32), -300.0, 1.0), "Clip"),
    "clamp of bytes": Case(math.Clamp(argument(2, 8, dtype=I8), -3.0, 1.0), "Clip"),
    "add": Case(math.Add(argument(N, 3), argument(3)), "Add"),
    "activated add": Case(math.Add(argument(N, 3), argument(3), Activation.RELU), "Add Relu"),
    "activated mul": Case(math.Mul(argument(N, 3), argument(3), Activation.RELU6), "Mul Clip"),
    "sum before a norm": Case(
        nn.LayerNorm(math.Add(argument(2, 3, 8), argument(2, 3, 8)).result, weight(8), weight(8), 2, 1e-5),
        "Sum LayerNormalization",
        "f32-sums",
    ),
    "not equal": Case(math.NotEqual(argument(2, 3), argument(2, 3)), "Equal Not", "exact"),
    "less or equal": Case(math.LessEqual(argument(2, 3), argument(2, 3)), "LessOrEqual", "exact"),
    "floor mod": Case(math.FloorMod(argument(9, dtype=I32), indices(2, -3, 5, 1, 7, -1, 2, 3, 4, dtype=I32)), "Mod"),
    "floor mod of floats": Case(
        math.FloorMod(argument(9), constant(np.linspace(-1, 1.5, 9, dtype=np.float32))),
        "Mod Equal Not Less Xor And Add Where",
    ),
    "fmod": Case(math.Fmod(argument(9), constant(np.linspace(-1, 1.5, 9, dtype=np.float32))), "Mod"),
    "rsqrt": Case(math.Rsqrt(math.Abs(argument(2, 3)).result), "Abs Sqrt Reciprocal"),
    "square": Case(math.Square(argument(2, 3)), "Mul"),
    "shift of unsigned": Case(math.ShiftLeft(argument(4, dtype=U32), indices(0, 1, 5, 31, dtype=U32)), "BitShift"),
    "shift left": Case(math.ShiftLeft(argument(4, dtype=I64), indices(0, 1, 5, 62)), "Cast BitShift Cast"),
    "shift right": Case(
        math.ShiftRight(argument(4, dtype=I32), indices(0, 1, 5, 31, dtype=I32)),
        "Less Sub Where Cast BitShift Cast Sub Where",
    ),
    "bitwise": Case(math.BitwiseXor(argument(4, dtype=I32), argument(4, dtype=I32)), "BitwiseXor"),
    "bitwise not": Case(math.BitwiseNot(argument(4, dtype=I8)), "BitwiseNot"),
    "select": Case(math.Select(argument(2, 3, dtype=BOOL), argument(3), argument(2, 1)), "Where"),
    "select truths": Case(
        math.Select(*(argument(2, 3, dtype=BOOL) for _ in range(3))), "And Not And Or"
    ),
    "maximum": Case(math.Maximum(argument(4, dtype=I64), argument(4, dtype=I64)), "Max"),
    "leaky relu": Case(nn.LeakyRelu(argument(2, 9), 0.2), "LeakyRelu"),
    "elu": Case(nn.Elu(argument(2, 9), 0.5), "Elu"),
    "celu": Case(nn.Celu(argument(2, 9), 2.0), "Celu"),
    "selu": Case(nn.Selu(argument(2, 9), 1.6732632, 1.050701), "Selu"),
    "hard sigmoid": Case(nn.HardSigmoid(argument(2, 9), 0.2, 0.5), "HardSigmoid"),
    "hard swish": Case(nn.HardSwish(argument(2, 9)), "HardSwish"),
    "silu": Case(nn.Silu(argument(2, 9)), "Sigmoid Mul"),
    "mish": Case(nn.Mish(argument(2, 9)), "Mish"),
    "gelu": Case(nn.Gelu(argument(2, 9)), "Gelu"),
    "gelu by tanh": Case(nn.Gelu(argument(2, 9), GeluForm.TANH), "Gelu"),
    "parametric relu": Case(nn.PRelu(argument(2, 4, 5), weight(4, 1)), "PRelu"),
}  # fmt: skip

REDUCTIONS: Mapping[str, Case] = {
    "sum": Case(math.ReduceSum(argument(N, 3, 4), (1, 2), True), "ReduceSum", "f32-sums"),
    "mean": Case(math.ReduceMean(argument(N, 3, 4), (0, 2)), "ReduceMean", "f32-sums"),
    "no axes": Case(math.ReduceMax(argument(2, 3), ()), "Identity", "exact"),
    "mean of integers": Case(math.ReduceMean(argument(6, 7, dtype=I32), (1,)), "ReduceSum Mod Sub Div"),
    "mean of an image": Case(
        math.ReduceMean(conv(argument(*IMAGE)).result, (2, 3), True), "Conv GlobalAveragePool", "f32-sums"
    ),
    "any": Case(math.ReduceAny(argument(4, 3, dtype=BOOL), (1,)), "ReduceMax"),
    "all": Case(math.ReduceAll(argument(4, 3, dtype=BOOL), (1,)), "ReduceMin"),
    "prod": Case(math.ReduceProd(argument(4, 3), (1,)), "ReduceProd"),
    "arg max": Case(math.ArgMax(argument(4, 5), 1), "ArgMax"),
    "last arg min": Case(math.ArgMin(argument(4, 5, dtype=I32), 0, True, True), "ArgMin"),
    "arg max of wide unsigned": Case(math.ArgMax(argument(4, 5, dtype=DType.U64), 1), "Cast Add ArgMax"),
    "running sum": Case(math.CumSum(argument(2, 5), 1, True, True), "CumSum"),
    "largest": Case(math.TopK(argument(3, 9), None, 4, 1), "TopK"),
    "smallest": Case(math.TopK(argument(3, 9), None, 4, 0 + 1, False), "TopK"),
    "largest of as many": Case(math.TopK(argument(9, 4), None, 3, 0), "TopK"),
}

STRUCTURE: Mapping[str, Case] = {
    "cast": Case(tensor.Cast(argument(2, 3), I64), "Cast"),
    "cast to bfloat16": Case(tensor.Cast(tensor.Cast(argument(2, 3), DType.BF16).result, DType.F32), "Cast Cast"),
    "reshape": Case(tensor.Reshape(argument(2, 6), None, (3, 4)), "Reshape"),
    "reshape of one symbol": Case(tensor.Reshape(argument(N, 6), None, (3, N * 2)), "Reshape"),
    "reshape of kept symbols": Case(tensor.Reshape(argument(N, M, 6), None, (N, M, 2, 3)), "Reshape"),
    "reshape of moved symbols": Case(
        tensor.Reshape(argument(N, 6, M), None, (3, N, 2 * M)), "Shape Slice Slice Mul Concat Reshape"
    ),
    "reshape of nothing": Case(tensor.Reshape(argument(0, 6), None, (3, 0)), "Identity"),
    "transpose": Case(tensor.Transpose(argument(2, 3, 4), (2, 0, 1)), "Transpose"),
    "transpose of a scalar": Case(tensor.Transpose(argument(), ()), "Identity"),
    "concat": Case(tensor.Concat((argument(2, 3), argument(2, N)), 1), "Concat"),
    "split evenly": Case(tensor.Split(argument(4, N), 0, (2, 2)), "Split"),
    "split": Case(tensor.Split(argument(2, 5), 1, (2, 3)), "Split"),
    "slice": Case(tensor.Slice(argument(4, 9), (1, 2), (2, 3), (1, 2)), "Slice"),
    "slice of everything": Case(tensor.Slice(argument(4, 9), (0, 0), (4, 9), ONES), "Identity"),
    "slice backwards": Case(tensor.Slice(argument(4, 9), (3, 8), (4, 4), (-1, -2)), "Slice"),
    "slice to the end": Case(tensor.Slice(argument(N, 9), (1, 0), (N - 1, 9), ONES), "Slice"),
    "slice from the end": Case(tensor.Slice(argument(N, 9), (N - 2, 0), (2, 9), ONES), "Slice"),
    "slice by a size": Case(
        tensor.Slice(argument(N, 9), (N // 2, 0), (N - N // 2, 9), ONES),
        "Shape Slice Div Concat Concat Slice",
    ),
    "reverse": Case(tensor.Reverse(argument(3, 4, 5), (0, 2)), "Slice"),
    "pad": Case(tensor.Pad(argument(2, 3), None, (1, 0), (0, 2)), "Pad"),
    "pad with a value": Case(tensor.Pad(argument(2, 3), constant(np.float32(7)), (1, 0), (0, 2)), "Pad"),
    "pad the edge": Case(tensor.Pad(argument(2, 3), None, (1, 0), (0, 2), PadMode.EDGE), "Pad"),
    "pad a mirror image": Case(tensor.Pad(argument(2, 3), None, (1, 0), (0, 2), PadMode.REFLECT), "Pad"),
    "pad mirror images": Case(tensor.Pad(argument(2, 3), None, (0, 0), (0, 5), PadMode.REFLECT), "Gather"),
    "pad around": Case(tensor.Pad(argument(2, 3), None, (1, 0), (0, 2), PadMode.WRAP), "Pad"),
    "expand": Case(tensor.Expand(argument(N, 1, 3), None, (N, 4, 3)), "Expand"),
    "expand to a symbol": Case(
        tensor.Expand(tensor.Slice(argument(N, 3), (0, 0), (1, 3), ONES).result, None, (N, 3)),
        "Slice Shape Slice Concat Expand",
    ),
    "tile": Case(tensor.Tile(argument(N, 3), (2, 2)), "Tile"),
    "shape": Case(tensor.Shape(argument(N, 3)), "Shape"),
    "upper triangle": Case(tensor.Trilu(argument(3, 4, 5), 1), "Trilu"),
    "lower triangle of bytes": Case(tensor.Trilu(argument(4, 4, dtype=I8), 0, False), "Cast Trilu Cast"),
    "depth to space": Case(tensor.DepthToSpace(argument(1, 8, 2, 3), 2, ChannelOrder.DCR), "DepthToSpace"),
    "pixel shuffle": Case(tensor.DepthToSpace(argument(N, 8, 2, 3), 2, ChannelOrder.CRD), "DepthToSpace"),
    "depth to space of integers": Case(
        tensor.DepthToSpace(argument(1, 8, 2, 3, dtype=I32), 2, ChannelOrder.CRD), "Reshape Transpose Reshape"
    ),
    "space to depth": Case(tensor.SpaceToDepth(argument(1, 2, 4, 6), 2), "SpaceToDepth"),
    "space to depth of integers": Case(
        tensor.SpaceToDepth(argument(1, 2, 4, 6, dtype=I64), 2), "Reshape Transpose Reshape"
    ),
    "channels last": Case(
        tensor.SpaceToDepth(argument(1, 4, 6, 2), 2, NHWC), "Transpose SpaceToDepth Transpose"
    ),
}  # fmt: skip

INDEXING: Mapping[str, Case] = {
    "gather": Case(tensor.Gather(argument(5, 3), indices(0, -1, 4), 0), "Gather"),
    "gather elements": Case(
        tensor.GatherElements(argument(3, 5), constant(np.array([[0], [-1], [4]])), 1), "GatherElements"
    ),
    "gather nd": Case(tensor.GatherNd(argument(3, 5), constant(np.array([[0, 1], [2, -1]]))), "GatherND"),
    "gather nd by i32": Case(
        tensor.GatherNd(argument(3, 5), constant(np.array([[0, 1], [2, 4]], np.int32))), "GatherND"
    ),
    "gather nd in batches": Case(tensor.GatherNd(argument(2, 5, 3), constant(np.array([[1], [-2]])), 1), "GatherND"),
    "scatter elements": Case(
        tensor.ScatterElements(argument(3, 5), constant(np.array([[0, 1], [2, 3], [4, 0]])), argument(3, 2), 1),
        "ScatterElements",
    ),
    "scatter sums": Case(
        tensor.ScatterElements(
            argument(3, 5), constant(np.array([[0, 0], [2, 3], [4, 4]])), argument(3, 2), 1, ScatterReduction.ADD
        ),
        "ScatterElements",
    ),
    "scatter nd": Case(tensor.ScatterNd(argument(5, 3), constant(np.array([[1], [-2]])), argument(2, 3)), "ScatterND"),
    "scatter largest": Case(
        tensor.ScatterNd(argument(5, 3), constant(np.array([[1], [1]])), argument(2, 3), ScatterReduction.MAX),
        "ScatterND",
    ),
    "one hot": Case(tensor.OneHot(argument(5, dtype=I64), weight(2), 4, 1), "OneHot"),
    "one hot of a scalar": Case(tensor.OneHot(argument(dtype=I64), weight(2), 4, 0), "Reshape OneHot Reshape"),
    "one hot by i32": Case(tensor.OneHot(argument(5, dtype=I32), weight(2), 4, 0), "Cast OneHot"),
    "one hot of truths": Case(
        tensor.OneHot(argument(5, dtype=I64), constant(np.array([True, False])), 4, 0),
        "OneHot Cast And Not And Or",
    ),
    "chosen boxes": Case(
        nn.NonMaxSuppression(
            argument(2, N, 4), argument(2, 3, N), None, constant(np.float32(0.5)), None, symbol("u0")
        ),
        "NonMaxSuppression",
    ),
    "chosen boxes, at most some": Case(
        nn.NonMaxSuppression(
            argument(1, 6, 4), argument(1, 3, 6), constant(np.array(2)), constant(np.float32(0.5)),
            constant(np.float32(0.1)), symbol("u0"), is_centered=True,
        ),
        "NonMaxSuppression",
    ),
    "non zero": Case(tensor.NonZero(math.Greater(argument(3, 4), weight(4)).result, symbol("u0")), "Greater NonZero"),
}  # fmt: skip

SPATIAL: Mapping[str, Case] = {
    "grid": Case(grid_sample(SamplePadding.ZEROS), "GridSample", "f32-sums"),
    "grid up to the border": Case(grid_sample(SamplePadding.BORDER), "Min Max GridSample", "f32-sums"),
    "grid up to the corners": Case(
        grid_sample(SamplePadding.BORDER, align_corners=True), "Clip GridSample", "f32-sums"
    ),
    "cubic grid": Case(grid_sample(SamplePadding.REFLECTION, ResizeMode.CUBIC), "GridSample", "f32-sums"),
    "grid of volumes": Case(
        nn.GridSample(argument(1, 2, 3, 4, 5), argument(1, 2, 3, 2, 3), ResizeMode.NEAREST, SamplePadding.ZEROS),
        "GridSample",
    ),
    "conv": Case(conv(argument(*IMAGE)), "Conv", "f32-sums"),
    "conv 1d": Case(conv(argument(2, 4, M), padding=(1, 0)), "Conv", "f32-sums"),
    "conv 3d": Case(conv(argument(1, 4, 5, 6, 7), padding=(1,) * 6), "Conv", "f32-sums"),
    "activated conv": Case(conv(argument(*IMAGE), activation=Activation.RELU6), "Conv Clip", "f32-sums"),
    "conv channels last": Case(conv(argument(2, 8, 9, 4), layout=NHWC), "Transpose Conv Transpose", "f32-sums"),
    "conv of computed weight": Case(
        nn.Conv(argument(N, 4, M, M), argument(6, 2, 3, 3), None, ONES, (0,) * 4, ONES, 2), "Conv", "f32-sums"
    ),
    "conv of doubles": Case(
        nn.Conv(argument(1, 2, 5, 5, dtype=DType.F64), constant(np.ones((3, 2, 2, 2))), None, ONES, (0,) * 4, ONES),
        "Cast Conv Cast",
        "f32-sums",
    ),
    "conv transpose": Case(
        nn.ConvTranspose(
            argument(N, 4, 3, M), weight(4, 3, 3, 3), weight(6), (2, 2), (1, 0, 1, 1), ONES, (1, 0), 2, Activation.RELU
        ),
        "ConvTranspose Relu",
        "f32-sums",
    ),
    "max pool": Case(pool(nn.MaxPool, argument(*IMAGE), dilations=(2, 1), ceil_mode=True), "MaxPool", "exact"),
    "max pool 1d": Case(pool(nn.MaxPool, argument(2, 4, 9)), "MaxPool", "exact"),
    "average pool": Case(pool(nn.AveragePool, argument(*IMAGE)), "AveragePool", "f32-sums"),
    "average pool in padding": Case(
        pool(nn.AveragePool, argument(*IMAGE), count_include_pad=True, ceil_mode=True), "AveragePool", "f32-sums"
    ),
    "dilated average pool": Case(pool(nn.AveragePool, argument(*IMAGE), dilations=(2, 2)), "AveragePool", "f32-sums"),
    "average pool channels last": Case(
        pool(nn.AveragePool, argument(2, 8, 9, 4), layout=NHWC), "Transpose AveragePool Transpose", "f32-sums"
    ),
    "as many windows as strides": Case(
        nn.MaxPool(argument(2, 4, N, M), (2, 2), (2, 2), (0, 0, (N + 1) // 2 * 2 - N, (M + 1) // 2 * 2 - M), ONES),
        "MaxPool",
        "exact",
    ),
}

NEURAL: Mapping[str, Case] = {
    "product": Case(math.MatMul(argument(N, 3, 4), argument(4, 5)), "MatMul", "f32-sums"),
    "transposed matrices": Case(math.MatMul(argument(4, 3), argument(5, 4), True, True), "Gemm", "f32-sums"),
    "transposed products": Case(
        math.MatMul(argument(N, 4, 3), argument(N, 5, 4), True, True), "Transpose Transpose MatMul", "f32-sums"
    ),
    "linear": Case(nn.Linear(argument(N, 4), weight(5, 4), weight(5)), "Gemm", "f32-sums"),
    "linear on a vector": Case(nn.Linear(argument(4), weight(5, 4), None), "Reshape Gemm Reshape", "f32-sums"),
    "linear on many axes": Case(
        nn.Linear(argument(N, 3, 4), weight(5, 4), weight(5), Activation.RELU), "MatMul Add Relu", "f32-sums"
    ),
    "batch norm": Case(
        nn.BatchNorm(argument(2, 4, 3), weight(4), weight(4), weight(4), constant(np.ones(4, np.float32)), 1e-5),
        "BatchNormalization",
    ),
    "batch norm of the last axis": Case(
        nn.BatchNorm(argument(2, 3, 4), weight(4), weight(4), weight(4), constant(np.ones(4, np.float32)), 1e-5, 2),
        "Mul Add",
    ),
    "layer norm": Case(
        nn.LayerNorm(argument(N, 3, 8), weight(8), weight(8), 2, 1e-5), "LayerNormalization", "f32-sums"
    ),
    "layer norm without scale": Case(
        nn.LayerNorm(argument(N, 3, 8), None, weight(8), 1, 1e-5), "LayerNormalization", "f32-sums"
    ),
    "rms norm": Case(nn.RmsNorm(argument(N, 3, 8), weight(8), 2, 1e-6), "RMSNormalization", "f32-sums"),
    "rms norm without scale": Case(nn.RmsNorm(argument(N, 3, 8), None, 2, 1e-6), "RMSNormalization", "f32-sums"),
    "instance norm": Case(
        nn.InstanceNorm(argument(N, 4, M, 5), weight(4), weight(4), 1e-5), "InstanceNormalization", "f32-sums"
    ),
    "group norm": Case(
        nn.GroupNorm(argument(N, 6, 5, 5), weight(6), weight(6), 2, 1e-5),
        "Reshape InstanceNormalization Reshape Mul Add",
        "f32-sums",
    ),
    "local response norm": Case(nn.LocalResponseNorm(argument(*IMAGE), 3, 0.1, 0.75, 1.0), "LRN"),
    "even local response norm": Case(
        nn.LocalResponseNorm(argument(1, 4, 2, 2), 2, 0.1, 0.75, 1.0), "Mul Pad Slice Slice Add Mul Add Pow Mul"
    ),
    "softmax": Case(nn.Softmax(argument(N, 5, 3), 1), "Softmax"),
    "log softmax": Case(nn.LogSoftmax(argument(N, 5, 3), 2), "LogSoftmax"),
}  # fmt: skip

RESIZE: Mapping[str, Case] = {
    "by scales": Case(resize(argument(1, 3, 4, 5), (1, 3, 8, 10), (1.0, 1.0, 2.0, 2.0)), "Resize"),
    "by symbolic scales": Case(resize(argument(N, 3, M, 5), (N, 3, 2 * M, 10), (1.0, 1.0, 2.0, 2.0)), "Resize"),
    "to sizes": Case(resize(argument(1, 3, 4, 5), (1, 3, 7, 9)), "Resize"),
    "to sizes of some axes": Case(resize(argument(N, 3, 4, 5), (N, 3, 7, 9)), "Resize"),
    "to symbolic sizes": Case(
        resize(argument(1, 3, N, M), (1, 3, 2 * N + 1, M + 3)), "Shape Slice Mul Add Slice Add Concat Resize"
    ),
    "cubic": Case(resize(argument(1, 3, 4, 5), (1, 3, 7, 9), mode=ResizeMode.CUBIC), "Resize", "f32-sums"),
    "cubic without edges": Case(
        resize(argument(1, 3, 4, 5), (1, 3, 7, 9), mode=ResizeMode.CUBIC, cubic_coefficient=-0.5, exclude_outside=True),
        "Resize",
        "f32-sums",
    ),
    "nearest": Case(
        resize(argument(2, 3, 4), (2, 5, 7), mode=ResizeMode.NEAREST, rounding=NearestRounding.CEIL), "Resize", "exact"
    ),
    "antialiased": Case(resize(argument(1, 3, 9, 8), (1, 3, 4, 3), antialias=True), "Resize", "approximate"),
    "corners": Case(
        resize(argument(1, 3, 4, 5), (1, 3, 7, 9), transform=CoordinateTransform.ALIGN_CORNERS), "Resize"
    ),
    "symmetric": Case(
        resize(
            argument(1, 3, 4, 5), (1, 3, 6, 8), (1.0, 1.0, 1.6, 1.7), transform=CoordinateTransform.HALF_PIXEL_SYMMETRIC
        ),
        "Resize",
        "approximate",
    ),
    "region": Case(
        resize(
            argument(1, 1, 4, 5),
            (1, 1, 3, 3),
            transform=CoordinateTransform.TF_CROP_AND_RESIZE,
            roi=(0.0, 0.0, 0.1, 0.2, 1.0, 1.0, 0.9, 1.2),
            extrapolation=3.0,
        ),
        "Resize",
    ),
    "tensorflow's nearest": Case(
        resize(
            argument(1, 3, 4, 5), (1, 3, 7, 9), mode=ResizeMode.NEAREST,
            transform=CoordinateTransform.TF_HALF_PIXEL_FOR_NN, rounding=NearestRounding.FLOOR,
        ),
        "Gather Gather",
        "exact",
    ),
    "of integers": Case(
        resize(argument(1, 3, 4, 5, dtype=I32), (1, 3, 7, 9), mode=ResizeMode.NEAREST), "Resize", "exact"
    ),
    "interpolation of channels": Case(
        resize(argument(1, 3, 4, 5, 2), (1, 5, 4, 5, 3)),
        "Reshape MatMul Reshape MatMul",
        "f32-sums",
    ),
}  # fmt: skip


def scales() -> Value:
    return constant(np.array([0.1, 0.02, 3.0], np.float32))


def rows() -> Value:
    return constant(np.array([[1], [-2]], np.int8))


def integer_conv(weight_zero: Value | None) -> quant.IntegerConv:
    x, w = argument(N, 4, 5, 6, dtype=I8), argument(2, 2, 3, 3, dtype=I8)
    return quant.IntegerConv(x, w, constant(np.array(3, np.int8)), weight_zero, (1, 2), (1, 0, 1, 0), ONES, 2)


QUANTIZATION: Mapping[str, Case] = {
    "one scale": Case(
        quant.Quantize(argument(N, 3), constant(np.array(0.1, np.float32)), None), "QuantizeLinear", "exact"
    ),
    "zero point": Case(
        quant.Quantize(
            argument(N, 3), constant(np.array(0.1, np.float32)), constant(np.array(3, np.uint8)), storage=DType.U8
        ),
        "QuantizeLinear",
        "exact",
    ),
    "each channel": Case(quant.Quantize(argument(N, 3), scales(), None, 1), "QuantizeLinear", "exact"),
    "16 bits": Case(quant.Quantize(argument(N, 3), scales(), None, 1, storage=DType.I16), "QuantizeLinear", "exact"),
    "halves": Case(
        quant.Quantize(argument(N, 3, dtype=DType.F16), constant(np.array(0.1, np.float16)), None),
        "Cast QuantizeLinear",
    ),
    "back": Case(
        quant.Dequantize(argument(N, 3, dtype=I8), scales(), indices(1, -2, 3, dtype=I8), 1), "DequantizeLinear"
    ),
    "back from 32 bits": Case(quant.Dequantize(argument(N, 3, dtype=I32), scales(), None, 1), "DequantizeLinear"),
    "back from 32 bits with zero points": Case(
        quant.Dequantize(argument(N, 3, dtype=I32), scales(), indices(1, -2, 3, dtype=I32), 1), "Cast Sub Mul"
    ),
    "back by blocks": Case(
        quant.Dequantize(argument(2, 3, dtype=I8), constant(np.array([[0.5, 2], [1, 3]], np.float32)), None, 1, 2),
        "DequantizeLinear",
    ),
    "by a range": Case(quant.DynamicQuantize(argument(N, 3)), "DynamicQuantizeLinear"),
    "product of bytes": Case(
        quant.IntegerMatMul(argument(N, 3, dtype=I8), argument(3, 2, dtype=I8), None, indices(1, -2, dtype=I8)),
        "MatMulInteger",
        "exact",
    ),
    "product of bytes about zero points of rows": Case(
        quant.IntegerMatMul(argument(2, 3, dtype=I8), argument(3, 2, dtype=I8), rows(), indices(1, -2, dtype=I8)),
        "MatMulInteger Cast Sub ReduceSum Mul Sub",
        "exact",
    ),
    "convolution of bytes": Case(integer_conv(None), "ConvInteger", "exact"),
    "convolution of bytes about zero points of channels": Case(
        integer_conv(indices(1, -2, dtype=I8)), "DequantizeLinear DequantizeLinear Sub Conv Cast", "exact"
    ),
}

CASES: Mapping[str, Case] = {
    f"{family}: {name}": case
    for family, cases in {
        "elementwise": ELEMENTWISE,
        "reduction": REDUCTIONS,
        "structure": STRUCTURE,
        "indexing": INDEXING,
        "spatial": SPATIAL,
        "neural": NEURAL,
        "resize": RESIZE,
        "quantization": QUANTIZATION,
    }.items()
    for name, case in cases.items()
}

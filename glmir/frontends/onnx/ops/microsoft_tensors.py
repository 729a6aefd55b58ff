"""onnxruntime's operators on the structure and the elements of tensors (com.microsoft): mostly the standard's, before
the standard had them."""

import numpy as np

from ....dims import Dim, known_different
from ....ir import Value
from ....ops import math, tensor
from ....types import DType
from ...elimination import LARGEST, solved
from ...fourier import real_of_half, transformed
from ...point_sampling import Images, total
from ...values import cast, constant, joined, positions, reshape, size_of, sliced, transposed
from ..node import Imported, ImporterTable, Node, Unsupported, check_axis, scalar
from .standard_forms import as_standard

TABLE = ImporterTable("com.microsoft")


@TABLE.imports("SampleOp")
def sample_op(node: Node) -> Value:
    return node.operand(0)


@TABLE.imports("ExpandDims")
def expand_dims(node: Node) -> Value:
    x = node.operand(0)
    axis = check_axis(node.only_int(1), x.type.rank + 1)
    return reshape(x, (*x.type.shape[:axis], 1, *x.type.shape[axis:]))


@TABLE.imports("Range")
def range_(node: Node) -> Imported:
    """The standard's, whose operands may have one axis, and whose step is 1 if it is left out."""
    start, limit = node.operand(0), node.operand(1)
    step = node.optional(2)
    operands = [reshape(x, ()) for x in (start, limit, scalar(1, start) if step is None else step)]
    return as_standard(node, "Range", operands)


@TABLE.imports("Pad")
def pad(node: Node) -> Imported:
    """The standard's, whose amounts may be one row of a matrix."""
    amounts = reshape(node.operand(1), (node.type(1).elements,))
    return as_standard(node, "Pad", [node.operand(0), amounts, *node.operands[2:]])


@TABLE.imports("Trilu")
def trilu(node: Node) -> Imported:
    return as_standard(node, "Trilu")


@TABLE.imports("GatherND")
def gather_nd(node: Node) -> Imported:
    return as_standard(node, "GatherND")


@TABLE.imports("GridSample")
def grid_sample(node: Node) -> Imported:
    return as_standard(node, "GridSample")


@TABLE.imports("Unique")
def unique(node: Node) -> Imported:
    """The different elements in the order in which they appear, where each element is among them, and how many."""
    found = as_standard(node, "Unique", attributes={"sorted": 0})
    if not isinstance(found, tuple) or len(found) != 4:
        raise Unsupported("its operand has no order of elements")
    elements, _, places, counts = found
    return elements, places, counts


@TABLE.imports("TorchEmbedding")
def embedding(node: Node) -> Value:
    return tensor.Gather(node.operand(0), node.operand(1), 0).result


@TABLE.imports("UnfoldTensor")
def unfold(node: Node) -> Value:
    """The runs of ``size`` elements of an axis, ``step`` apart, on a new last axis."""
    x, size, step = node.operand(0), node.int("size"), node.int("step", 1)
    axis = node.axis("dim", -1, x.type.rank)
    count = (x.type.shape[axis] - size) // step + 1
    starts = positions(count)
    starts = math.Mul(starts, scalar(step, starts)).result if step != 1 else starts
    places = math.Add(reshape(starts, (count, 1)), positions(size)).result
    runs = tensor.Gather(x, places, axis).result
    order = [i for i in range(runs.type.rank) if i != axis + 1]
    return transposed(runs, [*order, axis + 1])


@TABLE.imports("Inverse")
def inverse(node: Node) -> Value:
    """The inverse of each matrix, by elimination, in single precision at least."""
    x = node.operand(0)
    rows, columns = x.type.shape[-2:]
    if known_different(rows, columns) or not isinstance(rows, int) or not 1 <= rows <= LARGEST:
        raise Unsupported(f"{x.type} is no square matrix of 1 to {LARGEST} rows; make the inverse an input")
    wide = cast(x, DType.F64 if x.type.dtype is DType.F64 else DType.F32)
    unit = constant(np.eye(rows, dtype=wide.type.dtype.numpy))
    return cast(solved(wide, unit, rows, rows), x.type.dtype)


@TABLE.imports("CDist")
def distances(node: Node) -> Value:
    """The distance of each row of A from each of B."""
    a, b, metric = node.operand(0), node.operand(1), node.string("metric", "sqeuclidean")
    if metric not in ("euclidean", "sqeuclidean"):
        raise Unsupported(f"the metric {metric} is neither euclidean nor sqeuclidean")
    squares = [math.ReduceSum(math.Square(x).result, (1,), True).result for x in (a, b)]
    products = math.MatMul(a, b, transpose_y=True).result
    twice = math.Mul(products, scalar(2, products)).result
    both = math.Add(squares[0], reshape(squares[1], (1, b.type.shape[0]))).result
    # Rounding may leave less than nothing of the distance of equal rows.
    square = math.Maximum(math.Sub(both, twice).result, scalar(0, twice)).result
    return square if metric == "sqeuclidean" else math.Sqrt(square).result


@TABLE.imports("ComplexMul", "ComplexMulConj")
def complex_mul(node: Node) -> Value:
    """A * B, or A times the conjugate of B; the last axis holds real and imaginary part."""
    (a, b), (c, d) = (_parts(node.operand(i)) for i in (0, 1))
    if node.op_type == "ComplexMulConj":
        d = math.Neg(d).result
    real = math.Sub(math.Mul(a, c).result, math.Mul(b, d).result).result
    imaginary = math.Add(math.Mul(a, d).result, math.Mul(b, c).result).result
    return joined([real, imaginary], real.type.rank - 1)


def _parts(x: Value) -> tuple[Value, Value]:
    if known_different(x.type.shape[-1], 2):
        raise Unsupported(f"the last axis of {x.type} does not hold a real and an imaginary part")
    return sliced(x, x.type.rank - 1, 0, 1), sliced(x, x.type.rank - 1, 1, 1)


def _require_plain_transform(node: Node) -> None:
    if node.int("signal_ndim", 1) != 1 or node.int("normalized", 0) or not node.int("onesided", 1):
        raise Unsupported("only the one-sided transform of the last axis without a norm is known; export it as DFT")


@TABLE.imports("Rfft")
def rfft(node: Node) -> Value:
    """The first half of the transform of the last axis: [..., n // 2 + 1, 2]."""
    _require_plain_transform(node)
    x = node.operand(0)
    size = x.type.shape[-1]
    parts = transformed((x, None), x.type.rank - 1, size // 2 + 1, size)
    return joined([reshape(part, (*part.type.shape, 1)) for part in parts], x.type.rank)


@TABLE.imports("Irfft")
def irfft(node: Node) -> Value:
    """The signal of 2 (m - 1) elements whose transform begins with these m: [..., m, 2]."""
    _require_plain_transform(node)
    x = node.operand(0)
    real, imaginary = (reshape(part, part.type.shape[:-1]) for part in _parts(x))
    size = (x.type.shape[-2] - 1) * 2
    if not isinstance(size, int):
        raise Unsupported(f"the size of its operand {x.type} is not known")
    return real_of_half((real, imaginary), x.type.rank - 2, size, size, 1 / max(size, 1))


@TABLE.imports("CropAndResize")
def crop_and_resize(node: Node) -> Value:
    """Regions y1, x1, y2, x2 of images, whose corners are at 0 and 1, each resized to one size."""
    x, regions, image = node.operand(0), node.operand(1), node.operand(2)
    sizes, mode = _crop_sizes(node), node.string("mode", "bilinear")
    count, channels = regions.type.shape[0], x.type.shape[1]
    coordinates, inside = [], []
    for axis, size in enumerate(sizes):
        at, limit = _places_in_region(regions, axis, size, x.type.shape[2 + axis])
        within = math.LogicalAnd(math.GreaterEqual(at, scalar(0, at)).result, math.LessEqual(at, limit).result)
        if mode == "nearest":
            at = math.Floor(math.Add(at, scalar(0.5, at)).result).result
        elif mode != "bilinear":
            raise Unsupported(f"the mode {mode} is neither bilinear nor nearest")
        shape: tuple[Dim, ...] = (count, size, 1) if axis == 0 else (count, 1, size)
        coordinates.append(reshape(at, shape))
        inside.append(reshape(within.result, shape))
    images = Images.of(x)
    chosen = reshape(images.first(cast(image, DType.I64)), (count, 1, 1))
    values = total(images.corners(chosen, coordinates))
    is_inside = reshape(math.LogicalAnd(*inside).result, (count, *sizes, 1))
    outside = scalar(node.float("extrapolation_value", 0.0), values)
    found = math.Select(is_inside, values, outside).result
    return transposed(reshape(found, (count, *sizes, channels)), (0, 3, 1, 2))


def _crop_sizes(node: Node) -> tuple[int, int]:
    dims = node.dims(3)
    if dims is None or len(dims) != 2 or any(d is None for d in dims):
        dims = (node.unknown_dim(2), node.unknown_dim(3))
    height, width = dims
    if not isinstance(height, int) or not isinstance(width, int):
        raise Unsupported("the size of its crops is known only when the model runs; make it a constant")
    return height, width


def _places_in_region(regions: Value, axis: int, size: int, length: Dim) -> tuple[Value, Value]:
    """Where the elements of the crops are along an axis of the images, [K, size], and the last place there."""
    low, high = (sliced(regions, 1, place, 1) for place in (axis, axis + 2))
    last = size_of(length - 1, regions.type.dtype)
    if size == 1:
        middle = math.Mul(math.Add(low, high).result, scalar(0.5, low)).result
        return math.Mul(middle, last).result, last
    steps = constant(np.arange(size).astype(regions.type.dtype.numpy))
    span = math.Mul(math.Sub(high, low).result, last).result
    step = math.Div(span, scalar(size - 1, span)).result
    return math.Add(math.Mul(low, last).result, math.Mul(step, steps).result).result, last

"""What operands and attributes suit each operator of ONNX, for random models of one node."""

import math

import numpy as np

from tests.random_nodes import RandomNode, Strategy, Unsuited

_UNARY = (
    "Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity"
    " IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt"
    " Tan Tanh ThresholdedRelu Swish Shape Size"
).split()
_BINARY = (
    "Add And BitwiseAnd BitwiseOr BitwiseXor Equal Greater GreaterOrEqual Less LessOrEqual Mul Or Sub Xor"
).split()
_VARIADIC = ("Max", "Mean", "Min", "Sum")
_REDUCTIONS = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
).split()
_SMALL = {"Acos", "Asin", "Atanh"}
_POSITIVE = {"Log", "Sqrt", "Acosh"}


def _unary(node: RandomNode) -> None:
    dtype, name = node.dtype(), node.schema.name
    low, high = (-1, 1) if name in _SMALL else (1, 4) if name in _POSITIVE else (-4, 4)
    array = node.array(dtype, node.shape(), low, high)
    if name in ("IsInf", "IsNaN", "Abs") and array.dtype.kind == "f" and array.size and node.flag():
        array.reshape(-1)[0] = node.choose([np.inf, -np.inf, np.nan])
    if name == "Shrink" and array.dtype.kind != "f":
        raise Unsuited
    if name == "Reciprocal":
        array[array == 0] = 1
    node.add(array)
    for attribute, value in (("alpha", 0.25), ("beta", 0.375), ("gamma", 1.5), ("lambd", 0.75), ("bias", 0.5)):
        node.set(attribute, value, 0.5)
    node.set("detect_negative", node.integer(0, 1), 0.5)
    node.set("detect_positive", node.integer(0, 1), 0.5)
    node.set("approximate", node.choose(["none", "tanh"]), 0.5)
    if name == "Shape":
        node.set("start", node.integer(-3, 3), 0.5)
        node.set("end", node.integer(-3, 3), 0.5)


def _pair(node: RandomNode, low: float = -4, high: float = 4) -> None:
    dtype, shape = node.dtype(), node.shape()
    pair = [node.array(dtype, shape, low, high), node.array(dtype, node.broadcast(shape), low, high)]
    for array in pair if node.flag() else pair[::-1]:
        if node.flag(0.25) and len(node.operands) not in node.constants and not node.constants:
            node.constants.add(len(node.operands))
        node.add(array)


def _division(node: RandomNode) -> None:
    _pair(node)
    divisor = node.operands[1]
    assert divisor is not None
    divisor[divisor == 0] = 1
    if node.schema.name == "Mod":
        node.set("fmod", 1, 1.0 if divisor.dtype.kind == "f" else 0.5)


def _power(node: RandomNode) -> None:
    shape = node.shape()
    node.add(node.array(node.dtype(0), shape, 0, 3))
    node.add_parameter(node.array(node.dtype(1) if node.opset >= 12 else str(node.operands[0].dtype), node.broadcast(shape), 0, 3))


def _shift(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape()
    node.add(node.array(dtype, shape, 0, 100))
    node.add(node.array(dtype, node.broadcast(shape), 0, 7))
    node.set("direction", node.choose(["LEFT", "RIGHT"]))


def _variadic(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape()
    for _ in range(node.integer(1, 4)):
        node.add(node.array(dtype, node.broadcast(shape)))


def _p_relu(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape()
    node.add(node.array(dtype, shape))
    node.add_parameter(node.array(dtype, node.broadcast(shape)))


def _where(node: RandomNode) -> None:
    dtype, shape = node.dtype(1), node.shape()
    node.add(node.array("bool", node.broadcast(shape)))
    node.add(node.array(dtype, node.broadcast(shape)))
    node.add(node.array(dtype, shape))


def _clip(node: RandomNode) -> None:
    dtype = node.dtype()
    node.add(node.array(dtype, node.shape()))
    if node.opset < 11:
        node.set("min", -1.5, 0.7)
        node.set("max", 2.5, 0.7)
        return
    for low, high in ((-2, 0), (1, 3)):
        node.add_parameter(node.array(dtype, (), low, high) if node.flag(0.7) else None)
    while node.operands[-1] is None and node.flag():
        node.operands.pop()


def _cast(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(), 0 if node.flag() else -4)
    node.add(array)
    from onnx import helper

    target = node.choose(["float16", "float32", "float64", "int32", "int64", "bool", "uint8", "int8", "int16", "uint16"])
    if target.startswith("u") and array.dtype.kind == "f":
        node.operands[0] = abs(array)
    node.set("to", helper.np_dtype_to_tensor_dtype(np.dtype(target)))
    if node.schema.name == "CastLike":
        node.add(node.array(target, node.shape()))


def _reduction(node: RandomNode) -> None:
    positive = node.schema.name in ("ReduceLogSum",)
    array = node.array(node.dtype(), node.shape(), 1 if positive else -2, 3)
    if array.dtype.kind in "iu" and "Log" in node.schema.name:
        # Logarithms of integers, cut to integers, jump.
        raise Unsuited
    if not array.size and node.schema.name in ("ReduceMean", "ReduceL2", "ReduceMax", "ReduceMin"):
        # onnxruntime has the mean of nothing as 0, and other shapes.
        raise Unsuited
    node.add(array)
    axes = node.axes(array.ndim)
    node.set("keepdims", node.integer(0, 1), 0.7)
    if node.has_axes_input:
        if node.flag(0.8) or node.constants:
            node.add_parameter(np.array(axes if node.flag(0.9) else [], np.int64))
        node.set("noop_with_empty_axes", node.integer(0, 1), 0.3)
    elif axes:
        node.set("axes", axes, 0.8)


def _arg(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    if not array.size:
        raise Unsuited
    node.add(array)
    node.set("axis", node.integer(0, array.ndim - 1) if node.opset < 11 else node.axis(array.ndim), 0.8)
    node.set("keepdims", node.integer(0, 1), 0.7)
    node.set("select_last_index", node.integer(0, 1), 0.5)


def _softmax(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    node.add(array)
    node.set("axis", node.integer(0, array.ndim - 1) if node.opset < 11 else node.axis(array.ndim), 0.7)


def _cum_sum(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    node.add(array)
    node.add_parameter(np.array(node.axis(array.ndim), node.choose([np.int32, np.int64])))
    node.set("exclusive", node.integer(0, 1))
    node.set("reverse", node.integer(0, 1))


def _top_k(node: RandomNode) -> None:
    shape = node.shape(1)
    dtype = node.dtype()
    rng = np.random.default_rng(node.integer(0, 1000))
    array = rng.permutation(math.prod(shape)).reshape(shape).astype(dtype)
    node.add(array)
    axis = node.axis(array.ndim) if node.opset >= 11 else node.integer(0, array.ndim - 1)
    k = node.integer(0 if node.flag(0.1) else 1, shape[axis]) if shape[axis] else 0
    node.set("axis", axis)
    node.set("largest", node.integer(0, 1), 0.5)
    if node.opset < 10:
        node.set("k", k)
    else:
        node.add_parameter(np.array([k]))
    node.outputs = 2


def _concat(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape(1)
    axis = node.axis(len(shape)) if node.opset >= 11 else node.integer(0, len(shape) - 1)
    for _ in range(node.integer(1, 4)):
        sizes = list(shape)
        sizes[axis] = node.integer(0 if node.flag(0.1) else 1, 3)
        node.add(node.array(dtype, sizes))
    node.set("axis", axis)


def _split(node: RandomNode) -> None:
    sizes = list(node.shape(1))
    axis = node.axis(len(sizes)) if node.opset >= 11 else node.integer(0, len(sizes) - 1)
    parts = [node.integer(0 if node.flag(0.1) else 1, 3) for _ in range(node.integer(1, 3))]
    is_even = node.flag(0.4)
    if is_even:
        parts = [parts[0]] * len(parts)
    sizes[axis] = sum(parts)
    node.add(node.array(node.dtype(), sizes))
    node.set("axis", axis)
    node.outputs = len(parts)
    if is_even and (node.opset < 18 or node.flag()):
        node.set("num_outputs", len(parts))
    elif node.opset < 13:
        node.set("split", parts)
    else:
        node.add_parameter(np.array(parts))


def _slice(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1))
    node.add(array)
    axes = node.axes(array.ndim)
    starts = [node.choose([node.integer(-5, 5), 0, 2**31]) for _ in axes]
    ends = [node.choose([node.integer(-5, 5), 2**31 - 1, -(2**31)]) for _ in axes]
    if node.opset < 10:
        node.set("starts", starts)
        node.set("ends", ends)
        node.set("axes", [a % array.ndim for a in axes])
        return
    dtype = np.int64
    node.add_parameter(np.array(starts, dtype))
    node.add_parameter(np.array(ends, dtype))
    node.add_parameter(np.array(axes, dtype))
    if node.flag():
        node.add_parameter(np.array([node.choose([1, 2, -1, -2, 3]) for _ in axes], dtype))


def _transpose(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape())
    node.add(array)
    node.set("perm", node.random.sample(range(array.ndim), array.ndim), 0.8)


def _reshape(node: RandomNode) -> None:
    shape = list(node.shape())
    node.add(node.array(node.dtype(), shape))
    entries = list(shape)
    if len(entries) > 1 and node.flag():
        at = node.integer(0, len(entries) - 2)
        entries[at : at + 2] = [entries[at] * entries[at + 1]]
    elif node.flag():
        entries.insert(node.integer(0, len(entries)), 1)
    if entries and node.flag() and 0 not in entries:
        entries[node.integer(0, len(entries) - 1)] = -1
    if node.flag(0.3) and entries and shape and entries[0] == shape[0]:
        entries[0] = 0
    node.add_parameter(np.array(entries, np.int64))
    node.set("allowzero", node.integer(0, 1), 0.3)


def _flatten(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape())
    node.add(array)
    low = -array.ndim if node.opset >= 11 else 0
    node.set("axis", node.integer(low, array.ndim), 0.8)


def _squeeze(node: RandomNode) -> None:
    shape = [1 if node.flag(0.6) else d for d in node.shape()]
    node.add(node.array(node.dtype(), shape))
    ones = [i for i, d in enumerate(shape) if d == 1]
    axes = [a - len(shape) if node.opset >= 11 and node.flag() else a for a in ones if node.flag(0.7)]
    if node.has_axes_input:
        # An empty list means no axes to some, and all of them to onnxruntime.
        if axes:
            node.add_parameter(np.array(axes, np.int64))
    elif axes:
        node.set("axes", axes)


def _unsqueeze(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(0, 3))
    node.add(array)
    rank = array.ndim + node.integer(1, 2)
    picked = node.random.sample(range(rank), rank - array.ndim)
    axes = [a - rank if node.opset >= 11 and node.flag() else a for a in picked]
    if node.has_axes_input:
        node.add_parameter(np.array(axes, np.int64))
    else:
        node.set("axes", axes)


def _expand(node: RandomNode) -> None:
    shape = node.shape()
    node.add(node.array(node.dtype(), node.broadcast(shape)))
    node.add_parameter(np.array([1 if node.flag(0.1) else d for d in shape], np.int64))


def _tile(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    node.add(array)
    node.add_parameter(np.array([node.integer(0 if node.flag(0.05) else 1, 3) for _ in array.shape], np.int64))


def _pad(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    node.add(array)
    mode = node.choose(["constant", "reflect", "edge", "wrap"] if node.opset >= 19 else ["constant", "reflect", "edge"])
    axes = node.axes(array.ndim) if node.opset >= 18 and node.flag() else None
    sizes = [array.shape[a] for a in axes] if axes else list(array.shape)
    lowest = -1 if node.flag(0.2) else 0
    pads = [node.integer(lowest, min(2, d - 1) if mode in ("reflect", "wrap") else 2) for d in sizes * 2] if 0 not in sizes else [0] * 2 * len(sizes)
    node.set("mode", mode)
    if node.opset < 11:
        node.set("pads", pads)
        node.set("value", 1.5, 0.5)
        return
    node.add_parameter(np.array(pads, np.int64))
    if node.flag() or axes:
        node.add_parameter(node.array(str(array.dtype), ()) if mode == "constant" or node.flag(0.2) else None)
    if axes:
        node.add_parameter(np.array(axes, np.int64))


def _indices(node: RandomNode, size: int, shape: tuple[int, ...] | list[int]) -> np.ndarray:
    if not size and math.prod(shape):
        raise Unsuited
    low = -size if node.opset >= 11 else 0
    rng = np.random.default_rng(node.integer(0, 1000))
    return rng.integers(low, max(size, 1), tuple(shape)).astype(node.choose([np.int32, np.int64]))


def _gather(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    axis = node.axis(array.ndim)
    node.add(array)
    node.add_parameter(_indices(node, array.shape[axis], node.shape(0, 2)))
    node.set("axis", axis if node.opset >= 11 else axis % array.ndim, 1.0)


def _gather_elements(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    axis = node.axis(array.ndim)
    node.add(array)
    shape = [node.integer(min(d, 1), d) for d in array.shape]
    shape[axis] = node.integer(1, 4)
    node.add_parameter(_indices(node, array.shape[axis], shape))
    node.set("axis", axis)


def _scatter_elements(node: RandomNode) -> None:
    _gather_elements(node)
    array, indices = node.operands
    assert array is not None and indices is not None
    reduction = node.choose(["none", "add", "mul", "max", "min"] if node.opset >= 18 else ["none", "add", "mul"])
    node.set("reduction", reduction, 0.6)
    if node.attributes.get("reduction", "none") == "none":
        # No element twice.
        axis = int(node.attributes["axis"]) % array.ndim
        if indices.shape[axis] > array.shape[axis]:
            raise Unsuited
        order = np.random.default_rng(0).permutation(array.shape[axis])[: indices.shape[axis]]
        view = np.moveaxis(indices, axis, -1)
        view[...] = order
    node.add(node.array(str(array.dtype), indices.shape))


def _gather_nd(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    batch = node.integer(0, min(2, array.ndim - 1)) if node.opset >= 12 and node.flag(0.4) else 0
    depth = node.integer(1, array.ndim - batch)
    lead = [*array.shape[:batch], *node.shape(0, 2)]
    node.add(array)
    columns = [_indices(node, array.shape[batch + i], lead).astype(np.int64) for i in range(depth)]
    node.add_parameter(np.stack(columns, -1))
    node.set("batch_dims", batch)


def _scatter_nd(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 3))
    if 0 in array.shape:
        raise Unsuited
    depth = node.integer(1, array.ndim)
    places = math.prod(array.shape[:depth])
    count = node.integer(1, min(places, 4))
    flat = np.random.default_rng(node.integer(0, 99)).permutation(places)[:count]
    indices = np.stack(np.unravel_index(flat, array.shape[:depth]), -1).astype(np.int64)
    reduction = node.choose(["none", "add", "mul", "max", "min"] if node.opset >= 18 else ["none", "add", "mul"])
    node.set("reduction", reduction, 0.6)
    if node.attributes.get("reduction", "none") != "none" and node.flag():
        indices = np.concatenate([indices, indices[:1]])
    node.add(array)
    node.add_parameter(indices)
    node.add(node.array(str(array.dtype), (*indices.shape[:-1], *array.shape[depth:])))


def _one_hot(node: RandomNode) -> None:
    shape = node.shape(0, 3)
    node.add(node.array(node.choose(["int64", "int32", "float32"]), shape, -4, 4))
    node.operands[0] = np.round(node.operands[0])
    node.add_parameter(np.array(node.choose([3, 5]), np.int64) if node.flag() else np.array([4], np.int64))
    values = node.array(node.choose(["float32", "int64", "int32"]), (2,))
    node.add_parameter(values)
    node.set("axis", node.integer(-len(shape) - 1, len(shape)) if node.opset >= 11 else -1, 0.8)


def _eye_like(node: RandomNode) -> None:
    from onnx import TensorProto

    node.add(node.array(node.dtype(), node.shape(2, 2)))
    node.set("k", node.integer(-3, 3), 0.7)
    node.set("dtype", node.choose([TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32]), 0.5)


def _trilu(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(2, 4)))
    if node.flag():
        node.add_parameter(np.array(node.integer(-3, 3)))
    node.set("upper", node.integer(0, 1), 0.8)


def _blocks(node: RandomNode) -> None:
    size, (batch, channels, height, width) = node.integer(1, 3), (node.integer(1, 3) for _ in range(4))
    is_depth = node.schema.name == "DepthToSpace"
    shape = (batch, channels * size**2, height, width) if is_depth else (batch, channels, height * size, width * size)
    node.add(node.array(node.dtype(), shape))
    node.set("blocksize", size)
    node.set("mode", node.choose(["DCR", "CRD"]), 0.6)


def _range(node: RandomNode) -> None:
    dtype = node.dtype()
    start, step = node.integer(-3, 3), node.choose([1, 2, -1, -2])
    for number in (start, start + step * node.integer(0, 4) + (1 if step > 0 else -1) * node.integer(0, 1), step):
        node.add_parameter(np.array(number, dtype))


def _constant_of_shape(node: RandomNode) -> None:
    from onnx import numpy_helper

    node.add_parameter(np.array(node.shape(), np.int64))
    value = node.array(node.choose(["float32", "int64", "bool", "float16", "int8"]), (1,))
    node.set("value", numpy_helper.from_array(value), 0.7)


def _mat_mul(node: RandomNode) -> None:
    dtype = node.dtype()
    lead = node.shape(0, 2)
    m, k, n = (node.integer(1, 4) for _ in range(3))
    a, b = (*node.broadcast(lead), m, k), (*node.broadcast(lead), k, n)
    if node.flag(0.15):
        a = (k,)
    if node.flag(0.15):
        b = (k,)
    node.add(node.array(dtype, a))
    node.add_parameter(node.array(dtype, b))


def _gemm(node: RandomNode) -> None:
    dtype = node.dtype()
    m, k, n = (node.integer(1, 4) for _ in range(3))
    transposed = node.integer(0, 1), node.integer(0, 1)
    node.add(node.array(dtype, (k, m) if transposed[0] else (m, k)))
    node.add_parameter(node.array(dtype, (n, k) if transposed[1] else (k, n)))
    if node.opset < 11 or node.flag(0.8):
        node.add_parameter(node.array(dtype, node.broadcast((m, n))))
    node.set("transA", transposed[0])
    node.set("transB", transposed[1])
    node.set("alpha", node.choose([0.5, 1.0, 2.0]), 0.5)
    node.set("beta", node.choose([0.5, 0.0, 2.0]), 0.5)


def _window(node: RandomNode, spatial: int) -> tuple[list[int], list[int]]:
    """Kernel and dilations; strides and padding are set."""
    kernel = [node.integer(1, 3) for _ in range(spatial)]
    dilations = [node.integer(1, 2) for _ in range(spatial)]
    node.set("strides", [node.integer(1, 3) for _ in range(spatial)], 0.6)
    has_dilations = node.flag(0.4) and "dilations" in node.schema.attributes
    node.set("dilations", dilations, 1.0 if has_dilations else 0.0)
    # onnxruntime does not count dilations of pools when it pads.
    if node.flag(0.3) and not has_dilations:
        node.set("auto_pad", node.choose(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]))
    else:
        node.set("pads", [node.integer(0, max(kernel[i % spatial] - 1, 0)) for i in range(2 * spatial)], 0.7)
    return kernel, dilations if has_dilations else [1] * spatial


def _conv(node: RandomNode) -> None:
    dtype, spatial = node.dtype(), node.choose([1, 2, 2, 2, 3])
    kernel, _ = _window(node, spatial)
    group = node.choose([1, 1, 2, 3])
    per_in, per_out = node.integer(1, 2), node.integer(1, 3)
    sizes = [node.integer(5, 7) for _ in kernel]
    node.add(node.array(dtype, (node.integer(1, 2), group * per_in, *sizes)))
    is_transposed = node.schema.name == "ConvTranspose"
    shape = (group * per_in, per_out, *kernel) if is_transposed else (group * per_out, per_in, *kernel)
    node.add_parameter(node.array(dtype, shape))
    if node.flag():
        node.add_parameter(node.array(dtype, (group * per_out,)))
    node.set("group", group, 1.0 if group > 1 else 0.5)
    node.set("kernel_shape", kernel, 0.5)
    strides = node.attributes.get("strides")
    if is_transposed and isinstance(strides, list) and node.flag(0.3):
        node.set("output_padding", [node.integer(0, s - 1) for s in strides])


def _pool(node: RandomNode) -> None:
    spatial = node.choose([1, 2, 2, 2, 3])
    kernel, _ = _window(node, spatial)
    node.set("kernel_shape", kernel)
    node.add(node.array(node.dtype(), (node.integer(1, 2), node.integer(1, 3), *(node.integer(5, 7) for _ in kernel))))
    node.set("ceil_mode", node.integer(0, 1), 0.5)
    node.set("count_include_pad", node.integer(0, 1), 0.5)
    node.set("p", node.integer(1, 3), 0.5)
    if node.schema.name == "MaxPool":
        node.set("storage_order", 1, 0.1)
        node.outputs = 2 if node.opset >= 8 and node.flag(0.15) else 1


def _global_pool(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(3, 5)))
    node.set("p", node.integer(1, 3), 0.5)


def _channel_norm(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape(2, 5)
    node.add(node.array(dtype, shape))
    names = [i.name for i in node.schema.inputs][1:]
    for name in names:
        low = 0.5 if "var" in name else -2
        node.add_parameter(node.array(dtype, shape[1:2], low, 3))
    node.set("epsilon", 0.01, 0.5)
    node.set("momentum", 0.5, 0.2)


def _group_norm(node: RandomNode) -> None:
    dtype, groups = node.dtype(), node.integer(1, 3)
    per_group = node.integer(1, 3)
    sizes = node.shape(1, 3)
    node.add(node.array(dtype, (2, groups * per_group, *sizes)))
    for _ in range(2):
        node.add_parameter(node.array(dtype, (groups if node.opset < 21 else groups * per_group,)))
    node.set("num_groups", groups)


def _layer_norm(node: RandomNode) -> None:
    dtype, shape = node.dtype(), node.shape(1, 4)
    axis = node.axis(len(shape))
    node.add(node.array(dtype, shape))
    node.add_parameter(node.array(dtype, shape[axis:] if node.flag(0.8) else node.broadcast(shape[axis:])))
    if len(node.schema.inputs) > 2 and node.flag():
        node.add_parameter(node.array(dtype, shape[axis:]))
    node.set("axis", axis)
    node.set("epsilon", 0.01, 0.5)


def _lp_norm(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1), 1)
    node.add(array)
    node.set("axis", node.axis(array.ndim), 0.8)
    node.set("p", node.integer(1, 2), 0.8)


def _lrn(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(3, 5)))
    node.set("size", node.choose([1, 3, 5, 2]))
    node.set("alpha", 0.5, 0.6)
    node.set("beta", 0.5, 0.5)
    node.set("bias", 2.0, 0.5)


def _mean_variance(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(4, 4))
    node.add(array)
    # Of one element alike, the result is 0 / 0.
    node.set("axes", [a for a in range(4) if array.shape[a] > 1], 0.5)
    if "axes" not in node.attributes and 1 in (array.shape[0], array.shape[2], array.shape[3]) or 1 in array.shape:
        raise Unsuited


def _resize(node: RandomNode) -> None:
    dtype = node.dtype()
    array = node.array(dtype, (1, 2, *(node.integer(1, 5) for _ in range(node.choose([1, 2, 2, 3])))))
    node.add(array)
    spatial = array.ndim - 2
    scales = np.array([1, 1, *(node.choose([0.5, 1, 2, 1.5, 3, 0.6]) for _ in range(spatial))], np.float32)
    mode = node.choose(["nearest", "linear", "cubic"])
    node.set("mode", mode)
    if node.opset < 11:
        node.add_parameter(scales)
        if mode == "cubic" or node.opset == 10 and node.schema.name == "Upsample":
            raise Unsuited
        return
    transforms = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    node.set("coordinate_transformation_mode", node.choose([*transforms, "half_pixel_symmetric"] if node.opset >= 19 else transforms), 0.8)
    node.set("nearest_mode", node.choose(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]), 0.8)
    node.set("cubic_coeff_a", -0.5, 0.3)
    node.set("exclude_outside", 1, 0.2 if mode == "cubic" else 0.0)
    node.set("antialias", 1, 0.2 if mode != "nearest" else 0.0)
    is_partial = node.opset >= 18 and node.flag()
    if is_partial:
        node.set("axes", list(range(2, array.ndim)))
    node.add(None if node.opset >= 13 else np.zeros(0, np.float32))
    if node.operands[-1] is not None:
        node.constants.add(1)
    if node.flag():
        node.add_parameter(scales[2:] if is_partial else scales)
        return
    node.add(None if node.opset >= 13 else np.zeros(0, np.float32))
    if node.operands[-1] is not None:
        node.constants.add(2)
    sizes = [*array.shape[:2], *(node.integer(1, 8) for _ in range(spatial))]
    node.add_parameter(np.array(sizes[2:] if is_partial else sizes, np.int64))
    node.set("keep_aspect_ratio_policy", node.choose(["stretch", "not_larger", "not_smaller"]), 0.4 if is_partial else 0.0)


def _quantize(node: RandomNode) -> None:
    name = node.schema.name
    shape = node.shape(1, 4)
    is_per_axis = node.opset >= 13 and node.flag()
    axis = node.axis(len(shape))
    length = (shape[axis],) if is_per_axis else ()
    stored = node.choose(["int8", "uint8"])
    scale = (2.0 ** node.array("int32", length, -3, 1)).astype(np.float32)
    zero = node.array(stored, length)
    if name == "QuantizeLinear":
        node.add(node.array("float32", shape))
    else:
        stored = node.choose([stored, "int32"])
        zero = np.zeros(length, np.int32) if stored == "int32" else zero
        node.add(node.array(stored, shape, -100, 100))
    node.add_parameter(scale)
    if node.flag(0.8):
        node.add_parameter(zero.astype(stored))
    if is_per_axis:
        node.set("axis", axis)


def _einsum(node: RandomNode) -> None:
    equation = node.choose(["ij,jk->ik", "bij,bjk->bik", "ij->ji", "ii->i", "ij,ij->", "i,j->ij", "bhid,bhjd->bhij", "...ij,...jk->...ik", "ij->i", "abc,cd->abd", "bi,bi->b", "ijk,jil->kl"])
    sizes = {letter: node.integer(1, 4) for letter in "abcdhijkl"}
    lead = node.shape(0, 2) if "..." in equation else ()
    dtype = node.choose(["float32", "float32", "float64", "int32"])
    for term in equation.split("->")[0].split(","):
        node.add(node.array(dtype, (*(lead if "..." in term else ()), *(sizes[c] for c in term if c != "."))))
    node.set("equation", equation)


def _reverse_sequence(node: RandomNode) -> None:
    shape = node.shape(2, 4)
    time = node.integer(0, 1)
    node.add(node.array(node.dtype(), shape))
    if not shape[time]:
        raise Unsuited
    node.add_parameter(node.array("int64", (shape[1 - time],), 1, shape[time]))
    node.operands[1] = np.minimum(node.operands[1], shape[time])
    node.set("time_axis", time)
    node.set("batch_axis", 1 - time)


def _compress(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 3))
    axis = node.axis(array.ndim) if node.flag() else None
    node.add(array)
    node.add_parameter(node.array("bool", (array.size if axis is None else array.shape[axis],)))
    if axis is not None:
        node.set("axis", axis if node.opset >= 11 else axis % array.ndim)


def _any_data(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape(1, 4)))


def _recurrent(node: RandomNode) -> None:
    dtype, name = node.choose(["float32", "float32", "float64"]), node.schema.name
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[name]
    direction = node.choose(["forward", "reverse", "bidirectional"])
    count = 2 if direction == "bidirectional" else 1
    time, batch, features, hidden = (node.integer(1, 3) for _ in range(4))
    is_batch_first = node.opset >= 14 and node.flag(0.2)
    node.add(node.array(dtype, (batch, time, features) if is_batch_first else (time, batch, features), -1, 1))
    node.add_parameter(node.array(dtype, (count, gates * hidden, features), -1, 1))
    node.add_parameter(node.array(dtype, (count, gates * hidden, hidden), -1, 1))
    node.add_parameter(node.array(dtype, (count, 2 * gates * hidden), -1, 1) if node.flag() else None)
    node.add_parameter(node.array("int32", (batch,), 1, time) if node.flag(0.3) else None)
    state = (batch, count, hidden) if is_batch_first else (count, batch, hidden)
    node.add(node.array(dtype, state, -1, 1) if node.flag() else None)
    if name == "LSTM":
        node.add(node.array(dtype, state, -1, 1) if node.flag() else None)
        node.add_parameter(node.array(dtype, (count, 3 * hidden), -1, 1) if node.flag(0.3) else None)
    while node.operands[-1] is None:
        node.operands.pop()
    node.set("direction", direction)
    node.set("hidden_size", hidden)
    node.set("layout", 1, 1.0 if is_batch_first else 0.0)
    node.set("clip", 0.5, 0.2)
    node.set("linear_before_reset", node.integer(0, 1), 0.6)
    node.set("input_forget", 1, 0.1)
    if node.flag(0.3):
        per = {"RNN": 1, "GRU": 2, "LSTM": 3}[name]
        node.set("activations", [node.choose(["Tanh", "Sigmoid", "Relu", "Softsign", "Elu", "HardSigmoid", "LeakyRelu"]) for _ in range(per * count)])
    node.outputs = 3 if name == "LSTM" else 2


def _dropout(node: RandomNode) -> None:
    node.add(node.array(node.dtype(), node.shape()))
    # What the mask is when nothing is dropped, only opset 12 says.
    node.outputs = node.integer(1, 2) if node.opset >= 12 else 1


def _center_crop_pad(node: RandomNode) -> None:
    array = node.array(node.dtype(), node.shape(1, 4))
    node.add(array)
    axes = node.axes(array.ndim)
    node.add_parameter(np.array([node.integer(1, 6) for _ in axes], np.int64))
    node.set("axes", axes)


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _pair),
    **dict.fromkeys(_VARIADIC, _variadic),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _softmax),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    **dict.fromkeys(("Div", "Mod"), _division),
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _blocks),
    **dict.fromkeys(("Conv", "ConvTranspose"), _conv),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    **dict.fromkeys(("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"), _global_pool),
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), _channel_norm),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer_norm),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), _quantize),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Pow": _power,
    "BitShift": _shift,
    "PRelu": _p_relu,
    "Where": _where,
    "Clip": _clip,
    "CumSum": _cum_sum,
    "TopK": _top_k,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "ScatterElements": _scatter_elements,
    "Scatter": _scatter_elements,
    "GatherND": _gather_nd,
    "ScatterND": _scatter_nd,
    "OneHot": _one_hot,
    "EyeLike": _eye_like,
    "Trilu": _trilu,
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "MatMul": _mat_mul,
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "LpNormalization": _lp_norm,
    "LRN": _lrn,
    "MeanVarianceNormalization": _mean_variance,
    "Einsum": _einsum,
    "ReverseSequence": _reverse_sequence,
    "Compress": _compress,
    "NonZero": _any_data,
    "Dropout": _dropout,
    "CenterCropPad": _center_crop_pad,
}

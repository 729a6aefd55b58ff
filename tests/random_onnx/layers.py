"""What suits products, layers, pools, normalizations, resizing, quantization and recurrent layers."""

import numpy as np

from .node import RandomNode, Strategy, UnsuitedError


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
    if ("axes" not in node.attributes and 1 in (array.shape[0], array.shape[2], array.shape[3])) or 1 in array.shape:
        raise UnsuitedError


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
        if mode == "cubic" or (node.opset == 10 and node.schema.name == "Upsample"):
            raise UnsuitedError
        return
    transforms = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    node.set(
        "coordinate_transformation_mode",
        node.choose([*transforms, "half_pixel_symmetric"] if node.opset >= 19 else transforms),
        0.8,
    )
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
    node.set(
        "keep_aspect_ratio_policy", node.choose(["stretch", "not_larger", "not_smaller"]), 0.4 if is_partial else 0.0
    )


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
    equation = node.choose(
        [
            "ij,jk->ik",
            "bij,bjk->bik",
            "ij->ji",
            "ii->i",
            "ij,ij->",
            "i,j->ij",
            "bhid,bhjd->bhij",
            "...ij,...jk->...ik",
            "ij->i",
            "abc,cd->abd",
            "bi,bi->b",
            "ijk,jil->kl",
        ]
    )
    sizes = {letter: node.integer(1, 4) for letter in "abcdhijkl"}
    lead = node.shape(0, 2) if "..." in equation else ()
    dtype = node.choose(["float32", "float32", "float64", "int32"])
    for term in equation.split("->")[0].split(","):
        node.add(node.array(dtype, (*(lead if "..." in term else ()), *(sizes[c] for c in term if c != "."))))
    node.set("equation", equation)


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
        node.set(
            "activations",
            [
                node.choose(["Tanh", "Sigmoid", "Relu", "Softsign", "Elu", "HardSigmoid", "LeakyRelu"])
                for _ in range(per * count)
            ],
        )
    node.outputs = 3 if name == "LSTM" else 2


STRATEGIES: dict[str, Strategy] = {
    **dict.fromkeys(("Conv", "ConvTranspose"), _conv),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    **dict.fromkeys(("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"), _global_pool),
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), _channel_norm),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer_norm),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), _quantize),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "MatMul": _mat_mul,
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "LpNormalization": _lp_norm,
    "LRN": _lrn,
    "MeanVarianceNormalization": _mean_variance,
    "Einsum": _einsum,
}

"""Cases of quantized.py, quantized_layers.py, quantized_nets.py and packed_weights.py.

PyTorch computes in integers: where a result lies in the middle between two steps of its scale, either may come out. The
scales are such that none does.
"""

from typing import Any

from glmir.types import DType

from .cases import A, Case, Operations, T, program

QINT8, QUINT8, QINT32 = 12, 13, 14


def _bytes(ops: Operations, x: Any, scale: float = 0.05, zero: int = 60) -> Any:
    return ops.quantize_per_tensor(x, scale, zero, QUINT8)


def _weight(ops: Operations, w: Any, axis: int = 0) -> Any:
    count = ops.size(w, axis)
    scales = ops.full([count], 0.04)
    return ops.quantize_per_channel(w, scales, ops.zeros([count], dtype=DType.I64), axis, QINT8)


def _told(ops: Operations, q: Any) -> Any:
    return ops.int_repr(q), ops.dequantize(q)


def _per_tensor(ops: Operations, x: Any) -> Any:
    q = _bytes(ops, x)
    s = ops.quantize_per_tensor(x, 0.03, -5, QINT8)
    w = ops.quantize_per_tensor(x, 0.01, 0, QINT32)
    return _told(ops, q), _told(ops, s), _told(ops, w), ops.q_scale(s), ops.q_zero_point(s)


def _by_tensors(ops: Operations, x: Any, scale: Any, zero: Any) -> Any:
    return _told(ops, ops.quantize_per_tensor(x, scale, zero, QUINT8))


def _per_channel(ops: Operations, x: Any, scales: Any, zeros: Any) -> Any:
    q = ops.quantize_per_channel(x, scales, zeros, 1, QINT8)
    told = ops.q_per_channel_scales(q), ops.q_per_channel_zero_points(q), ops.q_per_channel_axis(q)
    return _told(ops, q), told


def _dynamic(ops: Operations, x: Any) -> Any:
    return ops.dequantize(ops.quantize_per_tensor_dynamic(x, QUINT8, False)), ops._choose_qparams_per_tensor(x, True)


def _moved(ops: Operations, x: Any) -> Any:
    q = _bytes(ops, x)
    return [
        ops.dequantize(y)
        for y in (
            ops.flatten(q, 1),
            ops.reshape(q, [-1]),
            ops.permute(q, [0, 2, 3, 1]),
            ops.select(q, 0, 1),
            ops.relu(q),
            ops.max_pool2d(q, [2, 2], [1, 1], [1, 1]),
            ops["quantized::max_pool2d"](q, [2, 2], [2, 2], [0, 0], [1, 1], False),
            ops.avg_pool2d(q, [2, 2]),
            ops.adaptive_avg_pool2d(q, [1, 1]),
            ops.mean(q, [2, 3]),
            ops.hardtanh(q, 0.0, 1.0),
            ops.clone(q),
            *ops.chunk(q, 2, 1),
        )
    ], ops.size(q, 1)


def _in_place(ops: Operations, x: Any) -> Any:
    q = _bytes(ops, x)
    flat = ops.view(q, [-1])
    ops.relu_(q)
    ops.hardtanh_(flat, -1.0, 1.0)
    return ops.dequantize(q), ops.dequantize(flat)


def _linear(ops: Operations, x: Any, w: Any, b: Any) -> Any:
    packed = ops["quantized::linear_prepack"](_weight(ops, w), b)
    q = _bytes(ops, x)
    results = [
        ops.dequantize(ops["quantized::linear"](q, packed, 0.1037, 100)),
        ops.dequantize(ops["quantized::linear_relu"](q, packed, 0.1037, 3)),
        ops["quantized::linear_dynamic"](x, packed),
        ops["quantized::linear_relu_dynamic"](x, packed, True),
    ]
    weight, bias = ops["quantized::linear_unpack"](packed)
    return results, _told(ops, weight), bias


def _conv(rank: int, transposed: bool = False) -> Any:
    def body(ops: Operations, x: Any, w: Any, b: Any) -> Any:
        name = f"quantized::conv{'_transpose' if transposed else ''}{rank}d"
        twice = [2] * rank
        extra = [[1] * rank] if transposed else []
        weight = ops.quantize_per_tensor(w, 0.04, 0, QINT8) if transposed else _weight(ops, w)
        packed = ops[f"{name}_prepack"](weight, b, twice, [1] * rank, *extra, [1] * rank, 1)
        q = _bytes(ops, x)
        results = [ops.dequantize(ops[name](q, packed, 0.1037, 100))]
        if not transposed:
            results.append(ops.dequantize(ops[f"{name}_relu"](q, packed, 0.1037, 0)))
        return results, ops[f"{name}_stride"](packed) if rank > 1 else []

    return body


def _arithmetic(ops: Operations, x: Any, y: Any) -> Any:
    a, b = _bytes(ops, x), _bytes(ops, y, 0.04, 70)
    quantized = [
        ops["quantized::add"](a, b, 0.1037, 50),
        ops["quantized::add_relu"](a, b, 0.1037, 50),
        ops["quantized::mul"](a, b, 0.2071, 90),
        ops["quantized::add"](a, 0.52),
        ops["quantized::add_scalar"](a, -9.0),
        ops["quantized::add_scalar"](a, 9.0),
        ops["quantized::mul"](a, -2.0),
        ops["quantized::mul_scalar"](a, 0.5),
        ops["quantized::cat"]([a, b], 1, 0.1037, 20),
        ops["quantized::cat_relu"]([a, b], 0, 0.1037, 20),
        ops["quantized::matmul"](a, ops.transpose(b, 0, 1), 0.2071, 100),
    ]
    return [ops.dequantize(q) for q in quantized]


def _activations(ops: Operations, x: Any) -> Any:
    q = _bytes(ops, x)
    quantized = [
        ops["quantized::sigmoid"](q, 0.02, 3),
        ops["quantized::hardswish"](q, 0.1037, 5),
        ops["quantized::leaky_relu"](q, 0.1, False, 0.1037, 5),
        ops["quantized::elu"](q, 0.1037, 15, 1.0),
        ops["quantized::celu"](q, 0.1037, 15, 1.0),
        ops["quantized::relu6"](q),
        ops["quantized::clamp"](q, -1, 2),
        ops["quantized::threshold"](q, 0.5, 0.0),
        ops["quantized::softmax"](q, -1, 0.05, 0),
        ops.sigmoid(q),
        ops.tanh(q),
    ]
    return [ops.dequantize(y) for y in quantized]


def _normalizations(ops: Operations, x: Any, scale: Any, offset: Any, variance: Any) -> Any:
    q = _bytes(ops, x)
    quantized = [
        ops["quantized::batch_norm"](q, scale, offset, offset, variance, 1e-5, 0.2071, 100),
        ops["quantized::batch_norm2d_relu"](q, scale, offset, offset, variance, 1e-5, 0.2071, 0),
        ops["quantized::group_norm"](q, 2, scale, offset, 1e-5, 0.2071, 100),
        ops["quantized::instance_norm"](q, scale, offset, 1e-5, 0.2071, 100),
        ops["quantized::layer_norm"](q, [2], ops.narrow(scale, 0, 0, 2), None, 1e-5, 0.2071, 100),
    ]
    return [ops.dequantize(y) for y in quantized]


def _fp16_lstm(ops: Operations, x: Any, h: Any, weights: Any) -> Any:
    first, second, b, c = weights
    pack = ops["quantized::linear_prepack_fp16"]
    cell = ops["quantized::make_quantized_cell_params_fp16"](pack(first, b), pack(second, c))
    return ops.quantized_lstm(x, [h, h], [cell], True, 1, 0.0, False, False, False, dtype=DType.F16, use_dynamic=True)


def _cells(ops: Operations, x: Any, h: Any, weight: Any, bias: Any, unused: Any) -> Any:
    # Of zeros and ones, which rounding to eight bits leaves alone.
    pack = ops["quantized::linear_prepack"]
    packed = pack(ops.quantize_per_tensor(weight, 0.05, 0, QINT8), bias)
    return [
        ops[f"quantized::quantized_{kind}_cell_dynamic"](x, h, packed, packed, unused, unused)
        for kind in ("rnn_tanh", "rnn_relu")
    ]


def _pair(ops: Operations, x: Any) -> Any:
    q = ops["quantized_decomposed::quantize_per_tensor"](x, 0.05, -3, -127, 127, DType.I8)
    return q, ops["quantized_decomposed::dequantize_per_tensor"](q, 0.05, -3, -127, 127, DType.I8)


def _pair_per_channel(ops: Operations, x: Any, scales: Any, zeros: Any) -> Any:
    q = ops["quantized_decomposed::quantize_per_channel"](x, scales, zeros, 1, -128, 127, DType.I8)
    return q, ops["quantized_decomposed::dequantize_per_channel"](q, scales, zeros, 1, -128, 127, DType.I8)


CASES = [
    program("per tensor", _per_tensor, T("n=3", 4)),
    program("by tensors", _by_tensors, T(3, 4), A(0.04), A(7, "i64")),
    program("by tensors that are constants", _by_tensors, T(3, 4), A([0.04], "f32", True), A([7], "i64", True)),
    program("per channel", _per_channel, T("n=2", 3), A([0.02, 0.03, 0.04]), A([0, 3, -4], "i64")),
    program("dynamic", _dynamic, T(3, 4)).within("f32"),
    program("moved", _moved, T(2, 4, 3, 3)),
    program("in place", _in_place, T(3, 4)),
    program("linear", _linear, T("n=3", 4), T(5, 4, constant=True), T(5, constant=True)),
    program("linear without bias", _linear, T(2, 3, 4), T(5, 4), None),
    *(program(f"conv{r}d", _conv(r), T(2, 3, *[5] * r), T(4, 3, *[3] * r, low=-2, high=2), T(4)) for r in (1, 2, 3)),
    program("conv_transpose2d", _conv(2, True), T(2, 3, 3, 3), T(3, 4, 3, 3, low=-2, high=2), T(4)),
    program("arithmetic", _arithmetic, T(3, 4), T(3, 4)),
    program("activations", _activations, T(3, 4)),
    program("normalizations", _normalizations, T(2, 4, 3, 2), T(4), T(4), T(4, low=0.5)),
    program("cells", _cells, A([[0, 1, 1]], "f32"), A([[1, 0, 1]], "f32"), T(3, 3), T(3), T(3)).within("f32"),
    *(
        Case("fake_quantize_per_tensor_affine", T("n=3", 4, dtype=d), 0.04, zero, *limits)
        for d, zero, limits in (
            ("f32", 0, (-128, 127)),
            ("f32", 60, (0, 255)),
            ("f32", 3, (-127, 127)),
            ("f32", 3, (0, 15)),
            ("f32", 100, (-500, 500)),
        )
    ),
    Case("fake_quantize_per_tensor_affine", T(3, 4), A([0.04]), A([3], "i32"), 0, 127),
    Case("fake_quantize_per_channel_affine", T(2, 3), A([0.02, 0.03, 0.04]), A([0, 3, 9], "i32"), 1, 0, 100),
    Case("fake_quantize_per_tensor_affine_cachemask", T(3, 4), 0.01, 3, -128, 127),
    program("pair", _pair, T("n=3", 4)),
    program("pair per channel", _pair_per_channel, T(2, 3), A([0.02, 0.03, 0.04]), A([0, 3, -4], "i64")),
]

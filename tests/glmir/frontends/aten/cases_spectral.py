"""Cases of complex_numbers.py, fourier.py and spectral.py."""

from typing import Any

from glmir.types import DType

from .cases import Case, Operations, T, program


def _real(ops: Operations, x: Any) -> Any:
    """What is real of a result, a complex one as its parts."""
    return ops.view_as_real(ops.resolve_conj(x)) if ops.is_complex(x) else x


def _rotary(ops: Operations, q: Any, angles: Any) -> Any:
    turned = ops.polar(ops.ones_like(angles), angles)
    pairs = ops.view_as_complex(ops.reshape(q, [2, 3, 4, -1, 2]))
    turned = ops.reshape(turned, [1, 3, 1, -1])
    return ops.flatten(ops.view_as_real(ops.mul(pairs, turned)), 3)


def _arithmetic(ops: Operations, x: Any, y: Any, real: Any) -> Any:
    a, b = ops.view_as_complex(x), ops.view_as_complex(y)
    results = [
        ops.add(a, b),
        ops.sub(a, b, alpha=2),
        ops.add(a, real),
        ops.sub(real, a),
        ops.add(a, 1.5),
        ops.mul(a, b),
        ops.mul(a, real),
        ops.mul(real, a),
        ops.mul(a, 2),
        ops.div(a, b),
        ops.div(a, real),
        ops.div(real, a),
        ops.div(a, 2.0),
        ops.reciprocal(a),
        ops.exp(a),
        ops.square(a),
        ops.pow(a, 2),
        ops.neg(a),
        ops.conj_physical(a),
        ops.matmul(a, ops.transpose(b, 0, 1)),
        ops.einsum("ij,kj->ik", [a, b]),
        ops.cat([a, b], 1),
        ops.stack([a, real], 0),
        ops.sum(a, [1]),
        ops.select(a, 0, 1),
        ops.unsqueeze(a, -1),
        ops.abs(a),
        ops.angle(a),
        ops.real(a),
        ops.imag(a),
        *ops.chunk(a, 2, 1),
    ]
    return [_real(ops, r) for r in results], ops.size(a, 1)


def _angles(ops: Operations, x: Any, y: Any) -> Any:
    return ops.angle(ops.complex(x, y)), ops.angle(x)


def _converted(ops: Operations, x: Any) -> Any:
    y = ops._to_copy(x, dtype=9)
    return _real(ops, y), _real(ops, ops.to(y, 10, False, True)), _real(ops, ops.mul(ops.to(x, 9), y))


def _written(ops: Operations, x: Any, y: Any) -> Any:
    a = ops.view_as_complex(x)
    ops.mul_(a, ops.view_as_complex(y))
    ops.mul_(ops.real(a), 2)
    return x


def _transform(name: str, *options: Any) -> Any:
    return lambda ops, x: _real(ops, ops[name](x, *options))


def _transform_of_complex(name: str, *options: Any) -> Any:
    return lambda ops, x: _real(ops, ops[name](ops.view_as_complex(x), *options))


def _stft(ops: Operations, x: Any, window: Any) -> Any:
    whole = ops.stft(x, 8, 2, None, window, True, "reflect", True, True, True)
    return ops.view_as_real(whole), ops.abs(whole)


def _there_and_back(ops: Operations, x: Any, window: Any, length: Any) -> Any:
    spectrum = ops.stft(x, 8, 2, None, window, True, "reflect", False, True, True)
    return ops.istft(spectrum, 8, 2, None, window, True, False, None, length)


def _not_centered(ops: Operations, x: Any) -> Any:
    spectrum = ops.view_as_complex(x)
    return ops.istft(spectrum, 8, 3, 8, None, False, True)


_REAL = (
    ("fft_rfft", None, -1, None),
    ("fft_rfft", 4, 0, "ortho"),
    ("fft_rfft", 7, 1, "forward"),
    ("fft_fft", None, 1, None),
    ("fft_ifft", 6, 0, "forward"),
    ("fft_rfft2", None, [-2, -1], None),
    ("fft_rfftn", None, None, "ortho"),
    ("fft_fft2", [4, 7], [0, 1], None),
    ("fft_fftn", None, None, None),
    ("_fft_r2c", [1], 0, True),
    ("_fft_r2c", [0, 1], 1, False),
    ("_fft_r2c", [0, 1], 2, True),
    ("fft_fftshift", None),
    ("fft_fftshift", [1]),
    ("fft_ifftshift", None),
)
_COMPLEX = (
    ("fft_irfft", None, -1, None),
    ("fft_irfft", 5, 0, "ortho"),
    ("fft_irfft", 7, 1, "forward"),
    ("fft_fft", None, 1, "ortho"),
    ("fft_ifft", 6, 0, None),
    ("fft_ifft2", None, [-2, -1], None),
    ("fft_irfft2", None, [-2, -1], None),
    ("fft_irfftn", [4, 6], None, "forward"),
    ("fft_ifftn", None, None, None),
    ("_fft_c2c", [1], 0, True),
    ("_fft_c2c", [0, 1], 2, False),
    ("_fft_c2r", [1], 2, 8),
    ("_fft_c2r", [0, 1], 0, 9),
    ("fft_fftshift", None),
    ("fft_ifftshift", [1]),
)


def _complex_created(ops: Operations, x: Any) -> Any:
    z = ops.complex(x, ops.neg(x))
    made = [
        ops.zeros([2, 3], dtype=9), ops.ones([2], dtype=10), ops.full([2], 1 - 2j, dtype=9), ops.full([3], 2j),
        ops.zeros_like(x, dtype=9), ops.ones_like(z), ops.new_zeros(z, [2]), ops.new_zeros(x, [2], dtype=9),
    ]  # fmt: skip
    written = ops.zeros([3, 4], dtype=9)
    ops.copy_(ops.narrow(written, 1, 1, 2), ops.narrow(z, 1, 0, 2))
    return [_real(ops, y) for y in (*made, written)]


def _with_real_values(ops: Operations, x: Any) -> Any:
    z, mask = ops.complex(x, ops.square(x)), ops.gt(x, 0)
    chosen = [ops.where(mask, z, x), ops.where(mask, x, z)]
    results = [ops.masked_fill(z, mask, 3), *chosen, ops.pad(z, [1, 0], "constant", 2.0)]
    ops.copy_(ops.select(z, 0, 0), ops.select(x, 0, 1))
    ops.index_put_(z, [ops.arange(2)], ops.select(results[1], 0, 2))
    return [_real(ops, y) for y in (*results, z)]


def _with_complex_numbers(ops: Operations, x: Any) -> Any:
    z = ops.complex(x, ops.square(x))
    results = [ops.mul(z, 1 - 2j), ops.mul(x, 1j), ops.add(z, 2j, alpha=3), ops.sub(x, 1 + 1j), ops.div(z, 3 - 4j)]
    return [_real(ops, y) for y in results]


CASES = [
    program("rotary", _rotary, T(2, 3, 4, 6), T(3, 3)),
    program("arithmetic", _arithmetic, T(3, 4, 2), T(3, 4, 2), T(3, 4)),
    program("real and complex", _converted, T(3, 4)),
    program("created", _complex_created, T(3, 4)),
    program("real values", _with_real_values, T(3, 4)),
    program("complex numbers", _with_complex_numbers, T("n=3", 4)).within("f32"),
    program("arithmetic, symbolic", _arithmetic, T("n=3", 4, 2), T("n=3", 4, 2), T("n=3", 4)),
    program("angles", _angles, T(9, low=-1.5, high=1.5), T(9)),
    program("written", _written, T(3, 2), T(3, 2)),
    *(program(f"{name} {options}", _transform(name, *options), T(3, 5)) for name, *options in _REAL),
    *(program(f"{name} {options}", _transform_of_complex(name, *options), T(3, 5, 2)) for name, *options in _COMPLEX),
    program("fft_rfft of a batch", _transform("fft_rfft", 6, -1), T("n=2", 6)),
    Case("fft_fftfreq", 5, 0.5),
    Case("fft_rfftfreq", 6),
    program("stft", _stft, T(2, 20), T(8, constant=True)),
    program("stft of one signal", _stft, T("t=21"), T(8, constant=True)),
    program("stft, the window an input", _stft, T("b=2", 20), T(8)),
    Case("stft", T(2, 20), 8, None, None, None, False, None, False),
    Case("stft", T(2, 20), 8, 3, 5, T(5), True, False, False),
    Case("stft", T(2, 20), 8, 3, 5, T(5), True, "constant", False, True, False),
    program("there and back", _there_and_back, T(2, 20), T(8, low=0.5, constant=True), None),
    program("there and back, shorter", _there_and_back, T(2, 20), T(8, low=0.5, constant=True), 17),
    program("there and back, longer", _there_and_back, T(2, 20), T(8, low=0.5, constant=True), 26),
    program("there and back, symbolic", _there_and_back, T("t=20"), T(8, low=0.5), None),
    program("not centered", _not_centered, T(2, 5, 4, 2)),
    *(
        Case(name, length, *options)
        for name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")
        for length in (1, 6)
        for options in ((), (False,), (True,))
    ),
    Case("hamming_window", 5, True, 0.6),
    Case("hamming_window", 5, True, 0.6, 0.3),
    Case("kaiser_window", 5, True, 8.0),
    Case("hann_window", 5, dtype=DType.F64),
]

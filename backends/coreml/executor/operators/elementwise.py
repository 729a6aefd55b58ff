"""Elementwise arithmetic and activations. Source: `elementwise_unary`, `elementwise_binary`, `activation`."""

import numpy as np

from .....types import Array
from ..kinds import DTYPE_NAMES, NUMPY, ProgramError


def floor_div(x: Array, y: Array) -> Array:
    _refuse_zero_divisor(y)
    return np.floor_divide(x, y)


def mod(x: Array, y: Array) -> Array:
    """The remainder with the divisor's sign."""
    _refuse_zero_divisor(y)
    return np.mod(x, y)


def real_div(x: Array, y: Array) -> Array:
    """x / y. What a division of integers that leaves a remainder gives is documented nowhere, so it is refused."""
    if x.dtype.kind == "f":
        return np.divide(x, y)
    _refuse_zero_divisor(y)
    if np.any(np.mod(x, y)):
        raise ProgramError("the quotient of two integers is not an integer")
    return np.floor_divide(x, y)


def _refuse_zero_divisor(y: Array) -> None:
    if y.dtype.kind != "f" and np.any(y == 0):
        raise ProgramError("an integer is divided by zero")


def select(cond: Array, a: Array, b: Array) -> Array:
    return np.where(cond, a, b)


def cast(x: Array, dtype: str) -> Array:
    """Floats are truncated towards zero on their way to integers; a bool is whether a number is not zero."""
    if dtype not in DTYPE_NAMES:
        raise ProgramError(f"there is no dtype {dtype!r}")
    return x.astype(NUMPY[DTYPE_NAMES[dtype]])


def log(x: Array, epsilon: float) -> Array:
    return np.log(x + np.float32(epsilon))


def rsqrt(x: Array, epsilon: float) -> Array:
    return np.float32(1) / np.sqrt(x + np.float32(epsilon))


def inverse(x: Array, epsilon: float) -> Array:
    return np.float32(1) / (x + np.float32(epsilon))


def clip(x: Array, alpha: float, beta: float) -> Array:
    if alpha > beta:
        raise ProgramError(f"alpha {alpha} is greater than beta {beta}")
    return np.minimum(np.maximum(x, np.float32(alpha)), np.float32(beta))


def threshold(x: Array, alpha: float) -> Array:
    return np.asarray(np.maximum(x, x.dtype.type(alpha)))


def erf(x: Array) -> Array:
    """2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!, whose terms have one sign; beyond 4 erf rounds to 1."""
    wide = np.clip(x.astype(np.float64), -4.0, 4.0)
    square = 2.0 * wide * wide
    term = wide.copy()
    total = wide.copy()
    for n in range(1, 80):
        term *= square / (2 * n + 1)
        total += term
        if not np.any(np.abs(term) > 1e-9 * np.abs(total)):
            break
    return np.asarray((2.0 / np.sqrt(np.pi) * np.exp(-wide * wide) * total).astype(np.float32))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, np.float32(1), small) / (np.float32(1) + small)


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def relu(x: Array) -> Array:
    return np.maximum(x, np.float32(0))


def relu6(x: Array) -> Array:
    return np.minimum(np.maximum(x, np.float32(0)), np.float32(6))


def softplus(x: Array) -> Array:
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, np.float32(0))


def softsign(x: Array) -> Array:
    return x / (np.float32(1) + np.abs(x))


def gelu(x: Array, mode: str) -> Array:
    match mode:
        case "EXACT":
            return np.float32(0.5) * x * (np.float32(1) + erf(x * np.float32(np.sqrt(0.5))))
        case "TANH_APPROXIMATION":
            inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
            return np.asarray(np.float32(0.5) * x * (np.float32(1) + np.tanh(inner)))
        case "SIGMOID_APPROXIMATION":
            return x * sigmoid(np.float32(1.702) * x)
        case _:
            raise ProgramError(f"there is no mode {mode!r}")


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, np.float32(alpha) * np.expm1(np.minimum(x, np.float32(0))))


def leaky_relu(x: Array, alpha: float) -> Array:
    return np.where(x >= 0, x, np.float32(alpha) * x)


def thresholded_relu(x: Array, alpha: float) -> Array:
    return np.where(x >= np.float32(alpha), x, np.float32(0))


def clamped_relu(x: Array, alpha: float, beta: float) -> Array:
    return np.minimum(np.where(x >= 0, x, np.float32(alpha) * x), np.float32(beta))


def linear_activation(x: Array, alpha: float, beta: float) -> Array:
    return x * np.float32(alpha) + np.float32(beta)


def scaled_tanh(x: Array, alpha: float, beta: float) -> Array:
    return np.float32(alpha) * np.tanh(x * np.float32(beta))


def sigmoid_hard(x: Array, alpha: float, beta: float) -> Array:
    return np.asarray(np.clip(x * np.float32(alpha) + np.float32(beta), np.float32(0), np.float32(1)))


def prelu(x: Array, alpha: Array) -> Array:
    """alpha [C] multiplies negative elements of x [B, C, ...]; different ones need rank 4."""
    if not 3 <= x.ndim <= 5:
        raise ProgramError(f"x has rank {x.ndim}, not 3 to 5")
    if x.ndim != 4 and alpha.size and np.ptp(alpha) > 1e-5:
        raise ProgramError(f"x has rank {x.ndim}, and only for rank 4 may the elements of alpha differ")
    return np.where(x > 0, x, _per_channel(alpha, x) * x)


def softplus_parametric(x: Array, alpha: Array, beta: Array) -> Array:
    if x.ndim < 3:
        raise ProgramError(f"x has rank {x.ndim}, not 3 or more")
    return _per_channel(alpha, x) * softplus(x * _per_channel(beta, x))


def _per_channel(values: Array, x: Array) -> Array:
    if values.shape != x.shape[1:2]:
        raise ProgramError(f"{list(values.shape)} values for the channels of {list(x.shape)}")
    return values.reshape(-1, *[1] * (x.ndim - 2))


def softmax(x: Array, axis: int) -> Array:
    shifted = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / np.sum(shifted, axis=axis, keepdims=True))


def power(x: Array, y: Array) -> Array:
    if y.dtype.kind != "f" and np.any(y < 0):
        raise ProgramError("an integer has a negative exponent")
    return np.power(x, y)

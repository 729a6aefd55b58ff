"""Ops that move elements, as the differential tests of several targets try them."""

from collections.abc import Callable, Sequence

from glmir.dims import Dim, ceil_div, parse_dim
from glmir.ir import Op, Value
from glmir.ops import tensor
from glmir.ops.enums import PadMode

N: Dim = parse_dim("n")
M: Dim = parse_dim("m")

MOVES: dict[str, Callable[[Value], Op]] = {
    "reshape": lambda x: tensor.Reshape(x, None, (4, 6)),
    "transpose": lambda x: tensor.Transpose(x, (2, 0, 1)),
    "concat": lambda x: tensor.Concat((x, x), 1),
    "concat one": lambda x: tensor.Concat((x,), 1),
    "split equal": lambda x: tensor.Split(x, 2, (2, 2)),
    "split": lambda x: tensor.Split(x, 2, (1, 3)),
    "slice": lambda x: tensor.Slice(x, (0, 1, 1), (2, 2, 2), (1, 1, 1)),
    "strided slice": lambda x: tensor.Slice(x, (0, 0, 1), (1, 2, 2), (2, 2, 2)),
    "backward slice": lambda x: tensor.Slice(x, (1, 2, 3), (2, 2, 2), (-1, -2, -2)),
    "pad": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1)),
    "reflect": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.REFLECT),
    "edge": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.EDGE),
    "wrap": lambda x: tensor.Pad(x, None, (1, 0, 2), (0, 1, 1), PadMode.WRAP),
    "expand": lambda x: tensor.Expand(tensor.Slice(x, (0, 0, 0), (2, 1, 4), (1, 1, 1)).result, None, (3, 2, 5, 4)),
    "tile": lambda x: tensor.Tile(x, (1, 2, 3)),
    "reverse": lambda x: tensor.Reverse(x, (1,)),
    "reverse several": lambda x: tensor.Reverse(x, (0, 2)),
    "reverse none": lambda x: tensor.Reverse(x, ()),
    "shape": tensor.Shape,
}

SYMBOLIC: dict[str, tuple[Sequence[Sequence[Dim]], Callable[..., Op | Value]]] = {
    "reshape": ([(N, 3, 4)], lambda x: tensor.Reshape(x, None, (N, 12))),
    "reshape two": ([(N, 3, 4 * M), (M,)], lambda x, _: tensor.Reshape(x, None, (3, N, M, 4))),
    "reshape product": ([(N, M, 4)], lambda x: tensor.Reshape(x, None, (N * M, 4))),
    "transpose": ([(N, 3, M)], lambda x: tensor.Transpose(x, (2, 0, 1))),
    "concat": ([(N, 3), (M, 3)], lambda x, y: tensor.Concat((x, y), 0)),
    "split": ([(2 * N, 3), (N,)], lambda x, _: tensor.Split(x, 0, (N, N))),
    "split one open": ([(N + 2, 3), (N,)], lambda x, _: tensor.Split(x, 0, (2, N))),
    "split open": ([(N + M, 3), (N, M)], lambda x, _: tensor.Split(x, 0, (N, M))),
    "slice to the end": ([(N + 2, 3), (N,)], lambda x, _: tensor.Slice(x, (2, 0), (N, 3), (1, 1))),
    "slice from the end": ([(N + 2, 3), (N,)], lambda x, _: tensor.Slice(x, (N, 0), (2, 3), (1, 1))),
    "slice all but the last": ([(N + 2, 3), (N,)], lambda x, _: tensor.Slice(x, (0, 0), (N + 1, 3), (1, 1))),
    "slice every other": ([(N, 3)], lambda x: tensor.Slice(x, (0, 0), (ceil_div(N, 2), 3), (2, 1))),
    "slice backwards": ([(N, 3)], lambda x: tensor.Slice(x, (N - 1, 2), (N, 3), (-1, -1))),
    "slice by another": ([(8, 3), (N, 2)], lambda x, _: tensor.Slice(x, (0, 0), (N, 3), (1, 1))),
    "slice half": ([(N, 3)], lambda x: tensor.Slice(x, (N // 2, 0), (N - N // 2, 3), (1, 1))),
    "slice middle": ([(N + M, 3), (N, M)], lambda x, _: tensor.Slice(x, (N // 2, 0), (M, 3), (1, 1))),
    "pad": ([(N, 3)], lambda x: tensor.Pad(x, None, (1, 0), (0, 2))),
    "reflect": ([(N, 3)], lambda x: tensor.Pad(x, None, (0, 2), (0, 1), PadMode.REFLECT)),
    "edge": ([(N, 3)], lambda x: tensor.Pad(x, None, (2, 0), (1, 0), PadMode.EDGE)),
    "wrap": ([(N, 3)], lambda x: tensor.Pad(x, None, (5, 1), (7, 0), PadMode.WRAP)),
    "wrap open": ([(N, 3), (M, 2)], lambda x, _: tensor.Pad(x, None, (M, 1), (0, M), PadMode.WRAP)),
    "reflect open": ([(N + M, 3), (N, M)], lambda x, _: tensor.Pad(x, None, (M, 0), (N, 2), PadMode.REFLECT)),
    "pad open": ([(N, 3), (M, 2)], lambda x, _: tensor.Pad(x, None, (0, 1), (M, 0))),
    "pad to multiple": ([(N, 3)], lambda x: tensor.Pad(x, None, (0, 0), (-N % 4, 0))),
    "expand": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (N, M, 3))),
    "tile": ([(N, 3)], lambda x: tensor.Tile(x, (2, 1))),
    "tile open": ([(N, 3), (M, 2)], lambda x, _: tensor.Tile(x, (M, 2))),
    "shape": ([(N, 3, M)], tensor.Shape),
    "max": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (parse_dim("max(n, m)"), 3))),
    "min": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (parse_dim("min(n, 2 * m)"), 3))),
    "modulo": ([(1, 3), (N, M)], lambda x, _: tensor.Expand(x, None, (parse_dim("n % 3 + (n * m + 1) // 2"), 3))),
}

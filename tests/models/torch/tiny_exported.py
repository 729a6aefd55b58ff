"""Tiny modules for torch.export: dynamic dims, mutation, higher-order ops, and what programs hold besides tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch._higher_order_ops import map as map_op
from torch._higher_order_ops import scan, while_loop
from torch.export import Dim

from .tiny_layers import steps
from .zoo import CORE, EXPORTED, TRACED, Case, integers, noise

BOTH = (EXPORTED, CORE)


class Point(NamedTuple):
    """A pytree node of its own."""

    x: Tensor
    y: Tensor


torch.utils._pytree._register_namedtuple(Point, serialized_type_name="glmc.tests.Point")


class Dynamic(nn.Module):
    """Batch and size arithmetic on symbolic dims."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)
        self.head = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        n, _, h, w = x.shape
        y = F.interpolate(F.relu(self.conv(x)), size=(h, w), mode="nearest")
        rows = y.permute(0, 2, 3, 1).reshape(n, (h * w) // 4, 4, 4)
        return self.head(rows).flatten(1, 2), torch.arange(w) + h // 2, n * h


class Derived(nn.Module):
    """Two inputs whose lengths depend on each other."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([x, y[::2]], 0) * y.shape[0]


class Mutation(nn.Module):
    """A buffer and an input written in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.register_buffer("scratch", torch.ones(3), persistent=False)

    def forward(self, x: Tensor, cache: Tensor) -> Tensor:
        self.total.add_(x.sum(0))
        self.scratch = self.scratch * 2
        cache[:, 1:].copy_(cache[:, :-1].clone())
        cache[:, 0] = self.total.sum()
        return x * self.total + self.scratch


class Cond(nn.Module):
    """A branch on data, with captured weights and a branch inside."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        def positive(x: Tensor) -> Tensor:
            return self.left(x).relu()

        def negative(x: Tensor) -> Tensor:
            return torch.cond(x[0, 0] > 0, lambda x: x.sin(), lambda x: self.right(x) * 2, (x,))

        return torch.cond(x.sum() > 0, positive, negative, (x,)) + 1


class CondOnShape(nn.Module):
    """A branch on a symbolic dim."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.shape[0] > 3, lambda x: x.cos(), lambda x: x - 1, (x,))


class WhileLoop(nn.Module):
    """A loop until the data say so."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        def going(step: Tensor, x: Tensor) -> Tensor:
            return (x.norm() > 1) & (step < 5)

        def body(step: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            return step + 1, x * 0.5

        return while_loop(going, body, (torch.zeros([], dtype=torch.int64), x))


class Map(nn.Module):
    """One function over the rows."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return map_op(lambda row, y: row.softmax(0) @ y, x, y)


class Scan(nn.Module):
    """A running state over time."""

    def forward(self, x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        return scan(lambda h, step: (h * 0.5 + step, torch.tanh(h)), start, x)


class Constants(nn.Module):
    """Tensor constants made in forward, and attributes that are neither parameters nor buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = torch.tensor([1.0, -2.0, 0.5])

    def forward(self, x: Tensor) -> Tensor:
        table = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        return x @ table.t() + (x * self.plain).sum(1, keepdim=True) + torch.tensor(3)


class NonTensors(nn.Module):
    """None, numbers and a string in, None and numbers out."""

    def forward(self, x: Tensor, mask: Tensor | None, factor: float, mode: str, times: int) -> tuple[Any, ...]:
        x = x * factor if mode == "scale" else x
        x = x if mask is None else x * mask
        return x + times, None, x.shape[1], 1.5, True, x


class Nested(nn.Module):
    """Nested pytrees in and out."""

    def forward(self, pair: tuple[Tensor, dict[str, Tensor]], points: list[Point], *, scale: Tensor) -> dict[str, Any]:
        x, named = pair
        moved = [Point(p.x + x, p.y * scale) for p in points]
        return {"sum": named["a"] + named["b"], "moved": moved, "first": (moved[0].x, {"deep": [x.abs()]})}


class Call(nn.Module):
    """Gives a module with keyword arguments a positional forward."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Nested()

    def forward(self, pair: Any, points: Any, scale: Tensor) -> Any:
        return self.inner(pair, points, scale=scale)


class Modes(nn.Module):
    """Regions without gradients and with autocast, which programs keep as higher-order ops."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.linear(x).relu()
        with torch.autocast("cpu", enabled=False):
            y = y @ x.float().t()
        return y.exp()


class Unbacked(nn.Module):
    """Sizes out of the data: nonzero, item and a check."""

    def forward(self, x: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        n = count.item()
        torch._check(n >= 1)
        torch._check(n <= x.shape[0])
        return x.narrow(0, 0, n) * 2, torch.nonzero(x > 0)


class Half(nn.Module):
    """Everything in bfloat16 but the ends."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4).to(dtype)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.to(self.dtype)).float()


class Cache(nn.Module):
    """Attention over keys and values of the calls before, as inputs and outputs, with a symbolic length."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        q, k, v = (t.view(*x.shape[:2], 2, 4).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        y = F.scaled_dot_product_attention(q, k, v)
        return y.transpose(1, 2).flatten(2), (k, v)


class Mix(nn.Module):
    """In-place ops and views, which export keeps until it decomposes."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x.clone()
        y[:, 0] = 1
        y[y > 1] = 0
        y.view(-1).add_(1)
        z = torch.zeros(4, 4)
        z.diagonal().copy_(y[0, :4])
        z[1:3, ::2] += 2
        return y.relu_(), z.triu().index_put_((torch.tensor([3]), torch.tensor([0])), torch.tensor(9.0))


def half(dtype: torch.dtype) -> Case:
    """A case of the linear layer in a half precision."""
    name = "bfloat16" if dtype == torch.bfloat16 else "float16"
    return Case(f"exported_{name}", lambda: (Half(dtype), steps(2, 4, count=1)), (EXPORTED,))


N, LENGTH = Dim("n", min=1, max=8), Dim("length", min=1, max=64)
NESTED = ((noise(0, 2), {"a": noise(1, 3), "b": noise(2, 3)}), [Point(noise(3, 2), noise(4, 2))] * 2, noise(5, 1))
PAST = [(noise(k, 1, 1, 8), (noise(k + 5, 1, 2, 3 + k, 4), noise(k + 7, 1, 2, 3 + k, 4))) for k in range(2)]
CASES: list[Case] = [
    Case(
        "exported_dynamic",
        lambda: (Dynamic(), [(noise(0, 2, 3, 8, 8),), (noise(1, 3, 3, 4, 12),)]),
        (EXPORTED,),
        dynamic=({0: N, 2: 2 * Dim("half_h", min=1, max=8), 3: 2 * Dim("half_w", min=1, max=8)},),
        types={"x": "f32[n, 3, 2*half_h, 2*half_w]"},
    ),
    Case(
        "exported_derived",
        lambda: (Derived(), [(noise(0, 3, 2), noise(1, 6, 2)), (noise(2, 4, 2), noise(3, 8, 2))]),
        (EXPORTED,),
        dynamic=({0: LENGTH}, {0: 2 * LENGTH}),
        types={"x": "f32[length, 2]", "y": "f32[2*length, 2]"},
    ),
    Case(
        "exported_mutation",
        lambda: (Mutation(), [(noise(k, 2, 3), noise(k, 2, 4)) for k in range(3)]),
        BOTH,
        stateful=True,
    ),
    Case("exported_cond", lambda: (Cond(), [(noise(0, 2, 4) + k,) for k in (1, -2)]), BOTH),
    Case(
        "exported_cond_shape",
        lambda: (CondOnShape(), [(noise(0, 2, 3),), (noise(0, 5, 3),)]),
        (EXPORTED,),
        dynamic=({0: Dim("n", min=2, max=9)},),
        types={"x": "f32[n, 3]"},
    ),
    Case("exported_while", lambda: (WhileLoop(), [(noise(0, 3, 3) * k,) for k in (0.1, 2.0, 90.0)]), BOTH),
    Case("exported_map", lambda: (Map(), [(noise(0, 3, 4), noise(1, 4, 2))]), (EXPORTED,)),
    Case("exported_scan", lambda: (Scan(), [(noise(0, 3, 4), noise(1, 4))]), (EXPORTED,)),
    Case("exported_constants", lambda: (Constants(), steps(2, 3, count=1)), (*BOTH, TRACED)),
    Case("exported_values", lambda: (NonTensors(), [(noise(0, 2, 3), None, 2.5, "scale", 4)]), (EXPORTED,)),
    Case("exported_nested", lambda: (Call(), [NESTED]), (EXPORTED,)),
    Case("exported_modes", lambda: (Modes(), steps(2, 4, count=1)), (EXPORTED,)),
    Case(
        "exported_unbacked",
        lambda: (Unbacked(), [(noise(k, 4, 3), torch.tensor(k + 1)) for k in range(2)]),
        (EXPORTED,),
    ),
    Case(
        "exported_cache",
        lambda: (Cache(), PAST),
        (EXPORTED,),
        dynamic=(None, ({2: LENGTH}, {2: LENGTH})),
        types={"past": "f32[1, 2, length, 4]"},
    ),
    Case("exported_in_place", lambda: (Mix(), steps(3, 5, count=2)), BOTH),
    Case("exported_ids", lambda: (nn.Embedding(9, 4), [(integers(0, 9, 2, 3),)]), (EXPORTED,)),
    half(torch.bfloat16),
    half(torch.float16),
]

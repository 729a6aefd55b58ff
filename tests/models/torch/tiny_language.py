"""Tiny modules, each for a feature of the TorchScript language; scripting reads the annotations as they run."""

import enum
import math
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .zoo import COMMON, CORE, FROZEN, SCRIPTED, TRACED, Call, Case, noise


class Pair(NamedTuple):
    """A named tuple of results."""

    scores: Tensor
    total: Tensor


class Mode(enum.Enum):
    """An enumeration TorchScript stores as a class."""

    ADD = 1
    MULTIPLY = 2


@torch.jit.script
class Box:
    """A TorchScript class with state of its own."""

    def __init__(self, low: Tensor, high: Tensor):
        self.low = low
        self.high = high
        self.grown = 0

    def grow(self, margin: float) -> None:
        self.low = self.low - margin
        self.high = self.high + margin
        self.grown += 1

    def area(self) -> Tensor:
        return ((self.high - self.low) * self.grown).prod(1)


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)) + x)


class ConvNet(nn.Module):
    """Convolution, pooling, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu6(self.stem(x)), 2)
        return self.head(self.drop(torch.flatten(self.pool(self.blocks(x)), 1)))


class Nested(nn.Module):
    """Module lists and dictionaries, walked in loops."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)])
        self.norms = nn.ModuleDict({"first": nn.LayerNorm(6), "second": nn.LayerNorm(6)})
        self.scales = nn.ParameterList([nn.Parameter(torch.tensor([1.5])), nn.Parameter(torch.tensor([0.5]))])

    def forward(self, x: Tensor) -> list[Tensor]:
        kept: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x = torch.tanh(layer(x)) + number
            if number != 1:
                kept.append(x)
        for name, norm in self.norms.items():
            x = norm(x)
            if name == "second":
                x = x * self.scales[0] + self.scales[1]
        for layer, norm in zip(self.layers, self.norms.values()):  # noqa: B905  (scripting knows no strict)
            x = layer(x) - norm(x)
        x = self.layers[-1](x) * self.layers[0].weight.mean()
        kept.append(x)
        return kept


class Loops(nn.Module):
    """Loops over integers and lists, with break and continue, comprehensions and dictionaries."""

    def forward(self, x: Tensor, steps: int = 3) -> tuple[Tensor, int]:
        pieces: list[Tensor] = []
        for row in range(x.size(0)):
            if row == 1:
                continue
            pieces.append(x[row] * (row + 1))
        count = 0
        while count < 10:
            count += 2
            if count > steps:
                break
        sizes = [piece.numel() for piece in pieces]
        named: dict[str, Tensor] = {}
        for key, value in zip(["a", "b", "c"], x.unbind(1)):  # noqa: B905
            named[key] = value.cumsum(0)
        table = {size: float(size) / 2 for size in sizes}
        total = torch.zeros(x.size(0))
        for key in named:
            total = total + named[key]
        extra = sum([len(named), len(sizes), int(table[sizes[0]])])
        sizes.extend([3, 1, 2])
        sizes.sort()
        sizes.reverse()
        last = sizes.pop()
        if 3 in sizes and "a" in named:
            count += last
        pieces.insert(0, total[:1].expand(pieces[0].size(0)))
        return torch.stack(pieces[::-1]) * extra + sizes[-1], count


class Numbers(nn.Module):
    """Arithmetic on Python numbers, strings and dtypes."""

    half: Final[int] = 2

    def forward(self, x: Tensor) -> Tensor:
        n, c = x.shape
        scale = math.sqrt(float(c)) * 2**0.5 / max(n, 3) + math.pi
        whole = int(scale * 10) // self.half % 7 + round(2.6) + abs(-3) + math.floor(2.5) + math.ceil(0.1)
        text = "x".join(["n" + str(n), "{}".format(c)])  # noqa: UP032
        flag = (text.startswith("n") and not text.endswith("y")) or whole > 100
        inverse = 1.0 / c if flag else -1.0
        low, high = min(n, c, 4), float("inf") if whole < 0 else 1e3
        if x.dtype == torch.float32 and x.dim() == 2 and not x.is_cuda:
            x = x.to(torch.float64).sub(1).to(torch.float32)
        zeros = torch.full([low, c], 0.25, dtype=x.dtype, device=x.device)
        steps = torch.arange(0, c, dtype=torch.int64).to(x.dtype) / (c - 1)
        return torch.clamp(x[:low] * inverse + zeros, max=high) * steps + whole + len(text)


class Optionals(nn.Module):
    """Optional arguments and attributes, refined by tests on None."""

    bias: Tensor | None

    def __init__(self, mask_given: bool):
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.bias = None
        self.register_parameter("gain", nn.Parameter(torch.full((4,), 1.25)) if mask_given else None)

    def scaled(self, x: Tensor, factor: float | None = None) -> Tensor:
        if factor is None:
            return x
        return x * factor

    def forward(self, x: Tensor, mask: Tensor | None = None, factor: float | None = 2.0) -> Tensor:
        x = self.scaled(self.linear(x), factor)
        bias = self.bias
        if bias is not None:
            x = x + bias
        if mask is not None:
            assert mask.dim() == 2, "the mask has two dimensions"
            x = x.masked_fill(mask, -10.0)
        gain = self.gain
        if gain is not None:
            x = x * gain
        lengths = None if mask is None else mask.sum(1).float()
        return x if lengths is None else x + lengths[:, None]


class Outputs(nn.Module):
    """A named tuple, a dictionary and nested tuples out."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> tuple[Pair, dict[str, Tensor], tuple[Tensor, list[Tensor]]]:
        y = self.linear(x)
        pair = Pair(scores=y.softmax(-1), total=y.sum())
        return pair, {"min": y.amin(1), "max": y.max(dim=1).values}, (pair.scores[0], [y.exp(), pair[1] + 1])


class DictOutput(nn.Module):
    """A dictionary out, as detection networks return it."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        values, indices = x.topk(2, dim=1)
        return {"values": values, "indices": indices}


class Inputs(nn.Module):
    """A tuple, a list and a dictionary in."""

    def forward(self, x: tuple[Tensor, Tensor], rest: list[Tensor], options: dict[str, Tensor]) -> Tensor:
        first, second = x
        for piece in rest:
            first = first + piece * second
        return first @ options["weight"].t() if "weight" in options else first


class Strings(nn.Module):
    """A string chooses the branch; a wrong one raises with an f-string."""

    def forward(self, x: Tensor, mode: str = "relu", scale: float = 1.0) -> Tensor:
        if mode == "relu":
            x = F.relu(x)
        elif mode in ["tanh", "sigmoid"]:
            x = torch.tanh(x) if mode == "tanh" else torch.sigmoid(x)
        else:
            raise ValueError(f"no mode {mode} for {x.dim()} dimensions")
        return x * scale


class EarlyReturn(nn.Module):
    """Returns out of nested branches on shapes."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return x.mean(1)
        if x.dim() == 3:
            for channel in range(x.shape[1]):
                if channel == 1:
                    return x[:, channel].flatten(1)
            return x.sum(1)
        if x.shape[2] % 2 == 1:
            x = F.pad(x, [0, 0, 0, 1], mode="replicate")
        elif x.shape[3] > x.shape[2]:
            x = x.transpose(2, 3).contiguous()
        return F.avg_pool2d(x, 2)


class TensorIf(nn.Module):
    """Branches on data: an assignment, a return, a choice, and one inside another."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.sum() > 0:
            y = self.left(x)
            count = torch.ones(1)
        else:
            y = self.right(x) - 1
            count = torch.zeros(1)
            if bool((x > 0.5).any()):
                y = y * 2
        factor = 3.0 if x[0, 0] > 0 else 0.5
        if y.max().item() > 2.0:
            return y * factor, count
        return y + factor, count - 1


class TensorWhile(nn.Module):
    """Loops until the data say so."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        steps = torch.zeros([], dtype=torch.int64)
        while bool(x.norm() > 1.0):
            x = x * 0.5
            steps = steps + 1
        rounds = 0
        going = True
        while going and rounds < 6:
            x = x + 0.25
            rounds += 1
            going = bool(x.max() < 1.0)
        return x, steps, rounds


class TensorFor(nn.Module):
    """A trip count out of the data."""

    def forward(self, x: Tensor, n: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for k in range(int(n)):
            total = total * 0.5 + x * k
        return total


class InPlace(nn.Module):
    """In-place ops and assignments through views, which reach what they are views of."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = x.clone()
        x[:, 0] = y
        x[x > 1.5] = 0
        x[1:, 2:4] *= 2
        x[..., -1].fill_(0.5)
        view = x.view(-1)
        view.add_(1)
        x.t()[3] -= 0.25
        x[0, 1], x[1, 0] = x[1, 0].clone(), x[0, 1].clone()
        z = torch.zeros(2, 3, 4)
        z[:, 1, ::2] = torch.ones(2)
        z.select(1, 2).copy_(y[:2, None].expand(2, 4))
        z.narrow(2, 1, 2).mul_(3.0).relu_()
        first, second = z.chunk(2, dim=0)
        first += second
        z[1].masked_fill_(z[1] == 0, -1.0)
        rows = torch.arange(0, 3)
        w = torch.zeros(3, 5)
        w[rows, rows] = y[:3]
        w[torch.tensor([0, 2])] += 1
        w.unsqueeze(0).squeeze(0).clamp_(min=0.1)
        w.index_fill_(1, torch.tensor([4]), 7.0).diagonal().zero_()
        return x, z, w.permute(1, 0).contiguous().view(3, 5)


class Methods(nn.Module):
    """Methods, exported methods, free functions and TorchScript classes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.mode = Mode.MULTIPLY

    def helper(self, x: Tensor, twice: bool) -> Tensor:
        x = self.linear(x)
        return self.helper_of_helper(x) if twice else x

    def helper_of_helper(self, x: Tensor) -> Tensor:
        return F.silu(self.linear(x))

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return self.helper(x, False)

    @torch.jit.unused
    def never(self, x: Tensor) -> Tensor:
        raise RuntimeError("not in the archive")

    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) > 100:
            x = self.never(x)
        box = Box(x[:, :2], x[:, 2:])
        box.grow(0.5)
        box.grow(1.0)
        with torch.no_grad():
            y = self.helper(x, True) if self.mode == Mode.MULTIPLY else self.encode(x)
        future = torch.jit.fork(normalized, y)
        return torch.jit.wait(future) * box.area()[:, None]


def normalized(x: Tensor, eps: float = 1e-6) -> Tensor:
    """Rows of unit length."""
    return x / (x.pow(2).sum(-1, keepdim=True) + eps).sqrt()


@torch.jit.script
def scripted_part(x: Tensor, n: int) -> Tensor:
    """A scripted function that a traced module calls."""
    for k in range(n):
        if x.sum() > 0:
            x = x - k
        else:
            x = x + 2 * k + 1
    return x


class TracedWithScript(nn.Module):
    """A trace that holds a scripted function with branches on data."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return scripted_part(self.linear(x), 2).relu()


def signed(sign: float, *shape: int) -> Tensor:
    """Noise with a mean of the sign's, so that a branch on the sum goes that way."""
    return noise(5, *shape) * 0.3 + sign


def case(name: str, make: type[nn.Module], calls: list[Call], forms: tuple[str, ...] = (SCRIPTED,)) -> Case:
    """A case of one module without arguments."""
    return Case(name, lambda: (make(), calls), forms)


MASK = torch.tensor([[True, False, False, True], [False, False, True, False]])
IMAGES: list[Call] = [(noise(k, 1, 3, 16, 16),) for k in range(2)]
CASES: list[Case] = [
    case("convnet", ConvNet, IMAGES, (*COMMON, CORE, FROZEN)),
    case("nested", Nested, [(noise(k, 2, 6),) for k in range(2)], (SCRIPTED, TRACED)),
    case("loops", Loops, [(noise(0, 4, 3), 3), (noise(1, 4, 3), 3)]),
    case("numbers", Numbers, [(noise(0, 5, 6),)]),
    Case("optionals_given", lambda: (Optionals(True), [(noise(0, 2, 5), MASK, 0.5)]), (SCRIPTED,)),
    Case("optionals_default", lambda: (Optionals(False), [(noise(0, 2, 5),)]), (SCRIPTED,)),
    case("outputs", Outputs, [(noise(0, 2, 4),)], (SCRIPTED, TRACED)),
    case("dict_output", DictOutput, [(noise(0, 2, 6),)], (SCRIPTED, TRACED)),
    case(
        "inputs",
        Inputs,
        [((noise(0, 2, 3), noise(1, 2, 3)), [noise(2, 2, 3), noise(3, 2, 3)], {"weight": noise(4, 4, 3)})],
        COMMON,
    ),
    case("strings", Strings, [(noise(0, 2, 3), "tanh", 2.0)]),
    case("early_return", EarlyReturn, [(noise(0, 1, 2, 5, 4),)]),
    case("tensor_if", TensorIf, [(signed(1.0, 2, 4),), (signed(-1.0, 2, 4),), (signed(0.1, 2, 4),)]),
    case("tensor_while", TensorWhile, [(noise(0, 3, 4) * 4,), (noise(1, 3, 4) * 0.1,)]),
    case("tensor_for", TensorFor, [(noise(0, 3), torch.tensor(3)), (noise(1, 3), torch.tensor(0))]),
    case("in_place", InPlace, [(noise(0, 4, 5), noise(1, 4))], (SCRIPTED, TRACED)),
    case("methods", Methods, [(noise(0, 3, 4),)]),
    case("traced_with_script", TracedWithScript, [(signed(1.0, 2, 3),), (signed(-1.0, 2, 3),)], (TRACED,)),
]

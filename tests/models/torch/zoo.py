"""What the zoo's tables are made of: a case is one network and the calls it is recorded with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

Call = tuple[Any, ...]
Build = Callable[[], tuple[nn.Module, Sequence[Call]]]

TRACED, SCRIPTED, EXPORTED, CORE, FROZEN, LITE = "traced", "scripted", "exported", "core", "frozen", "lite"
COMMON = (TRACED, SCRIPTED, EXPORTED)
SUFFIXES = {
    TRACED: "traced.pt",
    SCRIPTED: "scripted.pt",
    EXPORTED: "exported.pt2",
    CORE: "core.pt2",
    FROZEN: "frozen.pt",
    LITE: "ptl",
}


@dataclass(frozen=True)
class Case:
    """One network: `build` gives the module and its calls, each a tuple of forward's arguments.

    `types` overrides the recorded type text of an input by name ("f32[n, 3, 16, 16]"), and `dynamic` is what
    torch.export takes as dynamic_shapes. A stateful case is called in order on one instance.
    """

    name: str
    build: Build
    forms: tuple[str, ...] = COMMON
    dynamic: Any = None
    types: Mapping[str, str] = field(default_factory=dict)
    stateful: bool = False
    strict: bool = False
    note: str = ""


def image_calls(size: int | tuple[int, int], channels: int = 3, batch: int = 1, count: int = 2) -> list[Call]:
    """Calls with one standard normal image f32[batch, channels, height, width]."""
    height, width = (size, size) if isinstance(size, int) else size
    return [(noise(seed, batch, channels, height, width),) for seed in range(count)]


def noise(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal values f32[shape] of their own generator."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1000 + seed))


def integers(seed: int, high: int, *shape: int) -> torch.Tensor:
    """Integers i64[shape] in [0, high) of their own generator."""
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(1000 + seed))


def settle(network: nn.Module, *batch: Any) -> nn.Module:
    """The network in eval mode, with norms and biases as training would leave them rather than ones and zeros.

    Batch norms take their statistics from one pass over `batch`, so that activations keep their scale.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            _settle_module(module, generator)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
    if batch:
        with torch.no_grad():
            network(*batch)
    return network.eval()


def _settle_module(module: nn.Module, generator: torch.Generator) -> None:
    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    weighted = (nn.modules.conv._ConvNd, nn.Linear)
    if isinstance(module, weighted) and module.bias is not None:
        module.bias.normal_(0, 0.05, generator=generator)
    if isinstance(module, norms) and module.weight is not None:
        module.weight.uniform_(0.7, 1.3, generator=generator)
    if isinstance(module, norms) and getattr(module, "bias", None) is not None:
        module.bias.normal_(0, 0.1, generator=generator)
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        module.momentum = None
    if type(module).__name__ in ("LayerScale", "LayerScale2d") and hasattr(module, "gamma"):
        module.gamma.uniform_(0.3, 0.8, generator=generator)

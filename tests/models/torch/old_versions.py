"""TorchScript archives as earlier versions wrote them: what an operator meant then, the reader must still compute.

torch keeps upgraders for operators whose meaning changed (torch/csrc/jit/operator_upgraders). These archives are new
ones whose version number, and where the schema changed whose source, is set back; torch itself gives the results.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Division(nn.Module):
    """Before version 4, division of integers truncated."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = x.float()
        z /= 4
        return torch.div(x, y), x / 3, z


class Full(nn.Module):
    """Before version 5, full of an integer was floating."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.full([2, 3], 3) + x


class Linspace(nn.Module):
    """Before version 8, the number of steps could be left out and was 100."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linspace(0.0, 1.0, 100).sum() * x


class Gelu(nn.Module):
    """Before version 10, gelu had no approximation to choose."""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x)


CASES: tuple[tuple[str, nn.Module, int, tuple[Tensor, ...], tuple[str, str]], ...] = (
    ("division_3", Division(), 3, (torch.tensor([7, -7, 9]), torch.tensor([2, 2, -4])), ("", "")),
    ("full_4", Full(), 4, (torch.tensor([1, 2, 3]),), ("", "")),
    (
        "linspace_7",
        Linspace(),
        7,
        (torch.tensor([2.0]),),
        ("torch.linspace(0., 1., 100)", "torch.linspace(0., 1., None)"),
    ),
    ("gelu_9", Gelu(), 9, (torch.tensor([-1.0, 0.5]),), ("", "")),
)


def write_old_versions(folder: Path) -> None:
    """Writes `name.pt` and `name.npz` (input0 …, output0 …) for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, network, version, inputs, (new, old) in CASES:
        path = folder / f"{name}.pt"
        torch.jit.save(torch.jit.script(network), str(path))
        _set_back(path, version, new, old)
        results = torch.jit.load(str(path))(*inputs)
        outputs = results if isinstance(results, tuple) else (results,)
        arrays = {f"input{k}": tensor.numpy() for k, tensor in enumerate(inputs)}
        arrays |= {f"output{k}": tensor.numpy() for k, tensor in enumerate(outputs)}
        np.savez_compressed(folder / f"{name}.npz", **arrays)


def _set_back(path: Path, version: int, new: str, old: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members:
            if member.filename.endswith("/version"):
                data = f"{version}\n".encode()
            if new and member.filename.endswith(".py"):
                assert new.encode() in data, data
                data = data.replace(new.encode(), old.encode())
            archive.writestr(member.filename, data)

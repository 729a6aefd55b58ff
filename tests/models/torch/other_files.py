"""Small files that are no archives of programs, and the layout torch.export wrote before PyTorch 2.8."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch._export.serde.schema import SCHEMA_VERSION
from torch._export.serde.serialize import serialize

from .zoo import noise


class Small(nn.Module):
    """A linear layer with a buffer that changes and one shared weight."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.again = nn.Linear(4, 4, bias=False)
        self.again.weight = self.linear.weight
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return self.again(self.linear(x).relu()) * self.calls + torch.tensor([1.0, 2.0, 3.0, 4.0])


def write_other(folder: Path) -> None:
    """Writes the files into `folder`; `before_2_8.npz` holds input0 f32[2, 4] and output0 f32[2, 4] of three calls."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    network = Small().eval()
    state = network.state_dict()
    torch.save(state, folder / "state_dict.pt")
    torch.save({"model": state, "optimizer": {"lr": 0.1}, "epoch": 3}, folder / "checkpoint.pt")
    torch.save(state, folder / "state_dict_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), folder / "module.pt")
    torch.save(network, folder / "module_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(noise(0, 2, 3), folder / "tensor.pt")
    save_file({name: tensor.clone() for name, tensor in state.items()}, folder / "state_dict.safetensors")
    _write_old_program(network, folder / "before_2_8.pt2")
    arrays: dict[str, np.ndarray] = {}
    for call in range(3):
        prefix = f"call{call}." if call else ""
        x = noise(call, 2, 4)
        arrays[f"{prefix}input0"] = x.numpy()
        with torch.no_grad():
            arrays[f"{prefix}output0"] = network(x).numpy()
    np.savez_compressed(folder / "before_2_8.npz", **arrays)


def _write_old_program(network: nn.Module, path: Path) -> None:
    artifact = serialize(torch.export.export(network, (noise(0, 2, 4),)))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("serialized_exported_program.json", artifact.exported_program)
        archive.writestr("serialized_state_dict.pt", artifact.state_dict)
        archive.writestr("serialized_constants.pt", artifact.constants)
        archive.writestr("serialized_example_inputs.pt", artifact.example_inputs)
        archive.writestr("version", ".".join(str(part) for part in SCHEMA_VERSION))
    loaded = torch.export.load(path).module()
    torch.testing.assert_close(loaded(noise(0, 2, 4)), _fresh(network)(noise(0, 2, 4)))


def _fresh(network: nn.Module) -> nn.Module:
    copy = Small()
    copy.load_state_dict(network.state_dict())
    return copy.eval()

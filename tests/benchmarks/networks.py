"""The networks of the benchmarks, as PyTorch's exporters write them: seeded random weights, real statistics.

    python -m tests.benchmarks.networks OUT_FOLDER [NAME ...]

Needs an environment of its own: ``pip install torch==2.13.0 timm==1.0.31 transformers==5.23.0 onnx onnxscript``, which
may hold torchvision but does not need it. Without names all are made; a file that is there is left as it is.

Names are those of the architectures. ``_train`` is a network with branches in the form it is trained in, its
BatchNorms kept as nodes (the plain name is the form its authors deploy); ``_dynamo`` is from the exporter that goes
through ``torch.export``, all others from the one that traces TorchScript. Batches are of one.
"""

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from .network_modules import Detector, ShuffleNetV2, UNet

OPSET = 17
DYNAMO_OPSET = 18
"""The oldest that this exporter writes without converting."""

SAMPLES = 8
"""Images in the batch that BatchNorm's statistics are taken from."""


@dataclass(frozen=True)
class Network:
    """How a network is made and exported; ``make`` gives it with the inputs that the exporter traces it on."""

    make: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]
    dynamo: bool = False
    keep_batch_norm: bool = False
    input_names: tuple[str, ...] = ("input",)


class Anything:
    """What any name of a missing package gives: a class that can be called and derived from."""

    def __init__(self, *arguments: object, **named: object) -> None:
        pass


class InterpolationMode(Enum):
    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


class EmptyModule(types.ModuleType):
    """A module in which every public name exists."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return InterpolationMode if name == InterpolationMode.__name__ else Anything


class EmptyTorchvision(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty ``torchvision``, whose image transforms timm imports and its networks do not use."""

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return EmptyModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def import_timm() -> types.ModuleType:
    """timm, also where torchvision is missing; other packages do not see the empty one that it gets then."""
    if importlib.util.find_spec("torchvision"):
        return importlib.import_module("timm")
    finder = EmptyTorchvision()
    sys.meta_path.append(finder)
    try:
        return importlib.import_module("timm")
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]


def settle(network: nn.Module, inputs: tuple[Tensor, ...]) -> nn.Module:
    """Gives parameters that begin constant different values, and BatchNorms the statistics of their inputs.

    A bias of zeros, a scale of ones or a layer scale of 1e-6 would let a converter look right that drops it.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                is_layer_scale = "gamma" in name or "layer_scale" in name
                if is_layer_scale:
                    parameter.uniform_(0.3, 0.8, generator=generator)
                elif float(parameter.flatten()[0]) == 1:
                    parameter.uniform_(0.7, 1.3, generator=generator)
                else:
                    parameter.normal_(0, 0.05, generator=generator)
        norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            if norm.affine:
                norm.weight.uniform_(0.7, 1.3, generator=generator)
                norm.bias.normal_(0, 0.1, generator=generator)
            norm.momentum = None
        if norms:
            network.train()
            network(*(torch.randn(SAMPLES, *x.shape[1:], generator=generator) for x in inputs))
    return network.eval()


def from_timm(name: str, size: int = 224, deploy: bool = False) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """``deploy`` merges the branches of a network that is trained with more than it runs with."""
    timm = import_timm()
    torch.manual_seed(0)
    inputs = (torch.randn(1, 3, size, size),)
    network = settle(timm.create_model(name, pretrained=False), inputs)
    if deploy:
        network = importlib.import_module("timm.utils.model").reparameterize_model(network)
    return network, inputs


def own(kind: Callable[[], nn.Module], size: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    inputs = (torch.randn(1, 3, size, size),)
    return settle(kind(), inputs), inputs


class FirstOutput(nn.Module):
    """A transformers network with tensors for arguments, of whose results only the first is kept."""

    def __init__(self, network: nn.Module, *names: str) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.network(**dict(zip(self.names, tensors, strict=True)), return_dict=False)[0]


def bert_tiny() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """BERT with 2 layers of 128: ids and mask i64[1, 128] -> f32[1, 128, 128], 4.4 M weights."""
    transformers = importlib.import_module("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512, attn_implementation="eager"
    )
    inputs = (torch.randint(1, config.vocab_size, (1, 128)), torch.ones(1, 128, dtype=torch.int64))
    inputs[1][:, 100:] = 0
    return settle(FirstOutput(transformers.BertModel(config), "input_ids", "attention_mask"), inputs), inputs


def whisper_encoder() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Whisper-tiny's encoder on ten seconds of sound: f32[1, 80, 1000] -> f32[1, 500, 384], 7.4 M weights."""
    whisper = importlib.import_module("transformers.models.whisper.modeling_whisper")
    torch.manual_seed(0)
    config = whisper.WhisperConfig(
        d_model=384,
        encoder_layers=4,
        encoder_attention_heads=6,
        encoder_ffn_dim=1536,
        max_source_positions=500,
        attn_implementation="eager",
    )
    inputs = (torch.randn(1, 80, 1000),)
    return settle(FirstOutput(whisper.WhisperEncoder(config), "input_features"), inputs), inputs


IDS_AND_MASK = ("input_ids", "attention_mask")

NETWORKS: dict[str, Network] = {
    "mobilenetv2": Network(partial(from_timm, "mobilenetv2_100")),
    "mobilenetv3": Network(partial(from_timm, "mobilenetv3_large_100")),
    "efficientnet_b0": Network(partial(from_timm, "efficientnet_b0")),
    "efficientnet_lite0": Network(partial(from_timm, "efficientnet_lite0")),
    "resnet18": Network(partial(from_timm, "resnet18")),
    "resnet50": Network(partial(from_timm, "resnet50")),
    "repvgg_a0": Network(partial(from_timm, "repvgg_a0", deploy=True)),
    "repvgg_a0_train": Network(partial(from_timm, "repvgg_a0"), keep_batch_norm=True),
    "mobileone_s0": Network(partial(from_timm, "mobileone_s0", deploy=True)),
    "mobileone_s0_train": Network(partial(from_timm, "mobileone_s0"), keep_batch_norm=True),
    "shufflenetv2": Network(partial(own, ShuffleNetV2, 224)),
    "ghostnet": Network(partial(from_timm, "ghostnet_100")),
    "regnety_002": Network(partial(from_timm, "regnety_002")),
    "convnext_atto": Network(partial(from_timm, "convnext_atto")),
    "densenet121": Network(partial(from_timm, "densenet121")),
    "vit_tiny": Network(partial(from_timm, "vit_tiny_patch16_224")),
    "swin_tiny": Network(partial(from_timm, "swin_tiny_patch4_window7_224")),
    "mobilevit_xxs": Network(partial(from_timm, "mobilevit_xxs", 256)),
    "efficientformerv2_s0": Network(partial(from_timm, "efficientformerv2_s0")),
    "fastvit_t8": Network(partial(from_timm, "fastvit_t8", 256, deploy=True)),
    "fastvit_t8_train": Network(partial(from_timm, "fastvit_t8", 256), keep_batch_norm=True),
    "edgenext_xx_small": Network(partial(from_timm, "edgenext_xx_small", 256)),
    "unet": Network(partial(own, UNet, 256)),
    "yolo": Network(partial(own, Detector, 320)),
    "bert_tiny": Network(bert_tiny, input_names=IDS_AND_MASK),
    "whisper_encoder": Network(whisper_encoder),
    "resnet18_dynamo": Network(partial(from_timm, "resnet18"), dynamo=True),
    "mobilenetv3_dynamo": Network(partial(from_timm, "mobilenetv3_large_100"), dynamo=True),
    "convnext_atto_dynamo": Network(partial(from_timm, "convnext_atto"), dynamo=True),
    "vit_tiny_dynamo": Network(partial(from_timm, "vit_tiny_patch16_224"), dynamo=True),
    "swin_tiny_dynamo": Network(partial(from_timm, "swin_tiny_patch4_window7_224"), dynamo=True),
    "bert_tiny_dynamo": Network(bert_tiny, dynamo=True, input_names=IDS_AND_MASK),
}


def export(network: Network, path: Path) -> None:
    """Writes the file whole or not at all."""
    module, inputs = network.make()
    names = list(network.input_names)
    part = path.with_suffix(".part")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if network.dynamo:
            torch.onnx.export(
                module,
                inputs,
                part,
                opset_version=DYNAMO_OPSET,
                input_names=names,
                output_names=["output"],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        else:
            kept = torch.onnx.TrainingMode.PRESERVE if network.keep_batch_norm else torch.onnx.TrainingMode.EVAL
            torch.onnx.export(
                module,
                inputs,
                part,
                opset_version=OPSET,
                input_names=names,
                output_names=["output"],
                dynamo=False,
                training=kept,
                do_constant_folding=not network.keep_batch_norm,
            )
    os.replace(part, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Exports the networks that are asked for and are not there yet."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.networks", description="Export the networks of the benchmarks."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.names) - set(NETWORKS)):
        parser.error(f"unknown: {', '.join(unknown)}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    # Its fused kernel of whole encoder layers has no ONNX form.
    torch.backends.mha.set_fastpath_enabled(False)
    for name in chosen.names or NETWORKS:
        path = chosen.folder / f"{name}.onnx"
        if not path.exists():
            export(NETWORKS[name], path)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()

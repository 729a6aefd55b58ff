"""torchvision's networks: classification, segmentation and detection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from .zoo import COMMON, CORE, EXPORTED, LITE, SCRIPTED, TRACED, Build, Call, Case, image_calls, noise, settle

CLASSIFIERS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("shufflenet_v2_x1_0", 224, (*COMMON, CORE, LITE)),
    ("mobilenet_v2", 224, COMMON),
    ("mobilenet_v3_small", 224, (*COMMON, CORE)),
    ("resnet18", 224, COMMON),
    ("squeezenet1_1", 224, COMMON),
    ("mnasnet0_5", 224, COMMON),
    ("googlenet", 224, COMMON),
    ("efficientnet_v2_s", 128, COMMON),
    ("convnext_tiny", 96, COMMON),
    ("swin_v2_t", 64, COMMON),
    ("swin_t", 64, COMMON),
    ("maxvit_t", 224, (TRACED, EXPORTED)),
    ("alexnet", 224, COMMON),
)
SEGMENTATION = ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", "fcn_resnet50")


class TensorOutput(nn.Module):
    """The result a network keeps under "out"."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)["out"]


class Detections(nn.Module):
    """A detection network on one image, its results as a tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = self.network([image])[0]
        return found["boxes"], found["scores"], found["labels"]


def classifier(name: str, size: int) -> Build:
    """A classification network of torchvision's."""

    def build() -> tuple[nn.Module, list[Call]]:
        options = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
        return settle(getattr(models, name)(weights=None, **options), noise(9, 4, 3, size, size)), image_calls(size)

    return build


def segmentation(name: str, tensor: bool) -> Build:
    """A segmentation network, whose result is a dictionary unless `tensor`."""

    def build() -> tuple[nn.Module, list[Call]]:
        network = getattr(models.segmentation, name)(weights=None, weights_backbone=None, num_classes=5)
        network = settle(network, noise(9, 4, 3, 96, 96))
        return (TensorOutput(network) if tensor else network), image_calls(96)

    return build


def detection(name: str, **options: Any) -> Build:
    """A detection network on one f32[3, 160, 160] image; scripting takes the network itself."""

    def build() -> tuple[nn.Module, list[Call]]:
        make = getattr(models.detection, name)
        network = make(weights=None, weights_backbone=None, num_classes=4, **options)
        settle(network.backbone, noise(9, 2, 3, 160, 160))
        images = [torch.rand(3, 160, 160, generator=torch.Generator().manual_seed(k)) for k in range(2)]
        return Detections(network.eval()), [(image,) for image in images]

    return build


def whole(build: Build) -> Build:
    """The detection network itself, a list of images in and dictionaries out."""

    def unwrapped() -> tuple[nn.Module, list[Call]]:
        network, calls = build()
        return network.network, [([image],) for (image,) in calls]

    return unwrapped


SSD = detection("ssdlite320_mobilenet_v3_large", topk_candidates=50)
FASTER = detection("fasterrcnn_mobilenet_v3_large_320_fpn", min_size=160, max_size=160, rpn_post_nms_top_n_test=20)
RETINA = detection("retinanet_resnet50_fpn", min_size=128, max_size=160, topk_candidates=20, score_thresh=0.002)
FCOS = detection("fcos_resnet50_fpn", min_size=128, max_size=160, topk_candidates=20, score_thresh=0.002)
CASES: list[Case] = [
    *(Case(f"tv_{name}", classifier(name, size), forms) for name, size, forms in CLASSIFIERS),
    *(Case(f"tv_{name}", segmentation(name, True), (*COMMON, CORE)) for name in SEGMENTATION),
    Case("tv_lraspp_dictionary", segmentation(SEGMENTATION[0], False), COMMON),
    *(
        Case(f"tv_{name}{suffix}", change(build), forms)
        for name, build in (("ssdlite", SSD), ("faster_rcnn", FASTER), ("retinanet", RETINA), ("fcos", FCOS))
        for suffix, change, forms in (("", lambda b: b, (TRACED,)), ("_list", whole, (SCRIPTED,)))
    ),
]

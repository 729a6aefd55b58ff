"""Vision networks of timm, at their real width, with seeded weights."""

from __future__ import annotations

from typing import Any

from . import torchvision_ops  # noqa: F401  (timm imports torchvision, which needs them declared)

import timm  # isort: skip
import torch
from torch import nn

from .zoo import COMMON, CORE, FROZEN, LITE, Build, Case, image_calls, noise, settle

# Name, image size, further arguments of timm.create_model.
NAMED: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("resnet18", 224, {}),
    ("mobilenetv2_100", 224, {}),
    ("vit_tiny_patch16_224", 224, {}),
    ("mobilenetv3_large_100", 224, {}),
    ("efficientnet_b0", 224, {}),
    ("resnet50", 224, {}),
    ("repvgg_a0", 224, {}),
    ("mobileone_s0", 224, {}),
    ("ghostnet_100", 224, {}),
    ("regnety_002", 224, {}),
    ("convnext_atto", 224, {}),
    ("densenet121", 224, {}),
    ("deit_tiny_patch16_224", 224, {}),
    ("swin_tiny_patch4_window7_224", 224, {}),
    ("mobilevit_xxs", 256, {}),
    ("fastvit_t8", 256, {}),
    ("edgenext_xx_small", 256, {}),
    ("levit_128s", 224, {}),
    ("mobilevitv2_050", 256, {}),
    ("efficientvit_m0", 224, {}),
    ("poolformer_s12", 224, {}),
    ("mobilenetv4_conv_small", 224, {}),
    ("inception_v3", 299, {}),
    ("vgg11", 224, {}),
    ("xcit_nano_12_p16_224", 224, {}),
    ("mixer_s32_224", 224, {}),
    ("coat_tiny", 224, {}),
    ("efficientformerv2_s0", 224, {}),
    ("hrnet_w18_small", 224, {}),
    ("rexnet_100", 224, {}),
    ("maxvit_nano_rw_256", 256, {}),
    ("dla34", 224, {}),
    ("nf_regnet_b1", 224, {}),
    ("volo_d1_224", 224, {}),
    ("eva02_tiny_patch14_224", 224, {}),
    ("pvt_v2_b0", 224, {}),
    ("res2net50_26w_4s", 224, {}),
    ("hardcorenas_a", 224, {}),
    ("repvit_m0_9", 224, {}),
    ("starnet_s1", 224, {}),
)
# The cases whose program is also decomposed, frozen, saved for the lite interpreter.
DECOMPOSED = {name for name, _, _ in NAMED[::3]} | {"swin_tiny_patch4_window7_224"}
FROZEN_TOO = {"resnet18", "mobilenetv2_100", "vit_tiny_patch16_224", "regnety_002", "levit_128s"}
LITE_TOO = {"resnet18", "mobilenetv3_large_100", "shufflenet_v2_x1_0"}


def named(name: str, size: int, **options: Any) -> Build:
    """One of timm's networks with weights of a fixed seed and settled statistics."""

    def build() -> tuple[nn.Module, list[tuple[torch.Tensor, ...]]]:
        network = timm.create_model(name, pretrained=False, **options)
        return settle(network, noise(9, 4, 3, size, size)), image_calls(size)

    return build


def reparameterized(name: str, size: int) -> Build:
    """The same with its training branches merged."""

    def build() -> tuple[nn.Module, list[tuple[torch.Tensor, ...]]]:
        network, calls = named(name, size)()
        return timm.utils.model.reparameterize_model(network), list(calls)

    return build


def forms(name: str) -> tuple[str, ...]:
    """The forms a named network is saved in."""
    more = ((CORE, DECOMPOSED), (FROZEN, FROZEN_TOO), (LITE, LITE_TOO))
    return COMMON + tuple(form for form, names in more if name in names)


CASES: list[Case] = [Case(name, named(name, size, **options), forms(name)) for name, size, options in NAMED]
CASES += [
    Case("mobileone_s0_merged", reparameterized("mobileone_s0", 224)),
    Case("fastvit_t8_merged", reparameterized("fastvit_t8", 256)),
]

"""Networks that people write themselves: segmentation, super-resolution, style transfer, detection, pose."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.export import Dim

from .zoo import COMMON, CORE, EXPORTED, FROZEN, SCRIPTED, Build, Case, image_calls, noise, settle


def double(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch norms."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def unit(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, SiLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())


class UNet(nn.Module):
    """An encoder and decoder with skip connections, padded to the skips' size."""

    def __init__(self, bilinear: bool = False, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.first = double(3, widths[0])
        self.down = nn.ModuleList([nn.Sequential(nn.MaxPool2d(2), double(a, b)) for a, b in pairs])
        self.up = nn.ModuleList([upsample(a, b, bilinear) for a, b in reversed(pairs)])
        self.join = nn.ModuleList([double(2 * a, a) for a, _ in reversed(pairs)])
        self.out = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        skips = [x]
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        skips.pop()
        for up, join in zip(self.up, self.join):  # noqa: B905  (scripting knows no strict)
            skip = skips.pop()
            x = up(x)
            rows, columns = skip.size(2) - x.size(2), skip.size(3) - x.size(3)
            x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
            x = join(torch.cat([skip, x], dim=1))
        return self.out(x)


def upsample(narrow: int, wide: int, bilinear: bool) -> nn.Module:
    """Twice the size at the narrower width."""
    if not bilinear:
        return nn.ConvTranspose2d(wide, narrow, 2, 2)
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(wide, narrow, 1))


class Pixels(nn.Module):
    """Super-resolution by pixel shuffle over a bicubic image."""

    def __init__(self, ratio: int = 3) -> None:
        super().__init__()
        self.ratio = ratio
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(32, 16, 3, padding=1, padding_mode="reflect"),
            nn.PReLU(16),
            nn.Conv2d(16, ratio * ratio, 3, padding=1, padding_mode="replicate"),
            nn.PixelShuffle(ratio),
        )

    def forward(self, x: Tensor) -> Tensor:
        base = F.interpolate(x, scale_factor=float(self.ratio), mode="bicubic", align_corners=False)
        return torch.clamp(self.body(x) + base, 0, 1)


class Style(nn.Module):
    """Style transfer with instance norms and reflections."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.ReflectionPad2d(4),
            nn.Conv2d(3, 16, 9),
            nn.InstanceNorm2d(16, affine=True),
            nn.ReLU(),
            nn.ZeroPad2d(1),
            nn.Conv2d(16, 32, 3, 2),
            nn.InstanceNorm2d(32, affine=True),
            nn.ReLU(),
        )
        self.middle = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(32, 32, 3),
            nn.InstanceNorm2d(32),
            nn.ReLU(),
            nn.ReplicationPad2d(1),
            nn.Conv2d(32, 32, 3),
            nn.GroupNorm(8, 32),
        )
        self.up = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1),
            nn.InstanceNorm2d(16),
            nn.LeakyReLU(0.2),
            nn.UpsamplingNearest2d(scale_factor=2),
            nn.ReflectionPad2d(4),
            nn.Conv2d(16, 3, 9),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.up(x + self.middle(x))


class Split(nn.Module):
    """A stage whose halves are joined again, with bottlenecks between."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.enter, self.leave = unit(inputs, outputs), unit(3 * half, outputs)
        self.body = nn.ModuleList([nn.Sequential(unit(half, half, 3), unit(half, half, 3))])

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        for layer in self.body:
            parts.append(parts[-1] + layer(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Yolo(nn.Module):
    """A one-stage detector with focus slicing, two scales and box decoding."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.outputs = classes + 5
        self.stem = unit(12, 16, 3)
        self.one = nn.Sequential(unit(16, 32, 3, 2), Split(32, 32))
        self.two = nn.Sequential(unit(32, 64, 3, 2), Split(64, 64))
        self.three = nn.Sequential(unit(64, 96, 3, 2), Split(96, 96))
        self.lateral, self.merge = unit(96, 64), Split(128, 64)
        self.down, self.last = unit(64, 64, 3, 2), Split(160, 96)
        self.heads = nn.ModuleList([nn.Conv2d(64, 3 * self.outputs, 1), nn.Conv2d(96, 3 * self.outputs, 1)])
        sizes = [[[10.0, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]]]
        self.register_buffer("anchors", torch.tensor(sizes))

    def decoded(self, y: Tensor, number: int) -> Tensor:
        n, _, rows, columns = y.shape
        y = y.view(n, 3, self.outputs, rows, columns).permute(0, 1, 3, 4, 2).contiguous()
        at_y, at_x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        grid = torch.stack((at_x, at_y), 2).expand(1, 3, rows, columns, 2).float() - 0.5
        stride = 8.0 * (number + 1)
        y = y.sigmoid()
        center = (y[..., 0:2] * 2 + grid) * stride
        size = (y[..., 2:4] * 2) ** 2 * self.anchors[number].view(1, 3, 1, 1, 2)
        return torch.cat((center, size, y[..., 4:]), 4).view(n, -1, self.outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        one = self.one(self.stem(x))
        two = self.two(one)
        three = self.three(two)
        up = F.interpolate(self.lateral(three), scale_factor=2.0, mode="nearest")
        middle = self.merge(torch.cat([up, two], 1))
        deep = self.last(torch.cat([self.down(middle), three], 1))
        found = []
        for number, head in enumerate(self.heads):
            found.append(self.decoded(head(middle if number == 0 else deep), number))
        return torch.cat(found, 1)


class Pose(nn.Module):
    """Heat maps with their peaks and soft positions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(unit(3, 16, 3, 2), unit(16, 32, 3, 2), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU())
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps = self.head(self.body(x))
        n, k, h, w = maps.shape
        best, index = maps.view(n, k, -1).max(2)
        peaks = torch.stack((index % w, torch.div(index, w, rounding_mode="floor")), -1).float()
        share = maps.view(n, k, -1).softmax(-1).view(n, k, h, w)
        soft_x = (share.sum(2) * torch.arange(w).float()).sum(-1)
        soft_y = (share.sum(3) * torch.arange(h).float()).sum(-1)
        return maps, best, peaks, torch.stack((soft_x, soft_y), -1)


class Warp(nn.Module):
    """A spatial transformer: an affine grid of what the network predicts."""

    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Sequential(nn.Conv2d(3, 8, 7, 2), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(32, 6))
        self.register_buffer("identity", torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, x: Tensor) -> Tensor:
        theta = (self.where(x) * 0.1 + self.identity).view(-1, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


class Volume(nn.Module):
    """A three-dimensional classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(3, 16, 3, padding=1),
            nn.BatchNorm3d(16),
            nn.ReLU(),
            nn.MaxPool3d((1, 2, 2)),
            nn.Conv3d(16, 32, 3, stride=(1, 2, 2), padding=1),
            nn.ELU(),
            nn.AvgPool3d(2),
            nn.AdaptiveAvgPool3d(1),
        )
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).flatten(1))


class Preprocess(nn.Module):
    """Bytes in, normalisation and resizing in the network, classes out."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.body = nn.Sequential(unit(3, 16, 3, 2), unit(16, 32, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(32, 6)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = image.permute(0, 3, 1, 2).float().div_(255)
        x = F.interpolate(x, size=[48, 48], mode="bilinear", align_corners=False, antialias=False)
        x = self.head(self.body((x - self.mean) / self.deviation)).softmax(1)
        return x.max(1).values, x.argmax(1)


def own(make: type[nn.Module], size: int, channels: int = 3, **options: bool) -> Build:
    """One of the networks above on square images."""
    return lambda: (settle(make(**options), noise(9, 4, channels, size, size)), image_calls(size, channels))


def images() -> list[tuple[Tensor]]:
    """Images of bytes u8[1, 60, 80, 3]."""
    return [
        (torch.randint(0, 256, (1, 60, 80, 3), generator=torch.Generator().manual_seed(k)).byte(),) for k in range(2)
    ]


SIDES = {2: 16 * Dim("rows", min=2, max=16), 3: 16 * Dim("columns", min=2, max=16)}
CASES: list[Case] = [
    Case("unet", own(UNet, 96), (*COMMON, CORE, FROZEN)),
    Case("unet_bilinear", own(UNet, 96, bilinear=True), COMMON),
    Case(
        "unet_dynamic",
        lambda: (own(UNet, 96)()[0], image_calls(96, batch=2, count=1) + image_calls((64, 112), count=1)),
        (EXPORTED, SCRIPTED),
        dynamic=({0: Dim("n", min=1, max=4), **SIDES},),
        types={"x": "f32[n, 3, 16*rows, 16*columns]"},
    ),
    Case("espcn", own(Pixels, 32, 1), (*COMMON, CORE)),
    Case("style", own(Style, 64), COMMON),
    Case("yolo", own(Yolo, 128), (*COMMON, CORE)),
    Case("pose", own(Pose, 64), COMMON),
    Case("warp", own(Warp, 32), COMMON),
    Case("volume", lambda: (settle(Volume()), [(noise(k, 1, 3, 8, 32, 32),) for k in range(2)]), (*COMMON, CORE)),
    Case("preprocess", lambda: (settle(Preprocess()), images()), COMMON),
]

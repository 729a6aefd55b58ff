"""Networks that timm and transformers do not hold, in torch: ShuffleNetV2, a U-Net, a detector in YOLO's form.

Needs torch. Written in the way of the published implementations, so that the exporters write the graphs that users
have: channel shuffles by view and transpose, crops by negative pads, boxes decoded from grids made at run time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv_norm(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activation: nn.Module | None = None
) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation] if activation else []))


class ShuffleUnit(nn.Module):
    """Half of the channels through three convolutions, then the halves are shuffled."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.stride = stride
        if stride > 1:
            self.shortcut = nn.Sequential(
                conv_norm(inputs, inputs, 3, stride, inputs), conv_norm(inputs, half, 1, activation=nn.ReLU())
            )
        self.branch = nn.Sequential(
            conv_norm(inputs if stride > 1 else half, half, 1, activation=nn.ReLU()),
            conv_norm(half, half, 3, stride, half),
            conv_norm(half, half, 1, activation=nn.ReLU()),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, changed = x.chunk(2, dim=1)
            x = torch.cat((kept, self.branch(changed)), dim=1)
        else:
            x = torch.cat((self.shortcut(x), self.branch(x)), dim=1)
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width)
        return torch.transpose(x, 1, 2).contiguous().view(batch, -1, height, width)


class ShuffleNetV2(nn.Module):
    """ShuffleNetV2 at width 1 (arXiv:1807.11164): f32[n, 3, 224, 224] -> f32[n, 1000], 2.3 M weights."""

    def __init__(self) -> None:
        super().__init__()
        widths = [24, 116, 232, 464]
        units = []
        for inputs, outputs, repeats in zip(widths, widths[1:], (4, 8, 4), strict=False):
            units.append(ShuffleUnit(inputs, outputs, 2))
            units += [ShuffleUnit(outputs, outputs, 1) for _ in range(repeats - 1)]
        self.stem = conv_norm(3, widths[0], 3, 2, activation=nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.units = nn.Sequential(*units)
        self.head = conv_norm(widths[-1], 1024, 1, activation=nn.ReLU())
        self.classifier = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.units(self.pool(self.stem(x))))
        return self.classifier(x.mean([2, 3]))


class UNet(nn.Module):
    """A U-Net (arXiv:1505.04597) with normalizations that keeps the size: f32[n, 3, h, w] -> f32[n, 2, h, w]."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        self.down = nn.ModuleList(self.pair(i, o) for i, o in zip((3, *widths), widths, strict=False))
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in steps)
        self.up = nn.ModuleList(self.pair(2 * o, o) for _, o in steps)
        self.head = nn.Conv2d(widths[0], 2, 1)

    @staticmethod
    def pair(inputs: int, outputs: int) -> nn.Sequential:
        first = conv_norm(inputs, outputs, 3, activation=nn.ReLU())
        return nn.Sequential(first, conv_norm(outputs, outputs, 3, activation=nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for index, down in enumerate(self.down):
            x = down(x if index == 0 else functional.max_pool2d(x, 2))
            skipped.append(x)
        skipped.pop()
        for enlarge, up in zip(self.enlarge, self.up, strict=True):
            skip = skipped.pop()
            x = enlarge(x)
            rows, columns = skip.size(2) - x.size(2), skip.size(3) - x.size(3)
            x = functional.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
            x = up(torch.cat([skip, x], dim=1))
        return self.head(x)


class SplitStage(nn.Module):
    """A convolution's halves, one through bottlenecks whose every output is kept (C2f of YOLOv8)."""

    def __init__(self, inputs: int, outputs: int, repeats: int, residual: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.residual = residual
        self.enter = conv_norm(inputs, outputs, 1, activation=nn.SiLU())
        self.leave = conv_norm((2 + repeats) * half, outputs, 1, activation=nn.SiLU())
        self.bottlenecks = nn.ModuleList(
            nn.Sequential(
                conv_norm(half, half, 3, activation=nn.SiLU()), conv_norm(half, half, 3, activation=nn.SiLU())
            )
            for _ in range(repeats)
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        for bottleneck in self.bottlenecks:
            y = bottleneck(parts[-1])
            parts.append(parts[-1] + y if self.residual else y)
        return self.leave(torch.cat(parts, 1))


class PoolingPyramid(nn.Module):
    """Three 5 by 5 max poolings one after the other, concatenated (SPPF)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = conv_norm(channels, channels // 2, 1, activation=nn.SiLU())
        self.leave = conv_norm(2 * channels, channels, 1, activation=nn.SiLU())
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        parts += [self.pool(parts[-1])]
        parts += [self.pool(parts[-1])]
        parts += [self.pool(parts[-1])]
        return self.leave(torch.cat(parts, 1))


class DetectionHead(nn.Module):
    """Boxes as expectations over 16 distances to each side, and class scores, of every cell of three grids.

    f32[n, c, h, w] of each grid -> f32[n, 4 + classes, cells], boxes as centre and size in pixels.
    """

    BINS = 16
    STRIDES = (8, 16, 32)

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.boxes = nn.ModuleList(self.branch(width, 64, 4 * self.BINS) for width in widths)
        self.scores = nn.ModuleList(self.branch(width, 80, classes) for width in widths)
        self.expectation = nn.Conv2d(self.BINS, 1, 1, bias=False)
        self.expectation.weight.data = torch.arange(self.BINS, dtype=torch.float).view(1, self.BINS, 1, 1)

    @staticmethod
    def branch(width: int, hidden: int, outputs: int) -> nn.Sequential:
        first = conv_norm(width, hidden, 3, activation=nn.SiLU())
        return nn.Sequential(first, conv_norm(hidden, hidden, 3, activation=nn.SiLU()), nn.Conv2d(hidden, outputs, 1))

    def forward(self, features: list[Tensor]) -> Tensor:
        grids = [torch.cat((b(x), s(x)), 1) for x, b, s in zip(features, self.boxes, self.scores, strict=True)]
        centres, strides = self.centres(grids)
        flat = torch.cat([grid.view(grid.shape[0], 4 * self.BINS + self.classes, -1) for grid in grids], 2)
        boxes, scores = flat.split((4 * self.BINS, self.classes), 1)
        batch, _, cells = boxes.shape
        bins = boxes.view(batch, 4, self.BINS, cells).transpose(2, 1).softmax(1)
        near, far = self.expectation(bins).view(batch, 4, cells).chunk(2, 1)
        first, last = centres.unsqueeze(0) - near, centres.unsqueeze(0) + far
        boxes = torch.cat(((first + last) / 2, last - first), 1) * strides
        return torch.cat((boxes, scores.sigmoid()), 1)

    def centres(self, grids: list[Tensor]) -> tuple[Tensor, Tensor]:
        points, strides = [], []
        for grid, stride in zip(grids, self.STRIDES, strict=True):
            height, width = grid.shape[-2:]
            rows, columns = torch.arange(height, dtype=grid.dtype), torch.arange(width, dtype=grid.dtype)
            y, x = torch.meshgrid(rows + 0.5, columns + 0.5, indexing="ij")
            points.append(torch.stack((x, y), -1).view(-1, 2))
            strides.append(torch.full((height * width, 1), float(stride)))
        return torch.cat(points).transpose(0, 1), torch.cat(strides).transpose(0, 1)


class Detector(nn.Module):
    """A detector in the form of YOLOv8-n: f32[n, 3, 320, 320] -> f32[n, 84, 2100], 3.2 M weights."""

    def __init__(self, classes: int = 80) -> None:
        super().__init__()

        def shrink(inputs: int, outputs: int) -> nn.Sequential:
            return conv_norm(inputs, outputs, 3, 2, activation=nn.SiLU())

        self.fine = nn.Sequential(
            shrink(3, 16),
            shrink(16, 32),
            SplitStage(32, 32, 1, True),
            shrink(32, 64),
            SplitStage(64, 64, 2, True),
        )
        self.middle = nn.Sequential(shrink(64, 128), SplitStage(128, 128, 2, True))
        self.coarse = nn.Sequential(shrink(128, 256), SplitStage(256, 256, 1, True), PoolingPyramid(256))
        self.up_middle, self.up_fine = SplitStage(384, 128, 1, False), SplitStage(192, 64, 1, False)
        self.shrink_fine, self.down_middle = shrink(64, 64), SplitStage(192, 128, 1, False)
        self.shrink_middle, self.down_coarse = shrink(128, 128), SplitStage(384, 256, 1, False)
        self.head = DetectionHead((64, 128, 256), classes)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.up_middle(torch.cat([functional.interpolate(coarse, scale_factor=2.0), middle], 1))
        fine = self.up_fine(torch.cat([functional.interpolate(middle, scale_factor=2.0), fine], 1))
        middle = self.down_middle(torch.cat([self.shrink_fine(fine), middle], 1))
        coarse = self.down_coarse(torch.cat([self.shrink_middle(middle), coarse], 1))
        return self.head([fine, middle, coarse])

"""torchvision's operators in plain torch, for torchvision builds whose compiled part does not match the torch at hand.

Importing this module before torchvision declares the operators of torchvision's schema table that its Python code
mentions; `nms` and `roi_align` also compute.
"""

from __future__ import annotations

import sys

import torch

_BOX = "Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_BACK = "Tensor grad, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_SIZES = "SymInt batch_size, SymInt channels, SymInt height, SymInt width"
_STRIDES = (
    "SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dil_h, SymInt dil_w, SymInt groups, "
    "SymInt offset_groups, bool use_mask"
)
_DEFORM = f"Tensor weight, Tensor offset, Tensor mask, Tensor bias, {_STRIDES}"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "box_iou_rotated(Tensor boxes1, Tensor boxes2) -> Tensor",
    f"roi_align({_BOX}, int sampling_ratio, bool aligned) -> Tensor",
    f"roi_pool({_BOX}) -> (Tensor, Tensor)",
    f"ps_roi_align({_BOX}, int sampling_ratio) -> (Tensor, Tensor)",
    f"ps_roi_pool({_BOX}) -> (Tensor, Tensor)",
    f"deform_conv2d(Tensor input, {_DEFORM}) -> Tensor",
    f"_roi_align_backward({_BACK}, {_SIZES}, int sampling_ratio, bool aligned) -> Tensor",
    f"_roi_pool_backward({_BACK.replace('rois,', 'rois, Tensor argmax,')}, {_SIZES}) -> Tensor",
    f"_ps_roi_align_backward({_BACK.replace('rois,', 'rois, Tensor mapping,')}, int sampling_ratio, {_SIZES})"
    " -> Tensor",
    f"_ps_roi_pool_backward({_BACK.replace('rois,', 'rois, Tensor mapping,')}, {_SIZES}) -> Tensor",
    f"_deform_conv2d_backward(Tensor grad, Tensor input, {_DEFORM}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices i64[kept] of the boxes f32[n, 4] no better box overlaps by more than the threshold, best first."""
    order = scores.argsort(descending=True, stable=True)
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        # An overlap of boxes without area is NaN, and suppresses none.
        order = order[~(_overlap(dets[best], dets[order]) > iou_threshold)]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)


def _overlap(box: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    size = (torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])).clamp(min=0)
    common = size[:, 0] * size[:, 1]
    area = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return common / ((box[2] - box[0]) * (box[3] - box[1]) + area - common)


def roi_align(
    input: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """Mean of bilinear samples in each cell of each region (Mask R-CNN, section 3); a fixed sampling ratio only."""
    if sampling_ratio <= 0:
        raise ValueError("roi_align needs a positive sampling_ratio here")
    shift = 0.5 if aligned else 0.0
    box = rois[:, 1:] * spatial_scale - shift
    size = box[:, 2:] - box[:, :2]
    size = size if aligned else size.clamp(min=1.0)
    columns = _samples(box[:, 0], size[:, 0], pooled_width, sampling_ratio)
    rows = _samples(box[:, 1], size[:, 1], pooled_height, sampling_ratio)
    height, width = input.shape[-2:]
    maps = input[rois[:, 0].long()]
    picked = torch.einsum("nyh,nchw->ncyw", _weights(rows, height), maps)
    picked = torch.einsum("nxw,ncyw->ncyx", _weights(columns, width), picked)
    cells = picked.view(*picked.shape[:2], pooled_height, sampling_ratio, pooled_width, sampling_ratio)
    return cells.mean((3, 5))


def _samples(start: torch.Tensor, length: torch.Tensor, cells: int, ratio: int) -> torch.Tensor:
    steps = (torch.arange(cells * ratio) + 0.5) / (cells * ratio)
    return start[:, None] + length[:, None] * steps


def _weights(at: torch.Tensor, extent: int) -> torch.Tensor:
    inside = (at >= -1) & (at <= extent)
    at = at.clamp(0, extent - 1)
    distance = (at[..., None] - torch.arange(extent)).abs()
    return (1 - distance).clamp(min=0) * inside[..., None]


library = torch.library.Library("torchvision", "DEF")
for _schema in _SCHEMAS:
    library.define(_schema)
library.impl("nms", nms, "CompositeExplicitAutograd")
library.impl("roi_align", roi_align, "CompositeExplicitAutograd")

import torchvision.ops  # noqa: E402, F401


def _has_ops() -> bool:
    return True


# Each module of torchvision's holds its own reference to the test for the compiled part.
for _name, _module in list(sys.modules.items()):
    if _name.startswith("torchvision.") and hasattr(_module, "_has_ops"):
        _module._has_ops = _has_ops

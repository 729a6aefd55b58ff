"""Boxes: crops of images, and the suppression of overlapping ones. Source: `crop_resize`, `non_maximum_suppression`."""

import numpy as np

from .....types import Array
from ..kinds import ProgramError
from .resampling import grid, interpolated

_CORNERS = {
    "CORNERS_HEIGHT_FIRST": (0, 1, 2, 3),
    "CORNERS_WIDTH_FIRST": (1, 0, 3, 2),
    "CENTER_SIZE_HEIGHT_FIRST": (0, 1, 2, 3),
    "CENTER_SIZE_WIDTH_FIRST": (1, 0, 3, 2),
}


def crop_resize(
    x: Array,
    target_height: int,
    target_width: int,
    normalized_coordinates: bool,
    spatial_scale: float,
    box_coordinate_mode: str,
    sampling_mode: str,
    opset: int,
    roi: Array | None = None,
    boxes: Array | None = None,
    box_indices: Array | None = None,
    pad_value: float | None = None,
) -> Array:
    """Patches [N, B or 1, C, h, w] for ``roi`` [N, 1, 4 or 5, 1, 1]; since iOS 17 [N, C, h, w] for ``boxes`` [N, 4].

    Samples outside the image are ``pad_value``, before iOS 16 the nearest pixel.
    """
    if box_coordinate_mode not in _CORNERS or x.ndim != 4:
        raise ProgramError(f"box_coordinate_mode is {box_coordinate_mode!r}, x of shape {list(x.shape)}")
    if boxes is not None:
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ProgramError(f"boxes are of shape {list(boxes.shape)}")
        images = np.arange(len(boxes)) if box_indices is None else box_indices
        coordinates, pairs = boxes, [(box, image) for box, image in enumerate(images.tolist())]
        shape: tuple[int, ...] = (len(boxes),)
    else:
        if roi is None or roi.ndim != 5 or roi.shape[2] not in (4, 5) or roi[0].size != roi.shape[2]:
            raise ProgramError("roi is not of the shape [N, 1, 4 or 5, 1, 1]")
        flat = roi.reshape(len(roi), -1)
        coordinates, indexed = flat[:, -4:], flat.shape[1] == 5
        every = range(x.shape[0])
        pairs = [(box, image) for box in range(len(flat)) for image in ([int(flat[box, 0])] if indexed else every)]
        shape = (len(flat), 1 if indexed else x.shape[0])
    corners = _corners(coordinates, x.shape[2:], normalized_coordinates, spatial_scale, box_coordinate_mode)
    patches = np.empty((len(pairs), x.shape[1], target_height, target_width), np.float32)
    for place, (box, image) in enumerate(pairs):
        if not 0 <= image < x.shape[0]:
            raise ProgramError(f"a box is for image {image} of {x.shape[0]}")
        top, left, bottom, right = corners[box]
        rows = grid(sampling_mode, top, bottom - top + 1, target_height)
        columns = grid(sampling_mode, left, right - left + 1, target_width)
        patches[place] = _patch(x[image], rows, columns, pad_value)
    return patches.reshape(*shape, *patches.shape[1:])


def _corners(boxes: Array, sizes: tuple[int, ...], normalized: bool, spatial_scale: float, mode: str) -> Array:
    """Boxes as (top, left, bottom, right) in pixels."""
    ordered = boxes.astype(np.float64)[:, list(_CORNERS[mode])] * spatial_scale
    if mode.startswith("CENTER"):
        centre, size = ordered[:, :2], ordered[:, 2:]
        ordered = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    return ordered * np.tile([sizes[0] - 1, sizes[1] - 1], 2) if normalized else ordered


def _patch(image: Array, rows: Array, columns: Array, pad_value: float | None) -> Array:
    patch = interpolated(interpolated(image, 1, rows), 2, columns)
    if pad_value is None:
        return patch
    inside = ((rows >= 0) & (rows <= image.shape[1] - 1))[:, None] & (columns >= 0) & (columns <= image.shape[2] - 1)
    return np.where(inside, patch, np.float32(pad_value))


def non_maximum_suppression(
    boxes: Array,
    scores: Array,
    iou_threshold: float,
    max_boxes: int,
    per_class_suppression: bool,
    opset: int,
    score_threshold: float | None = None,
) -> tuple[Array, ...]:
    """Boxes (centre x, centre y, width, height) [N, B, 4] and scores [N, B, K], from iOS 17 on [N, 4, B] and [N, K, B].

    Selected boxes and scores padded with 0, their indices with -1; before iOS 17 also how many are selected. Where no
    score is above the threshold the best box is selected.
    """
    if opset >= 17:
        boxes, scores = np.swapaxes(boxes, 1, 2), np.swapaxes(scores, 1, 2)
    indices = np.full((boxes.shape[0], max_boxes), -1, np.int32)
    kept_boxes = np.zeros((boxes.shape[0], max_boxes, 4), np.float32)
    kept_scores = np.zeros((boxes.shape[0], max_boxes, scores.shape[2]), np.float32)
    counts = np.zeros(boxes.shape[0], np.int32)
    threshold = -np.inf if score_threshold is None else score_threshold
    for n in range(boxes.shape[0]):
        selected = _selected(boxes[n], scores[n], iou_threshold, threshold, max_boxes, per_class_suppression)
        counts[n] = len(selected)
        indices[n, : len(selected)] = selected
        kept_boxes[n, : len(selected)], kept_scores[n, : len(selected)] = boxes[n][selected], scores[n][selected]
    if opset >= 17:
        return np.swapaxes(kept_boxes, 1, 2), np.swapaxes(kept_scores, 1, 2), indices
    return kept_boxes, kept_scores, indices, counts


def _selected(
    boxes: Array, scores: Array, iou_threshold: float, score_threshold: float, max_boxes: int, per_class: bool
) -> list[int]:
    best, classes = np.max(scores, axis=1), np.argmax(scores, axis=1)
    order = np.argsort(-best, kind="stable")
    candidates = order[best[order] > score_threshold]
    if not candidates.size:
        candidates = order[:1]
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    areas = np.prod(boxes[:, 2:], axis=1)
    selected: list[int] = []
    while candidates.size and len(selected) < max_boxes:
        first, rest = int(candidates[0]), candidates[1:]
        selected.append(first)
        sides = np.minimum(high[rest], high[first]) - np.maximum(low[rest], low[first])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        overlap = shared / np.maximum(areas[rest] + areas[first] - shared, 1e-12)
        suppressed = overlap > iou_threshold
        if per_class:
            suppressed &= classes[rest] == classes[first]
        candidates = rest[~suppressed]
    return selected

"""Choosing among boxes that detectors propose."""

import numpy as np

from ...dims import Dim, known_different
from ...ir import Array, Value
from ...opdef import constraint, op
from ...types import DType, TensorType
from ..families import GivesPositions
from ..tensor.binding import shapes_may_agree
from .arrays import widen


@op
class NonMaxSuppression(GivesPositions):
    """The boxes that are left when each suppresses those of lower scores that overlap it too much: (batch, class, box)

    ``boxes`` [B, N, 4] are y1, x1, y2, x2, any two opposite corners, or with ``is_centered`` x, y, width, height of
    their centres; ``scores`` [B, C, N] stand for each class on its own. Of each batch and class the box of the
    highest score, of equals the first, is chosen, and suppresses those whose intersection over union with it is greater
    than ``iou_threshold``; then the next, at most ``limit`` boxes, or all without one, and none whose score is not
    greater than ``score_threshold``, if there is one. The chosen ones stand by batch, class, and descending score.
    ``count`` is their number, a symbol of its own (ONNX NonMaxSuppression).

    ```
    %y = nn.non_max_suppression(%b: f32[1, 7, 4], %s: f32[1, 2, 7], %k: i64[], %o: f32[], none)
        {count = u0} : i64[u0, 3]
    ```
    """

    boxes: Value
    scores: Value
    limit: Value | None
    iou_threshold: Value
    score_threshold: Value | None
    count: Dim
    is_centered: bool = False
    index_dtype: DType = DType.I64

    @constraint
    def dtypes_agree(self) -> bool:
        """boxes, scores and thresholds have the same float dtype"""
        floats = (self.boxes, self.scores, self.iou_threshold, self.score_threshold)
        dtype = self.boxes.type.dtype
        return dtype.is_float and all(v is None or v.type.dtype is dtype for v in floats)

    @constraint
    def shapes_agree(self) -> bool:
        """boxes are [B, N, 4] and scores [B, C, N]"""
        if self.boxes.type.rank != 3 or self.scores.type.rank != 3:
            return False
        (batch, boxes, columns), (rows, _, scores) = self.boxes.type.shape, self.scores.type.shape
        return not known_different(columns, 4) and shapes_may_agree((batch, boxes), (rows, scores))

    @constraint
    def bounds_are_scalars(self) -> bool:
        """the limit is a scalar i32 or i64, the thresholds are scalars"""
        bounds = (self.limit, self.iou_threshold, self.score_threshold)
        is_integer = self.limit is None or self.limit.type.dtype in (DType.I32, DType.I64)
        return is_integer and all(v is None or v.type.rank == 0 for v in bounds)

    def infer(self) -> TensorType:
        return TensorType(self.index_dtype, (self.count, 3))

    def evaluate(
        self, boxes: Array, scores: Array, limit: Array | None, iou_threshold: Array, score_threshold: Array | None
    ) -> Array:
        corners = _corners(widen(boxes), self.is_centered)
        most = boxes.shape[1] if limit is None else int(limit)
        lowest = None if score_threshold is None else score_threshold.item()
        chosen = [
            (*place, box)
            for place in np.ndindex(*scores.shape[:2])
            for box in _chosen(corners[place[0]], scores[place], most, iou_threshold, lowest)
        ]
        return np.array(chosen, self.index_dtype.numpy).reshape(-1, 3)


def _corners(boxes: Array, is_centered: bool) -> Array:
    """y1, x1, y2, x2 in order, [B, N, 4]."""
    if is_centered:
        x, y, width, height = np.moveaxis(boxes, -1, 0)
        sides = (y - height / 2, x - width / 2, y + height / 2, x + width / 2)
    else:
        first, second = boxes[..., :2], boxes[..., 2:]
        sides = (*np.moveaxis(np.minimum(first, second), -1, 0), *np.moveaxis(np.maximum(first, second), -1, 0))
    return np.stack(sides, axis=-1)


def _chosen(corners: Array, scores: Array, most: int, iou_threshold: Array, lowest: float | None) -> list[int]:
    """The boxes chosen in one batch and class, those of higher scores first."""
    order = np.argsort(-scores, kind="stable")
    waiting = [int(i) for i in order if lowest is None or scores[i] > lowest]
    chosen: list[int] = []
    while waiting and len(chosen) < most:
        best, *others = waiting
        chosen.append(best)
        overlaps = _overlaps(corners[best], corners[others])
        waiting = [box for box, overlap in zip(others, overlaps, strict=True) if not overlap > iou_threshold]
    return chosen


def _overlaps(box: Array, others: Array) -> Array:
    """Intersection over union of a box [4] with others [K, 4]; nothing of an empty one."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    inner = np.maximum(sides, 0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    with np.errstate(all="ignore"):
        return np.asarray(inner / ((box[2:] - box[:2]).prod() + areas - inner))

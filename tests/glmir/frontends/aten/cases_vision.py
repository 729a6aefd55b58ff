"""Cases of vision.py. They are recorded where torchvision is installed."""

from typing import Any

from .cases import A, Case, Operations, T, program

_REGIONS = [[0.0, 0.5, 0.5, 6.0, 4.0], [1.0, -3.0, 2.0, 3.0, 9.0], [0.0, 2.0, 2.0, 2.2, 2.1]]


def _nms(ops: Operations, corners: Any, sizes: Any, scores: Any) -> Any:
    boxes = ops.cat([corners, ops.add(corners, sizes)], 1)
    return [ops["torchvision::nms"](boxes, scores, threshold) for threshold in (0.1, 0.3, 0.7)]


CASES = [
    program("nms", _nms, T(12, 2), T(12, 2, low=1), T(12)),
    program("nms of symbolic boxes", _nms, T("n=9", 2), T("n=9", 2, low=1), T("n=9")),
    program("nms of equal scores", _nms, T(5, 2), T(5, 2, low=1), A([0.5, 0.7, 0.5, 0.7, 0.5])),
    *(
        Case("torchvision::roi_align", T(2, 3, 6, 7), A(_REGIONS), scale, 2, 3, ratio, aligned)
        for scale, ratio, aligned in ((1.0, 2, False), (0.5, 3, True))
    ),
    Case("torchvision::roi_align", T("n=2", 3, "h=6", 7), A(_REGIONS), 1.0, 2, 2, 2, True),
    Case("torchvision::roi_pool", T(2, 3, 6, 7), A(_REGIONS), 1.0, 2, 2).refused("not supported"),
    *(
        Case(
            "torchvision::deform_conv2d",
            T("n=2", 4, 5, 6),
            T(6, 4 // groups, 3, 3),
            T("n=2", shared * 18, 3, 3),
            T("n=2", shared * 9, 3, 3),
            T(6),
            *(2, 2, 1, 1, 1, 1),
            groups,
            shared,
            use_mask,
        ).within("f32-sums")
        for groups, shared, use_mask in ((1, 1, True), (2, 2, False), (1, 4, True))
    ),
]

"""Regions of interest that take as many samples as their bins have elements, for which there is no recording."""

import numpy as np

from tests.tolerances import assert_close

from .cases import A, Case, T
from .test_ops import Building


def test_a_ratio_of_none_is_that_of_the_bins() -> None:
    regions = A([[0.0, 0.5, 0.5, 4.2, 3.9], [1.0, -1.0, 2.0, 3.0, 5.5]])
    arguments = T("n=2", 3, 6, 7), regions, 1.0, 2, 2

    def pooled(ratio: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        (result,) = Building(Case("torchvision::roi_align", *arguments, ratio, True)).outputs()
        return result

    # All bins are longer than one element and no longer than two.
    assert_close(pooled(-1), pooled(2), "f32-sums", "regions")

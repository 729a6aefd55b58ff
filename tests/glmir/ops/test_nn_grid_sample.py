"""nn.grid_sample: what it computes, and what it is lowered to."""

from itertools import product

import numpy as np
import pytest

from glmir.interpreter import run
from glmir.ir import Array, Op, Value
from glmir.opdef import ConstraintError
from glmir.ops import nn
from glmir.ops.enums import Layout, ResizeMode, SamplePadding
from glmir.passes.lowering import grid_sampling
from glmir.rewriter import RuleSet, apply_rules
from glmir.types import DType
from tests.backends.building import argument, module_of
from tests.tolerances import assert_close

IMAGE = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
MODES, PADDINGS = tuple(ResizeMode), tuple(SamplePadding)


def sample(positions: list[tuple[float, float]], mode: str, padding: str, align_corners: bool = True) -> list[float]:
    """The image's elements at (across, down)."""
    grid = np.array([[positions]], np.float32)
    op = nn.GridSample(
        argument(1, 1, 3, 4), argument(*grid.shape), ResizeMode(mode), SamplePadding(padding), align_corners
    )
    elements: list[float] = run(module_of(op), {"x0": IMAGE, "x1": grid})["y0"].ravel().tolist()
    return elements


def test_corners() -> None:
    assert sample([(-1, -1), (1, -1), (1, 1), (0, 0)], "linear", "zeros") == [0, 3, 11, 5.5]
    # The outer edges are half an element away from the centres.
    assert sample([(-1, -1), (1, 1)], "linear", "zeros", align_corners=False) == [0, 11 / 4]
    assert sample([(-0.75, -2 / 3)], "linear", "zeros", align_corners=False) == pytest.approx([0], abs=1e-6)


def test_what_lies_outside() -> None:
    beside = [(-1 - 2 / 3, -1), (1 + 4 / 3, 1)]
    assert sample(beside, "nearest", "zeros") == [0, 0]
    assert sample(beside, "nearest", "border") == [0, 11]
    assert sample(beside, "nearest", "reflection") == [1, 9]
    assert sample(beside, "nearest", "reflection", align_corners=False) == [1, 9]
    assert sample([(1e30, 0), (-1e30, 0)], "linear", "border") == [7, 4]


def test_the_nearest_of_two_is_even() -> None:
    assert sample([(-1 + 1 / 3, -1), (0, -1), (1 - 1 / 3, -1)], "nearest", "border") == [0, 2, 2]


def test_no_number_anywhere_else() -> None:
    found = sample([(np.nan, 0), (0, 0)], "linear", "border")
    assert np.isnan(found[0]) and found[1] == 5.5


@pytest.mark.parametrize(("mode", "padding"), list(product(MODES, PADDINGS)), ids=lambda v: v.value)
@pytest.mark.parametrize("layout", Layout, ids=lambda v: v.value)
def test_lowered(mode: ResizeMode, padding: SamplePadding, layout: Layout) -> None:
    image = (2, 3, 4, 5) if layout is Layout.NCHW else (2, 4, 5, 3)
    for align_corners, dtype in product((False, True), (DType.F32, DType.F16)):
        op = nn.GridSample(argument(*image, dtype=dtype), argument(2, 3, 6, 2), mode, padding, align_corners, layout)
        check_lowered(op, grid_sampling.RULES, "f16" if dtype is DType.F16 else "f32-sums")


def test_of_volumes() -> None:
    op = nn.GridSample(argument("n", 2, "d", 4, 5), argument("n", 2, 3, 2, 3), ResizeMode.LINEAR, SamplePadding.ZEROS)
    check_lowered(op, grid_sampling.RULES, "f32-sums", {"n": 2, "d": 3})


@pytest.mark.parametrize("padding", (SamplePadding.BORDER, SamplePadding.REFLECTION), ids=lambda v: v.value)
@pytest.mark.parametrize("align_corners", (False, True))
def test_grids_brought_inside(padding: SamplePadding, align_corners: bool) -> None:
    for rule in (grid_sampling.grid_within_image, grid_sampling.grid_between_centres):
        rules = RuleSet()
        rules.on(nn.GridSample)(rule)
        grid = argument(2, 3, 6, 2)
        op = nn.GridSample(argument(2, 3, 4, 5), grid, ResizeMode.LINEAR, padding, align_corners)
        check_lowered(op, rules, "f32-sums")


def check_lowered(op: Op, rules: RuleSet, tolerance: str, sizes: dict[str, int] | None = None) -> None:
    module, generator = module_of(op), np.random.default_rng(2)

    def array(value: Value) -> Array:
        shape = [d if isinstance(d, int) else (sizes or {})[str(d)] for d in value.type.shape]
        return generator.uniform(-1.6, 1.6, shape).astype(value.type.dtype.numpy)

    inputs = {v.name: array(v) for v in module.main.inputs}
    expected = run(module, inputs)["y0"]
    assert apply_rules(module, rules)
    assert_close(run(module, inputs)["y0"], expected, tolerance)


def test_constraints() -> None:
    with pytest.raises(ConstraintError, match="a position for each spatial axis"):
        nn.GridSample(argument(1, 3, 4, 5), argument(1, 2, 2, 3), ResizeMode.LINEAR, SamplePadding.ZEROS)
    with pytest.raises(ConstraintError, match="so is what is interpolated"):
        image = argument(1, 3, 4, 5, dtype=DType.I32)
        nn.GridSample(image, argument(1, 2, 2, 2), ResizeMode.LINEAR, SamplePadding.ZEROS)

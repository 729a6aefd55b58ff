"""spec/quantization.md names every recipe and every option."""

from pathlib import Path

import pytest

from glmir.driver.quantization.recipe import RECIPES, recipe_options
from glmir.passes.quantization.calibrators import Calibrator

PAGE = (Path(__file__).parents[4] / "spec" / "quantization.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_and_options(name: str) -> None:
    assert f"| `{name}` |" in PAGE
    for option in recipe_options(RECIPES[name]):
        assert f"`{option}`" in PAGE, option


@pytest.mark.parametrize("calibrator", Calibrator)
def test_calibrators(calibrator: Calibrator) -> None:
    assert f"`{calibrator.value}`" in PAGE

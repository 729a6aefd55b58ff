"""pipelines.py: what runs at which level."""

import pytest

from glmir.backends.target import TARGETS, load_target
from glmir.passes import pipelines
from glmir.passes.pipelines import OptLevel


@pytest.mark.parametrize("name", TARGETS)
def test_the_targets_own_optimisations_are_left_to_the_levels_that_optimise(name: str) -> None:
    target = load_target(name)

    def own(level: OptLevel) -> list[str]:
        lowered = pipelines.lower(target.legalize, target.spatial_layout, level)
        return [instance.name for instance in target.legalize if instance in lowered]

    needed = [instance.name for instance in target.legalize if instance.pass_.is_needed]
    assert own(OptLevel.O0) == own(OptLevel.O1) == needed
    assert own(OptLevel.O2) == [instance.name for instance in target.legalize]
    assert any(name.startswith("legalize") for name in needed)


def test_gathers_and_recurrent_layers_are_optimisations() -> None:
    optional = {i.name for i in load_target("onnx").legalize if not i.pass_.is_needed}
    assert {"gather-rows", "recognize-recurrent", "combine-onnx"} <= optional

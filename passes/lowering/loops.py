"""All layers that targets without them run as loops."""

from collections.abc import Callable

from ...ir import Module, Op
from .box_loops import loops_of_box_choices
from .recurrent_loops import loops_of_recurrent_layers


def loops_of_layers(module: Module, is_legal: Callable[[Op], bool]) -> bool:
    """Replaces the layers that are not legal by loops; returns whether there were any."""
    changed = loops_of_recurrent_layers(module, is_legal)
    return loops_of_box_choices(module, is_legal) or changed

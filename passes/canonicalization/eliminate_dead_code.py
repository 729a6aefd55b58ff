"""eliminate-dead-code: ops whose results nothing uses go."""

from ...ir import Module
from ...pass_manager import module_pass


@module_pass()
def eliminate_dead_code(module: Module) -> bool:
    """Erases ops without an effect whose results are not used."""
    changed = False
    for function in module.functions.values():
        # From the end: when an op goes, its operands' ops come next.
        for op in reversed(function.ops):
            if not op.has_uses and not op.has_effect:
                op.erase()
                changed = True
    return changed

"""eliminate-dead-code: ops whose results nothing uses go, and so do functions that nothing calls."""

from ...call_graph import reachable
from ...dead_code import is_dead
from ...ir import Module
from ...pass_manager import module_pass


@module_pass(needed=True)
def eliminate_dead_code(module: Module) -> bool:
    """Erases ops without an effect whose results are not used, and functions that ``main`` does not come to call."""
    changed = False
    for function in module.functions.values():
        # From the end: when an op goes, its operands' ops come next.
        for op in reversed(function.ops):
            if is_dead(op):
                op.erase()
                changed = True
    return _drop_uncalled_functions(module) or changed


def _drop_uncalled_functions(module: Module) -> bool:
    if "main" not in module.functions:
        return False
    called = {function.name for function in reachable(module, module.main)}
    uncalled = [name for name in module.functions if name not in called]
    for name in uncalled:
        del module.functions[name]
    return bool(uncalled)

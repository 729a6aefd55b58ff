"""eliminate-dead-code: ops whose results nothing uses go, and so do functions that nothing calls."""

from ...call_graph import reachable
from ...dead_code import erase_dead_ops
from ...ir import Module
from ...pass_manager import module_pass


@module_pass(needed=True)
def eliminate_dead_code(module: Module) -> bool:
    """Erases ops without an effect whose results are not used, and functions that ``main`` does not come to call."""
    changed = [erase_dead_ops(function) for function in module.functions.values()]
    return _drop_uncalled_functions(module) or any(changed)


def _drop_uncalled_functions(module: Module) -> bool:
    if "main" not in module.functions:
        return False
    called = {function.name for function in reachable(module, module.main)}
    uncalled = [name for name in module.functions if name not in called]
    for name in uncalled:
        del module.functions[name]
    return bool(uncalled)

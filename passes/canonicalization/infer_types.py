"""infer-types: every type follows from the inputs' types again."""

from ...call_graph import callers_first, calls_of
from ...dims import Dim, free_symbols, known_different
from ...errors import CompileError
from ...ir import Function, Module, Op, Value
from ...opdef import ConstraintError
from ...pass_manager import module_pass
from ...types import TensorType
from ..substitution import lone_symbol, substitute_symbols


@module_pass(needed=True)
def infer_types(module: Module) -> bool:
    """Infers all types anew, in order, after types of inputs were made more precise.

    Where the declared and the inferred type differ the more precise dims win; quantization is kept. Raises CompileError
    with every contradiction.
    """
    reasons: list[str] = []
    changed = []
    # A caller first: what it passes tells the types of the inputs of what it calls.
    for function in callers_first(module):
        changed.append(_infer_function(function, reasons))
        changed.append(_pass_sizes_on(function, module))
    if reasons:
        raise CompileError(reasons)
    return any(changed)


def _infer_function(function: Function, reasons: list[str]) -> bool:
    changed = False
    bound = frozenset(function.symbols)
    for op in function.ops:
        try:
            op.definition.check(op)
            inferred = op.infer()
        except ConstraintError as error:
            reasons.append(f"{_describe(op)}: {error}")
            continue
        types = (inferred,) if isinstance(inferred, TensorType) else inferred
        for result, type_ in zip(op.results, types, strict=True):
            if result.type.dtype is not type_.dtype or not _dims_agree(result.type, type_):
                reasons.append(f"{_describe(op)}: its result is declared {result.type}, but its operands give {type_}")
                continue
            changed |= _refine(result, type_, bound)
    return changed


def _pass_sizes_on(function: Function, module: Module) -> bool:
    """Replaces the symbols of the functions that ``function`` calls by the numbers that it passes for them."""
    changed = False
    for _, call in calls_of(function):
        callee = module.functions.get(call.function)
        if callee is None:
            continue
        sizes = {
            name: size
            for value, type_ in zip(callee.inputs, call.inputs, strict=False)
            for dim, size in zip(value.type.shape, type_.shape, strict=False)
            if isinstance(size, int) and (name := lone_symbol(dim)) is not None
        }
        if sizes:
            substitute_symbols(callee, sizes)
            changed = True
    return changed


def _dims_agree(a: TensorType, b: TensorType) -> bool:
    return a.rank == b.rank and not any(known_different(x, y) for x, y in zip(a.shape, b.shape, strict=True))


def _refine(result: Value, inferred: TensorType, bound: frozenset[str]) -> bool:
    """Gives ``result`` the more precise dims; returns whether that changed its type."""
    dims = zip(result.type.shape, inferred.shape, strict=True)
    refined = result.type.with_shape([_more_precise(old, new, bound) for old, new in dims])
    if refined == result.type:
        return False
    result.type = refined
    return True


def _more_precise(declared: Dim, inferred: Dim, bound: frozenset[str]) -> Dim:
    """A number says more than symbols, symbols that the inputs bind more than others; else the operands are right."""
    if isinstance(declared, int) or isinstance(inferred, int):
        return declared if isinstance(declared, int) else inferred
    if bound.issuperset(free_symbols(declared)) and not bound.issuperset(free_symbols(inferred)):
        return declared
    return inferred


def _describe(op: Op) -> str:
    if op.location:
        return f"node {', '.join(op.location)}"
    names = [r.name for r in op.results if r.name]
    return f"{op.definition.name} %{names[0]}" if names else op.definition.name

"""Property: random modules as branches compute the same before and after."""

import random

import numpy as np
import pytest

from glmir.attributes import FunctionRef
from glmir.cloning import clone_function
from glmir.interpreter import run
from glmir.ir import Function, Module, Value
from glmir.ops import control, math
from glmir.passes.canonicalization.simplify_control_flow import simplify_control_flow
from glmir.rewriter import insert_new_ops
from glmir.types import DType, TensorType
from glmir.verifier import verify
from tests.random_graphs import random_module
from tests.tolerances import assert_close


@pytest.mark.parametrize("seed", range(20))
def test_random_branches_compute_the_same(seed: int) -> None:
    module, inputs = branching(seed)
    verify(module)
    for go in (True, False):
        given = {**inputs, "go": np.array(go)}
        expected = run(module, given)
        simplified = module.clone()
        simplify_control_flow.function(simplified)
        verify(simplified)
        for name, array in run(simplified, given).items():
            assert_close(np.asarray(array), expected[name], "f32-sums" if array.dtype.kind == "f" else "exact", name)


def branching(seed: int) -> tuple[Module, dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"]]:
    """A random module, or the same with its floats negated; some of what it gives is not used."""
    generator = random.Random(seed)
    module, inputs = random_module(seed, 5)
    branches = {}
    for name in ("then", "else"):
        branches[name] = branch = clone_function(module.main)
        branch.name = name
        if name == "else" and generator.random() < 0.7:
            outputs = [math.Neg(v).result if v.type.dtype.is_float else v for v in branch.outputs]
            insert_new_ops(outputs, branch.ops.append)
            branch.set_outputs(outputs, branch.output_names)
    given = [Value(v.type, v.name) for v in module.main.inputs]
    go = Value(TensorType(DType.BOOL, ()), "go")
    types = tuple(v.type for v in module.main.outputs)
    op = control.If(go, tuple(given), FunctionRef("then"), FunctionRef("else"), types)
    main = Function("main", [*given, go])
    main.ops.append(op)
    kept = [i for i in range(len(types)) if generator.random() < 0.8] or [0]
    main.set_outputs([op.results[i] for i in kept], [module.main.output_names[i] for i in kept])
    return Module([main, *branches.values()]), inputs

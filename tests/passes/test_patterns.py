"""Every level of optimisation keeps what random chains of idioms compute.

The idioms are the spellings that fusions look for, with what makes a near miss of a pattern: other numbers, constants
with more axes, swapped operands, integers, values that something else uses or that are outputs, and symbols that are 1
when the module runs. ``GLMIR_RANDOM_EXAMPLES`` sets how many modules are tried.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmir.interpreter import run
from glmir.ops.enums import Layout
from glmir.pass_manager import PassManager, Pipeline
from glmir.passes.pipelines import OptLevel, lower, optimize
from glmir.printer import print_module
from glmir.verifier import verify
from tests.passes.idioms import random_module
from tests.tolerances import assert_close

LAYOUTS = (Layout.NCHW, Layout.NHWC)
EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "150"))


def pipeline(level: OptLevel, seed: int) -> Pipeline:
    """What targets run, up to their own rules; in one layout or the other."""
    return (*optimize(level), *lower((), LAYOUTS[seed % 2], level))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_optimising_keeps_what_idioms_compute(seed: int, idioms: int) -> None:
    module, inputs = random_module(seed, idioms)
    expected = run(module, inputs)
    for level in OptLevel:
        optimised = module.clone()
        try:
            PassManager(pipeline(level, seed)).run(optimised)
            verify(optimised)
            actual = run(optimised, inputs)
            for output, array in expected.items():
                assert_close(actual[output], array, "random", f"{output} after -O{level.value}")
        except Exception as error:
            error.add_note(f"-O{level.value} made of\n{print_module(module)}\nthis:\n{print_module(optimised)}")
            raise

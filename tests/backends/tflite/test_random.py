"""Property: what is compiled to TFLite computes in LiteRT what the interpreter computes, for random typed modules."""

import os
from collections import Counter

from hypothesis import HealthCheck, event, given, note, settings

import glmir
from glmir import interpreter
from glmir.errors import CompileError
from glmir.ir import Array, Module
from glmir.printer import print_module
from tests.random_graphs import modules
from tests.tolerances import assert_close

from .harness import WORKER

EXAMPLES = int(os.environ.get("GLMIR_RANDOM_EXAMPLES", "150"))
"""How many modules a run tries; set the variable for a longer search."""

# A module of many ops is refused when one of them is: short ones reach LiteRT more often.
LARGEST = 8


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(modules(LARGEST))
def _litert_equals_interpreter(outcomes: Counter[str], case: tuple[Module, dict[str, Array]]) -> None:
    module, inputs = case

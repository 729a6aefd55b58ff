"""Every golden file of the legalisation for TFLite, and that each of its rules has a case."""

from pathlib import Path

import pytest

from glmir.backends.tflite import legalize_quantization, legalize_weights, shared_memory
from glmir.backends.tflite.legalize import RULES
from glmir.passes.lowering.rank import rank_rules
from tests.golden import check_golden, golden_files, golden_id, run_passes

FILES = golden_files(HERE := Path(__file__).parent / "golden")

FOR_OTHER_TARGETS = frozenset(("gelu_as_product", "hard_swish_as_product", "leaky_relu_as_select", "neg_as_difference"))
"""Shared rules on ops of which TFLite has kernels for all dtypes that are left when the rules are tried."""


@pytest.mark.parametrize("path", FILES, ids=golden_id(HERE))
def test_golden_file(path: Path, update_golden: bool) -> None:
    check_golden(path, update_golden)


def test_every_rule_fires_in_a_golden_file() -> None:
    fired = {rule for path in FILES for rule in run_passes(path)[2].fired}
    # Those for tensors of many axes have tests of their own, in tests/passes/lowering/test_rank.py.
    rules = RULES.rules + legalize_quantization.RULES.rules + legalize_weights.RULES.rules + shared_memory.RULES.rules
    missing = {rule.name for rule in rules} - {rule.name for rule in rank_rules(5).rules} - fired
    assert missing == FOR_OTHER_TARGETS, f"no golden file shows what these do: {sorted(missing - FOR_OTHER_TARGETS)}"

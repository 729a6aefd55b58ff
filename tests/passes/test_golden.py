"""Every golden file under tests/passes, and that every rule of every pass has one."""

import sys
from pathlib import Path

import pytest

from glmir.passes import PASSES
from glmir.rewriter import RuleSet
from tests.golden import check_golden, golden_files, golden_id, run_passes

HERE = Path(__file__).parent
FILES = golden_files(HERE)
RULES = [
    rule
    for pass_ in PASSES
    if isinstance(rules := getattr(sys.modules[pass_.function.__module__], "RULES", None), RuleSet)
    for rule in rules.rules
]
"""The rules of all passes: a module that has some calls them RULES. Each target shows those of its legalisation."""


@pytest.mark.parametrize("path", FILES, ids=golden_id(HERE))
def test_golden_file(path: Path, update_golden: bool) -> None:
    check_golden(path, update_golden)


def test_every_rule_fires_in_a_golden_file() -> None:
    fired = {rule for path in FILES for rule in run_passes(path)[2].fired}
    missing = [rule.name for rule in RULES if rule.name not in fired]
    assert RULES and not missing, f"no golden file shows what these rules do: {', '.join(missing)}"


def test_rules_have_names_of_their_own() -> None:
    """``--disable-rule`` and golden files know rules by name."""
    functions = {(rule.name, rule.apply) for rule in RULES}
    assert len(functions) == len({name for name, _ in functions})

"""Every golden file under tests/passes, and that every rule of every pass has one."""

from pathlib import Path

import pytest

from glmir.passes.canonicalization import canonicalize, reassociate
from glmir.passes.fusion import (
    fold_batch_norm,
    fuse_activations,
    fuse_linear,
    fuse_normalizations,
    fuse_padding,
    recognize_activations,
)
from tests.golden import check_golden, golden_files, golden_id, run_passes

HERE = Path(__file__).parent
FILES = golden_files(HERE)
RULE_SETS = [
    module.RULES
    for module in (
        canonicalize,
        reassociate,
        recognize_activations,
        fuse_normalizations,
        fuse_padding,
        fuse_linear,
        fold_batch_norm,
        fuse_activations,
    )
]


@pytest.mark.parametrize("path", FILES, ids=golden_id(HERE))
def test_golden_file(path: Path, update_golden: bool) -> None:
    check_golden(path, update_golden)


def test_every_rule_fires_in_a_golden_file() -> None:
    fired = {rule for path in FILES for rule in run_passes(path)[2].fired}
    missing = [rule.name for rules in RULE_SETS for rule in rules.rules if rule.name not in fired]
    assert not missing, f"no golden file shows what these rules do: {', '.join(missing)}"

"""The cases of the newest onnx package on every target: each is computed right, or is left out for a reason.

It takes minutes: with --all-cases.
"""

import pytest

from tests.conformance import newest
from tests.conformance.checking import INTERPRETER, failure_of
from tests.conformance.left_out import ALL, left_out_of_newest

PARTS = 4


@pytest.mark.parametrize("index", range(PARTS))
@pytest.mark.parametrize("target", [*ALL, INTERPRETER])
def test_cases_are_right_or_left_out(target: str, index: int, pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--all-cases"):
        pytest.skip("takes a minute: with --all-cases")
    cases = newest.cases()[index::PARTS]
    failures = {case.name: why for case in cases if (why := failure_of(case, target)) is not None}
    expected = left_out_of_newest(target, list(failures))
    assert {name: why for name, why in failures.items() if name not in expected} == {}

"""The standard's backend tests on every target: each case is computed right, or left out for a reason (left_out.py).

Each target runs a part of the cases, with --all-cases all of them. ``python -m tests.conformance`` prints what fails.
"""

import pytest

from tests.conformance import page
from tests.conformance.checking import INTERPRETER, failure
from tests.conformance.left_out import ALL, LEFT_OUT, left_out
from tests.conformance.standard import case_names, part

PARTS = 24
"""Alike parts of the cases, of which a run without --all-cases takes one for each target."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "index" in metafunc.fixturenames:
        has_all = metafunc.config.getoption("--all-cases")
        rows = [
            (target, index)
            for own, target in enumerate((*ALL, INTERPRETER))
            for index in (range(PARTS) if has_all else (own,))
        ]
        metafunc.parametrize(("target", "index"), rows)


def test_cases_are_right_or_left_out(target: str, index: int) -> None:
    names = part(case_names(), index, PARTS)
    expected = left_out(target, names)
    failures = {name: why for name in names if (why := failure(name, target)) is not None}
    assert {name: why for name, why in failures.items() if name not in expected} == {}
    assert sorted(expected.keys() - failures.keys()) == [], "left out, but computed right"


def test_nothing_is_left_out_twice_or_in_vain() -> None:
    names = case_names()
    for target in ALL:
        rows = [set(row.names(names)) for row in LEFT_OUT if target in row.targets]
        assert all(rows)
        assert len(set().union(*rows)) == sum(map(len, rows))


def test_the_page_is_up_to_date() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.render()

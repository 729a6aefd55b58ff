"""Options of the test suite."""

import os

import pytest

# Before anything imports numpy. The tests take all cores: threads of each of them would spin, waiting for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite what the *.glir golden files expect to what comes out now; read the diff before you commit it",
    )
    parser.addoption(
        "--all-cases",
        action="store_true",
        help="run every case of large collections on every target; without it each target runs a part of its own",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Begins anew in each test: what it draws does not depend on the tests before it."""
    return np.random.default_rng(7)

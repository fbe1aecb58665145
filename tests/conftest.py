"""What all tests share: the same jitter in every run, and that nothing secret is shown in any of them."""

import random

import pytest
from leak_watch import no_leak  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def _same_jitter():
    random.seed(20)

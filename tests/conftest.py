"""What all tests share: the same jitter in every run."""

import random

import pytest


@pytest.fixture(autouse=True)
def _same_jitter():
    random.seed(20)

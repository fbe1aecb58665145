"""Which host an account is on: a region of a vendor chooses it."""

from __future__ import annotations

import pytest

from netaudience import CleverTapClient


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu", "https://api.clevertap.com"),
        ("in1", "https://in1.api.clevertap.com"),
        ("sg1", "https://sg1.api.clevertap.com"),
        ("us1", "https://us1.api.clevertap.com"),
        ("aps3", "https://aps3.api.clevertap.com"),
        ("mec1", "https://mec1.api.clevertap.com"),
    ],
)
def test_the_region_chooses_the_host(region, host) -> None:
    assert CleverTapClient("a", "b", region=region).base_url == host

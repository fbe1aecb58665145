"""One Spark with workers of its own for all tests of a process, and a vendor that they reach."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from netaudience.sandbox import Credentials, Sandbox, SandboxLimits
from netaudience.sandbox.background import BackgroundSandbox
from netaudience.spark import register

RATE = 50
SECRET = "hush-hush-4711"


@pytest.fixture(scope="session")
def sandbox():
    limits = {"netmera": SandboxLimits.rate(RATE)}
    with BackgroundSandbox(
        Sandbox(limits=limits, order_attribute="n", credentials=Credentials(netmera_keys=frozenset({SECRET})))
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def key_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("secrets") / "key"
    file.write_text(SECRET)
    return file


@pytest.fixture(scope="session")
def spark(sandbox, key_file, tmp_path_factory):
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - may be missing

    folder = tmp_path_factory.mktemp("spark")
    told = {
        "NETAUDIENCE_NETMERA_API_KEY_FILE": str(key_file),
        "NETAUDIENCE_NETMERA_BASE_URL": sandbox.url("netmera"),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ |= told
    (folder / "events").mkdir()
    session = (
        SparkSession.builder.master("local[4,3]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.eventLog.enabled", "true")
        .config("spark.eventLog.compress", "false")
        .config("spark.eventLog.rolling.enabled", "false")
        .config("spark.eventLog.dir", f"file://{folder / 'events'}")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.local.dir", str(folder / "local"))
        .getOrCreate()
    )
    session.events = folder / "events"
    # Its workers have it all by now.
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    register(session)
    try:
        yield session
    finally:
        session.stop()


@pytest.fixture
def fresh(sandbox, key_file, tmp_path, monkeypatch):
    """Return an account of its own, and its options; this process has what the workers have."""
    sandbox.reset()
    monkeypatch.setenv("NETAUDIENCE_NETMERA_API_KEY_FILE", str(key_file))
    monkeypatch.setenv("NETAUDIENCE_NETMERA_BASE_URL", sandbox.url("netmera"))
    return {"quotas": str(tmp_path / "quotas.db"), "account": "shop", "rate": str(RATE)}

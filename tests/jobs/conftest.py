"""What the tests of jobs share."""

from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from postgres import PASSWORD

from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Source


@pytest.fixture
def opened(tmp_path):
    """Open a source of these files, relative to a folder that the test fills."""
    tables = []

    def open_it(*files, **about):
        table = open_source(Source(files=files, **about), tmp_path)
        tables.append(table)
        return table

    yield open_it
    for table in tables:
        table.close()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A real server of S3's interface, and a store of a new bucket in it."""
    server = pytest.importorskip("moto.server")
    stores = pytest.importorskip("obstore.store")
    boto3 = pytest.importorskip("boto3")
    with_server = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    with_server.start()
    host, port = with_server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": PASSWORD, "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    # What earlier servers of this process have held is held by this one, too.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://{host}:{port}").create_bucket(
        Bucket="crm"
    )
    try:
        yield stores.from_url("s3://crm", client_options={"allow_http": True})
    finally:
        with_server.stop()

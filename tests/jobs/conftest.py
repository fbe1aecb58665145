"""What the tests of jobs share."""

import pytest

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

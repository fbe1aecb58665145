"""The wheel without an extra: a program sends with it, it is small, and the command says what it needs."""

import asyncio
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from netaudience import ConfigurationError, NetmeraClient
from netaudience.quotas import quotas_at
from netaudience.sandbox import BackgroundSandbox, Sandbox

#: What a web app installs, in megabytes; docs/web.md says so.
MOST_MEGABYTES = 45
NOT_OURS = {"cyclopts", "duckdb", "numpy", "pyarrow", "pytest", "rich"}

installed = {
    found.name.lower(): found for found in distributions() if found.name not in ("pip", "setuptools")
}
assert not NOT_OURS & set(installed), sorted(installed)
size = sum(
    path.stat().st_size
    for found in installed.values()
    for path in map(Path, map(found.locate_file, found.files or ()))
    if path.is_file() and path.suffix != ".pyc"
)
print(
    f"{len(installed)} distributions, {size / 1e6:.1f} MB without byte code: {', '.join(sorted(installed))}"
)
assert size < MOST_MEGABYTES * 1e6


async def tag(base_url: str) -> None:
    async with NetmeraClient("sandbox", base_url=base_url) as netmera:
        report = await netmera.tag_users(["id1", "id2"], tag="Sport")
    assert (report.delivered, report.rejected) == (2, 0)


with BackgroundSandbox(Sandbox()) as sandbox:
    asyncio.run(tag(sandbox.url("netmera")))
    assert sandbox.check("netmera", "tag_users", ["id1", "id2"]).ok

for command in (["netaudience"], ["netaudience", "demo"], ["python", "-m", "netaudience", "--version"]):
    command[0] = str(Path(sys.executable).parent / command[0])
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended
    assert not ended.stdout, ended
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("error: The command needs packages"), sentence
    assert sentence.endswith("pip install 'netaudience[cli]'"), sentence

for url, extra in (("redis://localhost", "redis"), ("postgresql://localhost", "postgresql")):
    try:
        quotas_at(url)
    except ConfigurationError as error:
        sentence = str(error)
    else:
        sentence = "it is made without its package"
    assert f"pip install 'netaudience[{extra}]'" in sentence, sentence

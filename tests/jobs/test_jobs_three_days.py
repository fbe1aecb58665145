"""Three days from a real PostgreSQL to five vendors, each on an empty machine, its state in a bucket.

What each vendor holds is compared with the table, what was not delivered is asked for by SQL, and the webhook
is to be called on the second day and the third, and not on the first nor for what is no news.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alert_receiver import Receiver
from killing import environment
from postgres import running_postgres

from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox
from netaudience.sandbox.fynd.state import Definition

pytestmark = pytest.mark.slow

obstore = pytest.importorskip("obstore")
pytest.importorskip("moto.server")

SLUG = "64f000000000000000000001"
JOB = f"""
name = "nightly"
[source]
connection = "postgresql"
uri = {{ env = "WAREHOUSE_URI" }}
sql = "select user_id, visits from crm.audience"
key = "user_id"

[guards]
preflight = false
max-removals = 5

[runs]
folder = "s3://crm/nightly"
lease = 3

[results]
connection = "postgresql"
uri = {{ env = "WAREHOUSE_URI" }}
tables = "ops.netaudience_"

[notify]
webhook = {{ env = "ALERTS" }}
format = "json"

[[step]]
name = "netmera"
vendor = "netmera"
operation = "set_profile_attributes"
mode = "mirror"
removal = "unset_profile_attributes"
[step.fields]
ext_id = "user_id"
"profile.visits" = "visits"

[[step]]
name = "iterable"
vendor = "iterable"
operation = "subscribe_to_list"
mode = "mirror"
removal = "unsubscribe_from_list"
arguments = {{ list_id = 7 }}
removal-arguments = {{ list_id = 7 }}
[step.fields]
email = {{ sql = "user_id || '@example.com'" }}

[[step]]
name = "clevertap"
vendor = "clevertap"
operation = "upload_profiles"
mode = "changed-only"
[step.fields]
identity = "user_id"
"profile_data.visits" = "visits"

[[step]]
name = "moengage"
vendor = "moengage"
operation = "import_users"
mode = "changed-only"
[step.fields]
customer_id = "user_id"
"attributes.visits" = "visits"

[[step]]
name = "fynd"
vendor = "fynd"
operation = "set_user_attribute"
mode = "changed-only"
where = "visits < 20"
[step.fields]
user_id = "user_id"
definition_id = {{ value = "{SLUG}" }}
value = {{ sql = "visits::varchar" }}
"""
STEPS = ("netmera", "iterable", "clevertap", "moengage", "fynd")


@pytest.fixture
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("adbc_driver_postgresql")
    with running_postgres(tmp_path_factory.mktemp("postgres")) as uri:
        yield uri


@pytest.fixture
def asks(warehouse: str) -> Callable[..., list[tuple[Any, ...]]]:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with dbapi.connect(warehouse) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if sql.startswith("select") else []
            connection.commit()
            return rows

    return ask


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def held(sandbox: Sandbox) -> dict[str, dict[str, object]]:
    """Return what each vendor holds, by user."""
    return {
        "netmera": {
            name: user.profile["visits"] for name, user in sandbox.netmera.users.items() if user.profile
        },
        "iterable": {
            str(profile.email).partition("@")[0]: None
            for profile in sandbox.iterable.profiles()
            if 7 in profile.lists
        },
        "clevertap": {name: one.data["visits"] for name, one in sandbox.clevertap.profiles.items()},
        "moengage": {name: one.attributes["visits"] for name, one in sandbox.moengage.customers.items()},
        "fynd": {
            name: user.attributes[SLUG].value
            for name, user in sandbox.fynd.users.items()
            if SLUG in user.attributes
        },
    }


def expected(rows: dict[str, int], gone: dict[str, int]) -> dict[str, dict[str, object]]:
    """Return what they are to hold: a mirror is without those who are gone, the others keep them."""
    ever = {**rows, **gone}
    return {
        "netmera": dict(rows),
        "iterable": dict.fromkeys(rows),
        "clevertap": dict(ever),
        "moengage": dict(ever),
        "fynd": {name: str(visits) for name, visits in ever.items() if visits < 20},
    }


def test_three_days(
    bucket: object,
    warehouse: str,
    asks: Callable[..., list[tuple[Any, ...]]],
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    asks("create schema crm")
    asks("create schema ops")
    asks(
        "create table crm.audience as select 'u' || i as user_id, i as visits from generate_series(1, 300) i"
    )
    server = Sandbox()
    server.fynd.definitions[SLUG] = Definition(SLUG, "Visits", "visits", "", "string", "", "")
    for number in range(1, 320):
        server.fynd.add_user(f"u{number}")

    def day(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the job on a machine that has seen nothing."""
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.toml").write_text(JOB)
        own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        return subprocess.run(
            [sys.executable, "-m", "netaudience", *(words or ("run", "job.toml")), "--json"],
            cwd=tmp_path / name, text=True, capture_output=True, check=False,
            env={
                **environment(sandbox), **own, "WAREHOUSE_URI": warehouse,
                "ALERTS": f"{receiver.url}/hooks/secret",
            },
        )  # fmt: skip

    def delivered(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
        assert done.stdout, done.stderr
        return {step["name"]: step["delivered"] for step in json.loads(done.stdout)["steps"]}

    with BackgroundSandbox(server) as sandbox:
        monday = day("monday")
        assert monday.returncode == 0, monday.stderr
        assert delivered(monday) == {**dict.fromkeys(STEPS, 300), "fynd": 19}
        rows = {f"u{number}": number for number in range(1, 301)}
        assert held(server) == expected(rows, {})
        assert receiver.events() == []

        # On Tuesday some come, go and change, and MoEngage refuses one of them.
        for sql in (
            "insert into crm.audience values ('u301', 301), ('u302', 5)",
            "delete from crm.audience where user_id in ('u7', 'u8')",
            "update crm.audience set visits = 11 where user_id = 'u10'",
            "update crm.audience set visits = 999 where user_id = 'u200'",
        ):
            asks(sql)
        rows |= {"u301": 301, "u302": 5, "u10": 11, "u200": 999}
        gone = {name: rows.pop(name) for name in ("u7", "u8")}
        server.set_faults([Fault("poison", ids=frozenset({"u200"}), vendor="moengage", status=400)])
        tuesday = day("tuesday")
        assert tuesday.returncode == 3, tuesday.stderr
        assert delivered(tuesday) == {
            "netmera": 4, "netmera removal": 2, "iterable": 2, "iterable removal": 2, "clevertap": 4,
            "moengage": 3, "fynd": 2,
        }  # fmt: skip
        now = expected(rows, gone)
        assert held(server) == {**now, "moengage": {**now["moengage"], "u200": 200}}
        assert receiver.events() == ["rejects"]
        found = asks("select step, row_key, outcome from ops.netaudience_outcomes")
        assert found == [("moengage", "u200", "rejected")]

        # Nobody is told of that again. On Wednesday most of the table is missing.
        evening = day("tuesday-evening")
        assert (evening.returncode, sum(delivered(evening).values())) == (3, 0)
        assert receiver.events() == []
        server.set_faults([])
        asks("create table crm.whole as select * from crm.audience")
        asks("delete from crm.audience where visits > 100")
        wednesday = day("wednesday")
        assert wednesday.returncode == 5, wednesday.stderr
        assert receiver.events() == ["guard"]
        asks("insert into crm.audience select * from crm.whole where visits > 100")
        again = day("wednesday-again")
        assert again.returncode == 0, again.stderr
        assert delivered(again) == {**dict.fromkeys(STEPS, 0), "moengage": 1}
        assert receiver.events() == ["recovery"]
        assert held(server) == now

    # The night can be told by SQL alone: each run is there once, and its steps add up.
    codes = asks("select exit_code from ops.netaudience_runs order by started, run")
    assert [code for (code,) in codes] == [0, 3, 3, 0]
    sums = asks(
        "select count(*) from ops.netaudience_steps where row_count <> "
        "delivered + unchanged + rejected + failed + in_doubt + unsent"
    )
    assert sums == [(0,)]
    told = asks("select step, sum(delivered)::bigint from ops.netaudience_steps group by step order by step")
    assert dict(told) == Counter(delivered(monday)) + Counter(delivered(tuesday)) + Counter(moengage=1)

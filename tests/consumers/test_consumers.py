"""The recipes as their users run them, against real brokers and a vendor with faults."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from broker_servers import kafka_brokers, mqtt_server, nats_server, rabbitmq_server, redis_server
from event_streams import (
    FAULTS,
    UNREADABLE,
    Recipe,
    assert_applied_in_order,
    kill_and_drain,
    make_events,
    vendor,
    wait_for,
)
from store_servers import free_port

RECIPES = {
    "nats_jetstream.py": nats_server,
    "redis_streams.py": redis_server,
    "kafka.py": kafka_brokers,
    "faststream_nats.py": nats_server,
    "faststream_rabbitmq.py": rabbitmq_server,
    "mqtt.py": mqtt_server,
}
each_recipe = pytest.mark.parametrize("name", RECIPES)


def numbered(count: int, users: int = 50) -> list[bytes]:
    return [
        json.dumps({"user": f"customer-{number % users}", "set": {"n": number}}).encode()
        for number in range(count)
    ]


@pytest.mark.slow
@each_recipe
def test_a_consumer_that_is_killed_loses_nothing_and_keeps_the_order(name: str, tmp_path: Path) -> None:
    events = make_events(seed=len(name))
    with RECIPES[name](tmp_path) as stream, vendor(*FAULTS) as (sandbox, notes):
        stream.publish(events.bodies)
        # FastStream carries one batch after the other, so it had better wait for full ones.
        linger = "0.3" if name == "faststream_nats.py" else "0.05"
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, LINGER=linger)
        # A group of Kafka's waits ten seconds for a member that is dead.
        kills = 1 if name == "kafka.py" else 3
        kill_and_drain(recipe, (sandbox, notes), events, stream.drained, seed=len(name), kills=kills)
    again = assert_applied_in_order(sandbox, notes, events, recipe)
    assert again > 0  # it was killed with events in hand


@pytest.mark.slow
@each_recipe
def test_sigterm_ends_it_with_what_is_in_hand_delivered_and_acknowledged(name: str, tmp_path: Path) -> None:
    count = 3000
    with RECIPES[name](tmp_path) as stream, vendor("latency=0.02") as (sandbox, notes):
        stream.publish(numbered(count))
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, MAX_PENDING="200", RATE="60")
        with recipe.running() as process:
            wait_for(notes.when(500), process, recipe)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, recipe.log()
        reached = stream.acknowledged()
        assert 500 <= len(reached) < count
        assert notes.seen() == reached
        with recipe.running() as process:
            wait_for(stream.drained, process, recipe)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, recipe.log()
    assert notes.seen() == set(range(count))
    assert notes.total == count  # none of them twice


@pytest.mark.slow
def test_a_work_queue_is_consumed_alike(tmp_path: Path) -> None:
    events = make_events(seed=5, count=2000, users=300)
    with nats_server(tmp_path) as stream, vendor(*FAULTS) as (sandbox, notes):
        stream.publish(events.bodies, retention="workqueue")
        recipe = Recipe("nats_jetstream.py", sandbox, tmp_path, **stream.environment, MAX_PENDING="700")
        kill_and_drain(recipe, (sandbox, notes), events, stream.drained, seed=6, kills=2)
    assert_applied_in_order(sandbox, notes, events, recipe)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nats_jetstream.py", "faststream_nats.py"])
def test_what_waits_for_the_vendor_for_long_is_not_delivered_again(name: str, tmp_path: Path) -> None:
    count = 300
    with nats_server(tmp_path) as stream, vendor("status=429,retry_after=6,first=1") as (sandbox, notes):
        stream.publish(numbered(count))
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, ACK_WAIT="2")
        with recipe.running() as process:
            wait_for(stream.drained, process, recipe)
            info = stream.ask(lambda js: js.consumer_info("AUDIENCE", "netaudience"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, recipe.log()
    assert notes.total == count
    if name == "nats_jetstream.py":  # FastStream does not hold what it has fetched beyond its batch
        assert info.delivered.consumer_seq == count


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nats_jetstream.py", "faststream_nats.py"])
def test_somebody_else_at_the_same_consumer_is_noticed_before_the_order_is_lost(
    name: str, tmp_path: Path
) -> None:
    count = 2000

    async def steal(js):
        subscription = await js.pull_subscribe_bind("netaudience", stream="AUDIENCE")
        assert len(await subscription.fetch(20)) == 20

    with nats_server(tmp_path) as stream, vendor("latency=0.02") as (sandbox, notes):
        stream.publish(numbered(count))
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, MAX_PENDING="100")
        with recipe.running() as process:
            wait_for(notes.when(200), process, recipe)
            stream.ask(steal)
            assert process.wait(20) == 1
        assert "delivered to somebody else" in recipe.log()
        notes.life += 1
        with recipe.running() as process:
            wait_for(stream.drained, process, recipe)
    assert notes.seen() == set(range(count))
    for user in range(50):
        told = notes.history[f"customer-{user}"]
        for life in (0, 1):
            newest = [request[-1] for then, request in told if then == life]
            assert newest == sorted(newest)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["faststream_rabbitmq.py", "mqtt.py", "redis_streams.py"])
def test_a_connection_that_is_lost_ends_the_process_and_loses_nothing(name: str, tmp_path: Path) -> None:
    count = 2000
    with RECIPES[name](tmp_path) as stream, vendor("latency=0.02") as (sandbox, notes):
        stream.publish(numbered(count))
        settings = {"MAX_PENDING": "100", "RATE": "20"}
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, **settings)
        with recipe.running() as process:
            wait_for(notes.when(200), process, recipe)
            stream.hang_up()
            assert process.wait(20) == 1, recipe.log()
        assert re.fullmatch(
            r"(Event .* start again, and it comes again"  # where it was about to be acknowledged
            r"|The connection to (RabbitMQ|Redis|the broker) is lost( \(.+\))?: start again, .*)",
            recipe.log().splitlines()[-1],
        ), recipe.log()
        notes.life += 1
        with recipe.running() as process:  # as what watches it does
            wait_for(stream.drained, process, recipe)
            stream.hang_up()  # with nothing in hand, so that no acknowledgement fails
            assert process.wait(20) == 1, recipe.log()
        assert recipe.log().splitlines()[-1].startswith("The connection to ")
    assert notes.seen() == set(range(count))
    for user in range(50):
        told = notes.history[f"customer-{user}"]
        for life in (0, 1):
            newest = [request[-1] for then, request in told if then == life]
            assert newest == sorted(newest)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RECIPES if name != "mqtt.py"])  # there, any name will do
def test_a_stream_that_is_missing_is_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    with RECIPES[name](tmp_path) as stream, vendor() as (sandbox, _):
        missing = {"STREAM": "SALES", "TOPIC": "SALES", "QUEUE": "SALES"}
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, **missing)
        with recipe.running() as process:
            assert process.wait(120) == 1
    told = recipe.log()
    assert re.match(
        r"There is no (stream|topic|queue) SALES: set (STREAM|TOPIC|QUEUE) to", told.splitlines()[-1]
    ), told
    assert "Traceback" not in told


@pytest.mark.slow
@each_recipe
def test_a_key_that_is_missing_is_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    with RECIPES[name](tmp_path) as stream, vendor() as (sandbox, _):
        stream.publish([UNREADABLE])
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment)
        del recipe.environment["NETAUDIENCE_NETMERA_API_KEY"]
        with recipe.running() as process:
            assert process.wait(120) == 1
    told = recipe.log()
    assert told.splitlines()[-1].startswith("NETAUDIENCE_NETMERA_API_KEY is not set: set it"), told
    assert "Traceback" not in told, told


@pytest.mark.slow
def test_a_broker_of_mqtt_that_lets_nobody_in_is_told_in_a_sentence(tmp_path: Path) -> None:
    with mqtt_server(tmp_path, "allow_anonymous false") as stream, vendor() as (sandbox, _):
        recipe = Recipe("mqtt.py", sandbox, tmp_path, **stream.environment)
        with recipe.running() as process:
            assert process.wait(120) == 1
    told = recipe.log()
    assert told.splitlines()[-1] == "The broker refuses the connection: Not authorized"
    assert "Traceback" not in told


@pytest.mark.slow
@each_recipe
def test_a_line_of_the_log_says_how_fast_it_goes_and_how_far_it_is_behind(name: str, tmp_path: Path) -> None:
    line = re.compile(
        r"INFO [1-9][\d,]* events settled \([\d.]+ a second\), \d+ in hand, (.+), 1 dead letters\n"
    )
    with RECIPES[name](tmp_path) as stream, vendor("latency=0.02") as (sandbox, _):
        stream.publish([UNREADABLE, *numbered(3000)])
        settings = {"MAX_PENDING": "100", "RATE": "5", "TELL_EVERY": "0.3"}
        recipe = Recipe(name, sandbox, tmp_path, **stream.environment, **settings)
        with recipe.running() as process:
            wait_for(lambda: len(line.findall(recipe.log())) > 2, process, recipe)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, recipe.log()
    told = line.findall(recipe.log())
    if name in {"mqtt.py", "redis_streams.py"} and told[0] == "how many are behind is not known":
        return  # a broker of MQTT never says it, nor does a server before Redis 7
    behind = [int(each.removesuffix(" behind").replace(",", "")) for each in told]
    assert behind == sorted(behind, reverse=True)
    assert behind[-1] > 0


@pytest.mark.slow
# The client of NATS tries for two minutes before it gives up.
@pytest.mark.parametrize("name", [name for name in RECIPES if "nats" not in name])
def test_a_broker_that_is_not_there_is_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {
        "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "KAFKA_SERVERS": f"127.0.0.1:{port}",
        "RABBITMQ_URL": f"amqp://127.0.0.1:{port}/",
        "MQTT_URL": f"mqtt://127.0.0.1:{port}",
    }
    with vendor() as (sandbox, _):
        recipe = Recipe(name, sandbox, tmp_path, **settings)
        with recipe.running() as process:
            assert process.wait(120) == 1
    told = recipe.log()
    assert re.search(
        r"^(NATS|Redis|Kafka|RabbitMQ|The broker) does not answer \(\w+\): set [A-Z_]+ to", told, re.MULTILINE
    )
    assert "Traceback" not in told, told

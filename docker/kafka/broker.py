"""A Kafka broker without Docker: one KRaft node on a free port, for tests and trials.

It needs Java 17, and Maven for the first start, which fetches the jars that pom.xml names (43 MB).
On the command line::

    python docker/kafka/broker.py                  # a temporary folder, gone when it is stopped
    python docker/kafka/broker.py --folder var/kafka --port 9092    # kept for the next start
    python docker/kafka/broker.py --fetch       # only the jars, so that a later start is quick

It prints the address once the broker answers; Ctrl-C or SIGTERM stops it. One node keeps one copy
of everything: what is written survives a kill of the broker, not the loss of the disk. From Python
a :class:`Broker` also has listeners with TLS and SASL, and can be killed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final

POM: Final = Path(__file__).with_name("pom.xml")
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bearwatch"
MAIN_CLASS: Final = "kafka.Kafka"
CLUSTER: Final = "AAAAAAAAAAAAAAAAAAAAAA"
OPTIONS: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Little memory, and a quick start rather than the fastest code: it never runs for long."""
SCRAM: Final = ("SCRAM-SHA-256", "SCRAM-SHA-512")
FETCH_S: Final = 600.0
FORMAT_S: Final = 60.0
READY_S: Final = 90.0
STOP_S: Final = 30.0
_LOOK_AGAIN_S = 0.05


class BrokerError(Exception):
    """The broker could not be had; the message says what is missing or where its log is."""


@dataclass(frozen=True, slots=True)
class Listener:
    """How clients reach the broker, and who may.

    ``properties`` are the listener's own, without the prefix ``listener.name.NAME.``; those that
    :func:`tls` and :func:`sasl` give, for instance. ``mechanisms`` are those of all listeners
    together. ``users`` are name and password of SCRAM users, known to all listeners and made when
    the folder is formatted; the process list shows them then, so use none that matter.
    """

    protocol: str = "PLAINTEXT"
    properties: Mapping[str, str] = field(default_factory=dict)
    mechanisms: tuple[str, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)


def tls(identity: Path, trusted: Path, *, ask_clients: bool = False) -> dict[str, str]:
    """Properties of a listener with TLS.

    ``identity`` is one PEM file with the key in PKCS #8, the certificate and its signer's;
    ``trusted`` one with the certificate of who signs those of clients, which ``ask_clients``
    makes them show.
    """
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(identity),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(trusted),
        "ssl.client.auth": "required" if ask_clients else "none",
    }


def sasl(plain_users: Mapping[str, str]) -> dict[str, str]:
    """Properties of a listener with SCRAM, and PLAIN with ``plain_users``, name and password."""
    module = "org.apache.kafka.common.security"
    users = "".join(f' user_{name}="{password}"' for name, password in plain_users.items())
    return {
        f"{mechanism.lower()}.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;"
        for mechanism in SCRAM
    } | {"plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required{users};"}


@dataclass(slots=True)
class Broker:
    """One node with its data in ``folder``. ``port`` 0 takes a free one and keeps it.

    ``listener`` listens on ``port``, each of ``others`` on a free port of its own. ``settings``
    are further lines of server.properties and win over those written here.
    """

    folder: Path
    jars: Path
    port: int = 0
    listener: Listener = field(default_factory=Listener)
    others: tuple[Listener, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    _controller_port: int = 0
    _other_ports: tuple[int, ...] = ()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    @property
    def other_addresses(self) -> tuple[str, ...]:
        """Where clients of the other listeners connect, once the broker has been started."""
        return tuple(f"127.0.0.1:{port}" for port in self._other_ports)

    @property
    def log(self) -> Path:
        """What the broker said."""
        return self.folder / "broker.log"

    def start(self, ready_within_s: float = READY_S) -> None:
        """Start it, formatting the folder the first time, and wait until it takes connections.

        Raises:
            BrokerError: it ended, or was not ready in time; the last lines of its log are told.
        """
        self.port = self.port or free_port()
        self._controller_port = self._controller_port or free_port()
        self._other_ports = self._other_ports or tuple(free_port() for _ in self.others)
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{k}={v}\n" for k, v in self._properties().items()))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(properties)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - no shell, no foreign words
                [*self._java(), MAIN_CLASS, str(properties)],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for us, who stop it in order
            )
        self._wait_until_ready(time.monotonic() + ready_within_s)

    def kill(self) -> None:
        """End it as kill -9 and a crash do. What it had acknowledged is in its folder."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=STOP_S)
            self.process = None

    def stop(self) -> None:
        """End it in order, or by force when it does not end in time. May be called again."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def _listeners(self) -> dict[str, tuple[Listener, int]]:
        """Every listener for clients and its port, by name."""
        others = zip(self.others, self._other_ports, strict=True)
        return {"CLIENTS": (self.listener, self.port)} | {
            f"CLIENTS{number}": both for number, both in enumerate(others, 1)
        }

    def _properties(self) -> dict[str, str]:
        listeners = self._listeners()
        clients = ",".join(f"{name}://127.0.0.1:{port}" for name, (_, port) in listeners.items())
        protocols = ",".join(f"{name}:{one.protocol}" for name, (one, _) in listeners.items())
        found = {
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"{clients},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": clients,
            "listener.security.protocol.map": f"{protocols},CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENTS",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": "1",
            "min.insync.replicas": "1",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.cleaner.dedupe.buffer.size": "2097152",
            "num.network.threads": "2",
            "num.io.threads": "2",
            "background.threads": "2",
        }
        mechanisms = [name for one, _ in listeners.values() for name in one.mechanisms]
        if mechanisms:
            found |= {
                "sasl.enabled.mechanisms": ",".join(dict.fromkeys(mechanisms)),
                "sasl.mechanism.inter.broker.protocol": mechanisms[0],
            }
        for name, (one, _) in listeners.items():
            prefix = f"listener.name.{name.lower()}."
            found |= {f"{prefix}{key}": value for key, value in one.properties.items()}
        return found | dict(self.settings)

    def _java(self) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise BrokerError(
                "no java: install Java 17, e.g. Debian's package openjdk-17-jre-headless"
            )
        return [java, *OPTIONS, "-cp", f"{self.jars}/*"]

    def _format(self, properties: Path) -> None:
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)]
        users = {user for one, _ in self._listeners().values() for user in one.users.items()}
        for name, password in sorted(users):
            for mechanism in SCRAM:
                tool += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        done = subprocess.run(  # noqa: S603 - no shell, no foreign words
            [*self._java(), *tool],
            capture_output=True,
            timeout=FORMAT_S,
            check=False,
            cwd=self.folder,
        )
        if done.returncode:
            raise BrokerError(f"formatting {self.folder} failed: {done.stderr.decode()[-2000:]}")

    def _wait_until_ready(self, deadline: float) -> None:
        while not _answers(self.port):
            if self.process is not None and self.process.poll() is not None:
                raise BrokerError(f"the broker ended by itself:\n{self._last_lines()}")
            if time.monotonic() > deadline:
                self.kill()
                raise BrokerError(f"the broker was not ready in time:\n{self._last_lines()}")
            time.sleep(_LOOK_AGAIN_S)

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def find_jars(cache: Path = CACHE) -> Path:
    """Folder with the broker's jars; Maven fetches them the first time, into ``cache``.

    Raises:
        BrokerError: Maven is missing or failed.
    """
    folder = cache / f"kafka-{_version()}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("no mvn: install Maven, e.g. Debian's package maven")
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="kafka-", dir=cache))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={part}"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, no foreign words
            [maven, "-q", "-B", "-f", str(POM), *goal],
            capture_output=True,
            timeout=FETCH_S,
            check=False,
            cwd=cache,
        )
        if done.returncode or not any(part.glob("kafka_*.jar")):
            raise BrokerError(f"Maven could not fetch the broker: {done.stdout.decode()[-2000:]}")
        with suppress(OSError):  # somebody else was faster: theirs is the same
            part.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise BrokerError(f"Maven did not fetch the broker within {FETCH_S:.0f} s") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until SIGTERM or Ctrl-C; the exit status."""
    parser = argparse.ArgumentParser(description="Run a Kafka broker without Docker.")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--folder", type=Path, help="default: a temporary one, removed at the end")
    parser.add_argument("--fetch", action="store_true", help="only fetch the jars, and end")
    given = parser.parse_args(arguments)
    if given.fetch:
        return _fetch()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    kept: Path | None = given.folder
    folder = kept.absolute() if kept else Path(tempfile.mkdtemp(prefix="bearwatch-kafka-"))
    try:
        broker = Broker(folder, find_jars(), port=given.port)
        broker.start()
        sys.stdout.write(f"{broker.address}\n")
        sys.stdout.flush()
        try:
            while not stop.wait(timeout=1.0):
                if broker.process is None or broker.process.poll() is not None:
                    raise BrokerError(f"the broker ended by itself; see {broker.log}")
        finally:
            broker.stop()
    except BrokerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _fetch() -> int:
    try:
        sys.stdout.write(f"{find_jars()}\n")
    except BrokerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _version() -> str:
    text = POM.read_text("utf-8")
    return (
        text.partition("<artifactId>kafka_2.13</artifactId>")[2]
        .split("<version>")[1]
        .split("<")[0]
    )


def _answers(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(1.0)
        return attempt.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    raise SystemExit(main())

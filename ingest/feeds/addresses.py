"""Where a feed may be fetched from: every address is checked, and then dialled as checked.

The name is looked up once per connection and the connection goes to the address that was checked,
so that a name server which answers differently the second time changes nothing. Host header and
TLS still carry the name.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

import httpcore

from ingest.feeds.errors import refuse

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int, float], Sequence[str]]
"""Addresses of a host, as text, within so many seconds."""

MOST_ADDRESSES: Final = 4
"""Addresses of one host that are tried before it counts as unreachable."""

_NAT64 = IPv6Network("64:ff9b::/96")


class Deadline:
    """A point on ``timer``, whose seconds only rise, after which nothing may go on."""

    def __init__(self, seconds: float, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._ends = timer() + seconds

    def within(self, timeout: float | None) -> float:
        """The seconds left, or ``timeout`` if that is less.

        Raises:
            httpcore.ReadTimeout: none are left.
        """
        left = self._ends - self._timer()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left if timeout is None else min(left, timeout)


def is_public(address: Address) -> bool:
    """Whether an address is reached over the public internet, also where it is only a wrapping."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            inner = address.teredo[1]
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve(host: str, port: int, timeout_s: float) -> Sequence[str]:
    """Ask the system for the addresses of ``host``, decimal and octal forms included.

    In a thread that is left alone when it takes too long: the system's own limit is minutes.
    """
    answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(info[4][0]) for info in found)))
        except (OSError, ValueError) as error:  # ValueError: a name that IDNA cannot write
            answers.put(error)

    Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty:
        refuse("timeout", f"{host}: its name was not looked up in time; see the name servers")
    if isinstance(answer, Exception):
        refuse("unreachable", f"{host}: no such host; check the address")
    return answer


class Guard(httpcore.NetworkBackend):
    """Connects to checked addresses only, and lets nothing outlast the deadline."""

    def __init__(
        self,
        deadline: Deadline,
        *,
        connect_seconds: float,
        allow_private: bool,
        resolve: Resolve,
        dial: httpcore.NetworkBackend,
    ) -> None:
        self._deadline = deadline
        self._connect_seconds = connect_seconds
        self._allow_private = allow_private
        self._resolve = resolve
        self._dial = dial

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of ``host`` that answers, all of them checked."""
        addresses = self._checked(host, port)
        failure: Exception | None = None
        for address in addresses[:MOST_ADDRESSES]:
            try:
                stream = self._dial.connect_tcp(
                    address,
                    port,
                    timeout=self._deadline.within(self._connect_seconds),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Timed(stream, self._deadline)
        raise failure or httpcore.ConnectError("the host has no address")

    def _checked(self, host: str, port: int) -> Sequence[str]:
        addresses = self._resolve(host, port, self._deadline.within(self._connect_seconds))
        for text in addresses:
            address = ip_address(text.partition("%")[0])
            if not self._allow_private and not is_public(address):
                # Not even the public ones among them: such a name is made to mislead.
                refuse(
                    "address",
                    f"{host} is {address}, which is not a public address; for feeds of your own "
                    "network set feeds.allow_private",
                )
        return addresses


class _Timed(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline, however slowly bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to ``max_bytes``; none at the end."""
        return self._stream.read(max_bytes, self._deadline.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of ``buffer``."""
        self._stream.write(buffer, self._deadline.within(timeout))

    def close(self) -> None:
        """Let go of the socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted; ``server_hostname`` is the name, not the address."""
        within = self._deadline.within(timeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, within), self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as inherited
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)

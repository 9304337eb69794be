"""A host -> a connection to an address of it that was checked: public, or of a host that the owner has named."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Thread
from typing import Any

import httpcore

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""A host's addresses, as text."""

NOT_PUBLIC = (
    *("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4"),  # protocols, 6to4 relays, multicast
    "168.63.129.16/32",  # Azure's own, from within each of its machines
    *("2001::/23", "2002::/16", "3fff::/20"),  # Teredo and other protocols, 6to4, documentation
)
"""What `is_global` lets pass, at least in Python 3.11."""
UNICAST, NAT64 = "2000::/3", "64:ff9b::/96"

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?=.{{1,253}}$){LABEL}(?:\.{LABEL})*\.?")
NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
"""What the C library takes for an address: 2130706433, 0x7f.1, 127.1."""


class Unreachable(Exception):
    """A host that has no address."""


class NotPublic(Unreachable):
    """A host that leads into some network, or back to this machine."""


class Unproven(Unreachable):
    """A server whose certificate is not for this name, or from nobody who is trusted."""


def is_host(host: str) -> bool:
    """Whether it is a name, or an address as everybody reads it."""
    return literal(host) is not None or bool(NAME.fullmatch(host) and not NUMBER.fullmatch(host))


def literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: Address | None) -> bool:
    """Whether it is somebody's on the internet, and is not another address in disguise."""
    if isinstance(address, IPv6Address):
        if address in ip_network(NAT64):  # how a network without IPv4 reaches the rest of the world
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in ip_network(UNICAST):
            return False
    return (
        address is not None and address.is_global and not any(address in ip_network(network) for network in NOT_PUBLIC)
    )


def resolved(host: str, port: int) -> list[str]:
    """As this machine does it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [*dict.fromkeys(str(one[4][0]) for one in found)]


def trusted() -> ssl.SSLContext:
    """The usual authorities and this machine's own, a company's among them."""
    context = httpcore.default_ssl_context()
    context.load_default_certs()
    return context


class Door(httpcore.NetworkBackend):
    """Resolves a host once, and connects to what it has checked or not at all."""

    def __init__(self, resolve: Resolve, private: Collection[tuple[str, int | None]], seconds: float) -> None:
        self._resolve, self._private, self._end = resolve, private, time.monotonic() + seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        found = [host] if literal(host) else self._resolved(host, port)
        if (host, port) not in self._private and (host, None) not in self._private:
            _refuse_private(host, found)
        return _Timed(self._connected(found, port), self._left)

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        """In a thread, since a resolver knows no limit of time."""
        answer: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answer.set_exception(Unreachable(str(error)))

        Thread(target=ask, daemon=True).start()
        if found := answer.result(self._left()):
            return found
        raise Unreachable(host)

    def _connected(self, found: Sequence[str], port: int) -> httpcore.NetworkStream:
        """With the first that answers: a server may be down at one of its addresses."""
        *others, last = found
        for address in others:
            try:
                return httpcore.SyncBackend().connect_tcp(address, port, self._left() / 4)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return httpcore.SyncBackend().connect_tcp(last, port, self._left())

    def _left(self) -> float:
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError
        return left


def _refuse_private(host: str, found: Sequence[str]) -> None:
    inside = [address for address in found if not is_public(literal(address))]
    if inside:
        raise NotPublic(f"{host} is at {inside[0]}" if inside[0] != host else host)


class _Timed(httpcore.NetworkStream):
    """Every wait ends with the time there is for all of them, so that no drip outlasts it."""

    def __init__(self, stream: httpcore.NetworkStream, left: Callable[[], float]) -> None:
        self._stream, self._left = stream, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._left()), self._left)
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise Unproven(error.__cause__.verify_message) from error
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

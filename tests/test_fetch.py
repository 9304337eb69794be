"""A URL asked for by name: what is fetched, over real sockets, and all that is not."""

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.door import is_public, trusted
from ingest.fetch import ENDINGS, CannotFetch, fetched

PDF = b"%PDF-1.4\n1 0 obj\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0"
ZIP = b"PK\x03\x04\x14\x00"
TEXT = b"Brightwater matches half of the first 6%.\n"
NAME = "wiki.brightwater.example"
TLS_HELLO = b"\x16\x03"
PUBLIC = "93.184.215.14"

Answer = bytes | Callable[[socket.socket], None]


# A server


@dataclass
class Site:
    """Says what it is told to, to the byte."""

    port: int
    answers: dict[str, Answer]
    asked: list[list[str]] = field(default_factory=list)
    """Of each connection the lines of its request."""
    names: list[str | None] = field(default_factory=list)
    """What TLS clients called it."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    def serve(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        try:
            self.answer(tls.wrap_socket(client, server_side=True) if tls else client)
        except OSError:
            client.close()  # It has had enough, which is what most of these tests want.

    def answer(self, client: socket.socket) -> None:
        with client:
            request = b""
            while b"\r\n\r\n" not in request and not request.startswith(TLS_HELLO) and (more := client.recv(65536)):
                request += more
            lines = request.decode("latin-1").split("\r\n")
            if request.startswith(TLS_HELLO):
                return client.sendall(http(b"Speak plainly", status="400 Bad Request"))
            self.asked.append([line for line in lines if line])
            answer = self.answers[lines[0].split()[1]]
            client.sendall(answer) if isinstance(answer, bytes) else answer(client)


@contextmanager
def site(answers: dict[str, Answer] | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = Site(server.getsockname()[1], {} if answers is None else answers)
        if tls:
            tls.sni_callback = lambda connection, name, context: running.names.append(name)

        def accept() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=running.serve, args=(client, tls), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield running
        server.shutdown(socket.SHUT_RDWR)


def http(body: bytes, media: str | None = None, status: str = "200 OK", **headers: str) -> bytes:
    told = {"Content-Length": str(len(body)), **({"Content-Type": media} if media else {})}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


def packed(body: bytes, **headers: str) -> bytes:
    return http(body, "text/plain", Content_Encoding="gzip", **headers)


def to(location: str, status: str = "302 Found") -> bytes:
    return http(b"", status=status, Location=location)


@dataclass
class Resolver:
    """Answers with these, one list for each time it is asked and the last for ever."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def refused(url: str, into: Path, *private: str, **more: Any) -> tuple[str, str | None, str | None]:
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to trust somebody takes a while, and is rarely what is tested
    with pytest.raises(CannotFetch) as caught:
        fetched(url, into, private, **{"tls": nobody, **more})
    return caught.value.what, caught.value.value, caught.value.do


# What is fetched


def test_a_document_is_in_the_folder_and_cited_by_its_url(tmp_path: Path) -> None:
    with site({"/plans/Summary%20plan.pdf?v=2": http(PDF, "application/pdf")}) as wiki:
        got = fetched(f"HTTP://127.0.0.1:{wiki.port}/plans/Summary%20plan.pdf?v=2#page=3", tmp_path, [wiki.host])
    source = wiki.url("/plans/Summary%20plan.pdf?v=2")
    assert (got.path, got.source, got.at) == (tmp_path / "Summary plan.pdf", source, source)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [PDF]
    assert wiki.asked == [
        [
            "GET /plans/Summary%20plan.pdf?v=2 HTTP/1.1",
            f"Host: {wiki.host}",
            "User-Agent: Tandem",
            "Accept: */*",
            "Accept-Encoding: identity",
        ]
    ]


@pytest.mark.parametrize(
    ("spelled", "source"),
    [
        ("HTTP://Example.COM:80", "http://example.com/"),
        ("https://example.com:443/a#b", "https://example.com/a"),
        ("http://example.com?q=1", "http://example.com/?q=1"),
        ("http://example.com/a/../b/./c", "http://example.com/b/c"),
        ("http://bücher.example/straße", "http://xn--bcher-kva.example/stra%C3%9Fe"),
    ],
)
def test_one_document_has_one_source_however_its_url_is_spelled(
    spelled: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        httpcore.SyncBackend, "connect_tcp", lambda *given: httpcore.MockStream([http(TEXT, "text/plain")])
    )
    monkeypatch.setattr(httpcore.MockStream, "start_tls", lambda stream, *given: stream)
    assert fetched(spelled, tmp_path, resolve=Resolver([[PUBLIC]])).source == source


KINDS = [
    ("/x", "text/html; charset=utf-8", b"<p>Hi", "x.html"),
    ("/", "application/xhtml+xml", b"<p>Hi", "127.0.0.1.html"),
    ("/wiki/401(k)", "text/html", b"<p>Hi", "401k.html"),
    ("/Plan.PDF", "application/octet-stream", PDF, "Plan.pdf"),
    ("/download?id=7", "application/pdf", PDF, "download.pdf"),
    ("/plan.pdf", "text/html", b"<p>Sign in", "plan.html"),
    ("/plan.pdf", None, PDF, "plan.pdf"),
    ("/README.md", "text/plain", TEXT, "README.md"),
    ("/README.md", "text/html", b"<p>Hi", "README.html"),
    ("/a.b/notes", "text/markdown", TEXT, "notes.md"),
    ("/rates.csv", "application/vnd.ms-excel", TEXT, "rates.csv"),
    ("/export", "text/csv", TEXT, "export.csv"),
    ("/talk", "text/vtt", b"WEBVTT\n", "talk.vtt"),
    ("/mail", "message/rfc822", TEXT, "mail.eml"),
    ("/f.aspx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP, "f.docx"),
    ("/f", "application/vnd.openxmlformats-officedocument.presentationml.presentation", ZIP, "f.pptx"),
    ("/f", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ZIP, "f.xlsx"),
    ("/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "text/plain", TEXT, "passwd.txt"),
    ("/..%5c..%5cboot.txt", "text/plain", TEXT, "boot.txt"),
    ("/%1b%5b31mred%0a.txt", "text/plain", TEXT, "31mred.txt"),
    ("/" + "long" * 100 + ".txt", "text/plain", TEXT, "long" * 15 + ".txt"),
    ("/.txt", "text/plain", TEXT, "txt.txt"),
]


@pytest.mark.parametrize(("path", "media", "body", "name"), KINDS)
def test_a_file_is_called_by_what_it_is(path: str, media: str | None, body: bytes, name: str, tmp_path: Path) -> None:
    with site({path: http(body, media)}) as wiki:
        got = fetched(wiki.url(path), tmp_path, [wiki.host])
    assert [(one, one.read_bytes()) for one in tmp_path.iterdir()] == [(tmp_path / name, body)] == [(got.path, body)]


@pytest.mark.parametrize(
    "disposition",
    [
        'attachment; filename="Plan 2026.pdf"',
        "inline; filename*=UTF-8''Pl%C3%A4ne.pdf",
        "attachment; filename=../x.PDF",
    ],
)
def test_a_download_is_of_the_kind_that_the_server_names_it(disposition: str, tmp_path: Path) -> None:
    answer = http(PDF, "application/octet-stream", Content_Disposition=disposition)
    with site({"/download": answer}) as wiki:
        assert fetched(wiki.url("/download"), tmp_path, [wiki.host]).path == tmp_path / "download.pdf"


@pytest.mark.parametrize(
    ("media", "body", "kept"),
    [
        ("text/plain; charset=iso-8859-2", "Łódź".encode("iso-8859-2"), "Łódź".encode("utf-8-sig")),
        ('text/plain; charset="Shift_JIS"', "年金\r\n".encode("shift_jis"), "年金\r\n".encode("utf-8-sig")),
        ("text/plain; charset=iso-8859-1", "Łódź".encode(), "Łódź".encode()),  # said of all, true of few
        ("text/plain; charset=zip", b"\xff", b"\xff"),
        ("text/plain; charset=none-such", b"\xff", b"\xff"),
        ("application/pdf; charset=iso-8859-2", PDF + b"\xff", PDF + b"\xff"),
    ],
)
def test_an_encoding_that_only_the_server_knows_is_kept(media: str, body: bytes, kept: bytes, tmp_path: Path) -> None:
    with site({"/x": http(body, media)}) as wiki:
        got = fetched(wiki.url("/x"), tmp_path, [wiki.host])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [kept] == [got.path.read_bytes()]


@pytest.mark.parametrize(
    ("packing", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("Identity", TEXT),
        ("x-gzip", gzip.compress(TEXT)),
    ],
)
def test_what_was_packed_unasked_is_unpacked(packing: str, body: bytes, tmp_path: Path) -> None:
    with site({"/x": http(body, "text/plain", Content_Encoding=packing)}) as wiki:
        assert fetched(wiki.url("/x"), tmp_path, [wiki.host]).path.read_bytes() == TEXT


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, 3 << 16, 1 << 20])
def test_much_that_was_packed_into_little_is_unpacked_whole(size: int, tmp_path: Path) -> None:
    with site({"/x": packed(gzip.compress(b"x" * size))}) as wiki:
        assert fetched(wiki.url("/x"), tmp_path, [wiki.host], largest=1 << 20).path.stat().st_size == size


def test_redirects_are_followed_to_the_document_which_is_cited_as_it_was_asked_for(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "/plan": to("/a", "301 Moved Permanently"),
        "/a": to("b?c#d", "303 See Other"),
        "/b?c": to("./Übersicht d", "307 Temporary Redirect"),
        "/%C3%9Cbersicht%20d": to("//127.0.0.1:PORT/e", "308 Permanent Redirect"),
        "/e": to("f.txt"),
        "/f.txt": http(TEXT, "text/plain"),
    }
    with site(answers) as wiki:
        answers["/%C3%9Cbersicht%20d"] = to(f"//{wiki.host}/e", "308 Permanent Redirect")
        got = fetched(wiki.url("/plan"), tmp_path, [wiki.host])
    assert (got.path.name, got.source, got.at) == ("f.txt", wiki.url("/plan"), wiki.url("/f.txt"))


def test_no_proxy_cookie_or_password_of_this_machine_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    into = tmp_path / "into"
    into.mkdir()
    with site() as proxy, site({"/": to("/a.txt"), "/a.txt": http(TEXT)}) as wiki:
        wiki.answers["/"] = http(b"", status="302 Found", Location="/a.txt", Set_Cookie="id=7")
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        monkeypatch.setenv("NETRC", str(netrc))
        fetched(wiki.url(), into, [wiki.host])
    assert proxy.asked == []
    assert [{line.partition(":")[0] for line in request[1:]} for request in wiki.asked] == [
        {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    ] * 2


# What may not be asked: nothing is resolved, nothing is connected to

CHARACTERS = "A URL has no backslash, blank or control character."
SCHEMES = "Only http and https are fetched."
USER = "The URL carries a user's name or password."
HOST = "The URL has no host that is a name, or an address plainly written."
PORT = "The URL has a port that is none."
UNREADABLE = "It is not a URL that can be read."
UNASKED = {
    CHARACTERS: [
        *("http://127.0.0.1\\@1.1.1.1/", "http://1.1.1.1\\.example/", "http:\\\\example.com/", "http://example.com/a\\b"),
        *(" http://example.com/", "http://example.com/ ", "http://exa mple.com/", "http://example.com/\r\nHost: x"),
        *("http://example.com/\t", "http://exam\nple.com/", "http://example.com/\x00", "http://example.com/\x1b[31m"),
        *("http://example.com/\x7f", "http://example.com/\u202egnp.exe", "http://exa\u200bmple.com/", "h\udc80://x/"),
        *("http://example.com/\xa0", "http://example.com/\u2028", "http://example.com\u3000/", "\ufeffhttp://x.example/"),
    ],
    SCHEMES: [
        *("", "example.com", "//example.com/", "/etc/passwd", "file:///etc/passwd", "ftp://example.com/", "gopher://x/"),
        *("javascript:alert(1)", "data:text/html,x", "dict://x:11211/", "ldap://x/", "jar:http://x!/"),
        *("http:x.example", "http:/x.example", "https:", "ws://x.example/", "unix:///run/x.sock", "ｈttp://x.example/", "httpss://x/"),
    ],
    USER: [
        *("http://user:secret@example.com/", "http://user@example.com/", "http://@example.com/", "http://:@example.com/"),
        *("http://example.com@127.0.0.1/", "http://a@b@c.example/", "https://169.254.169.254:80@example.com/"),
    ],
    HOST: [
        *("http://", "http:///", "http:///etc", "http://?x", "http://#x", "http://:80/", "http://[]/", "http://./"),
        *("http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.01.1/", "http://0x7f000001/"),
        *("http://017700000001/", "http://0/", "http://127.0.1/", "http://1.2.3.0x4/", "http://x.example.1/"),
        *("http://127.0.0.1./", "http://a..example/", "http://.example/", "http://-a.example/", "http://a-.example/"),
        *("http://127.0.0.1%2f.example/", "http://exam%70le.com/", "http://example.com%00/", "http://a,b.example/"),
        *("http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[::1]x/", "http://[::1", "http://::1/"),
        *("http://$(id).example/", "http://a;b/", "http://a|b/", "http://*/", "http://a'b/", "http://{x}/"),
        *("http://" + "a" * 64 + ".example/", "http://" + "a." * 140 + "example/", "http://[v1.x]/", "http://[1.2.3.4]/"),
        *("http://x.example:+80/", "http://x.example:-1/", "http://x.example:８０/", "http://x.example:8_0/"),
        *("http://x.example:80:80/", "http://x.example:123456/", "http://x.example:http/", "http://x.example:80a/"),
    ],
    PORT: ["http://x.example:0/", "https://x.example:00000/", "http://x.example:65536/", "http://x.example:99999/"],
    UNREADABLE: [
        *("http://256.1.1.1/", "http://１２７.0.0.1/", "http://127.0.0.01/", "http://ex☃ample/", "http://a\u0300.example./"),
        *("http://①.example/", "http://" + "ü" * 64 + ".example/", "http://example.com/" + "a" * 70_000),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("what", "url"), [(what, url) for what, urls in UNASKED.items() for url in urls])
def test_a_url_that_may_not_be_asked_is_refused_before_anything_is_looked_up(
    what: str, url: str, tmp_path: Path
) -> None:
    resolver = Resolver([[PUBLIC]])
    said = refused(url, tmp_path, "127.0.0.1", "localhost", resolve=resolver)
    shown, do = said[1] or "", said[2] or ""
    assert said[0] in (what, UNREADABLE if what == HOST else what)
    assert shown.isprintable()
    assert (resolver.asked, [*tmp_path.iterdir()]) == ([], [])
    assert len(shown) <= 200
    assert "secret" not in shown
    assert do.endswith(".")


# Where a host may lead

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.7 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.254 127.0.0.1 127.255.255.254
    168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
    192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1
    255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.7 64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::1
    2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1 3fff::1 4000::1
    5f00::1 fc00::1 fd00:ec2::254 fd12:3456::1 fe80::1 fec0::1 ff02::1 ff0e::1
""".split()
OUTSIDE = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 93.184.215.14 100.63.255.255 100.128.0.1 126.0.0.1 128.0.0.1 172.15.0.1
    172.32.0.1 192.0.1.1 192.167.0.1 198.17.0.1 198.20.0.1 223.255.255.254 2001:200::1 2001:4860:4860::8888
    2606:4700:4700::1111 2a00:1450:4001::1 64:ff9b::8.8.8.8
""".split()


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_into_a_network_is_refused(address: str, tmp_path: Path) -> None:
    assert refused(f"https://{NAME}/plan.pdf", tmp_path, resolve=Resolver([[PUBLIC, address]])) == (
        f"{NAME} is at {address}, which is not a public address.",
        f"https://{NAME}/plan.pdf",
        f"If {NAME}:443 is yours, add it to private_hosts under [ingest] in tandem.toml.",
    )


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_within_a_network_is_refused_without_asking_anybody(address: str, tmp_path: Path) -> None:
    url = f"http://[{address}]:8080/" if ":" in address else f"http://{address}:8080/"
    resolver = Resolver([[PUBLIC]])
    what, _, _ = refused(url, tmp_path, resolve=resolver)
    assert (what, resolver.asked) == (f"{ip_address(address)}, which is not a public address.", [])


def test_addresses_on_the_internet_are_public() -> None:
    assert [address for address in OUTSIDE if not is_public(ip_address(address))] == []


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_no_address_is_public_that_anybody_calls_otherwise(address: IPv4Address) -> None:
    special = (
        address.is_private,
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_reserved,
    )
    disguises = [f"::{address}", f"::ffff:{address}", f"2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::1"]
    assert not (is_public(address) and any(special))
    assert [is_public(IPv6Address(each)) for each in disguises] == [False] * 3
    assert is_public(IPv6Address(f"64:ff9b::{address}")) == is_public(address)


@pytest.mark.usefixtures("tries_others")
def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(tmp_path: Path, way_out: list[str]) -> None:
    with site({"/": http(TEXT)}) as inside:
        resolver = Resolver([[PUBLIC], ["127.0.0.1"]])
        said = refused(f"http://{NAME}:{inside.port}/", tmp_path, resolve=resolver)
    assert said[0] == f"{NAME} cannot be reached."
    assert (resolver.asked, way_out, inside.asked) == ([NAME], [PUBLIC], [])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_itself_is_refused(host: str, tmp_path: Path) -> None:
    with site({"/": http(TEXT)}) as here:
        assert "not a public address" in refused(f"http://{host}:{here.port}/", tmp_path)[0]
    assert here.asked == []


def test_a_private_host_is_lifted_by_its_name_and_port_and_nothing_else(tmp_path: Path) -> None:
    resolver = Resolver([["127.0.0.1"]])
    with site({"/a.txt": http(TEXT)}) as wiki:
        url = f"http://{NAME}:{wiki.port}/a.txt"
        for private in (NAME, NAME.upper(), f"{NAME}:{wiki.port}"):
            fetched(url, tmp_path, [private], resolve=resolver).path.unlink()
        served = len(wiki.asked)
        for other in (
            f"{NAME}:80",
            f"x.{NAME}",
            "brightwater.example",
            f"{NAME}.",
            "127.0.0.1",
            wiki.host,
            "*",
            "example",
        ):
            assert "not a public address" in refused(url, tmp_path, other, resolve=resolver)[0]
    assert (served, len(wiki.asked)) == (3, 3)
    assert wiki.asked[0][1] == f"Host: {NAME}:{wiki.port}"


def test_a_private_host_of_ipv6_is_named_with_or_without_brackets(tmp_path: Path) -> None:
    url = "http://[0:0::1]:1/"
    said = [refused(url, tmp_path, private)[0] for private in ("::1", "[::1]", "[::0:1]:1", "[::1]:2", "::2")]
    refusal = "::1, which is not a public address."
    assert said == ["::1 cannot be reached."] * 3 + [refusal] * 2


@pytest.mark.parametrize("entry", ["http://wiki.example", "wiki.example:no", "256.1.1.1", "a b\n"])
def test_a_private_host_that_cannot_be_meant_lifts_nothing(entry: str, tmp_path: Path) -> None:
    with site({"/": http(TEXT)}) as wiki, pytest.raises(CannotFetch):
        fetched(wiki.url(), tmp_path, [entry])
    assert wiki.asked == []


def test_a_server_that_is_down_at_one_address_is_asked_at_the_next(tmp_path: Path) -> None:
    with site({"/a.txt": http(TEXT)}) as wiki:
        resolver = Resolver([["127.0.0.2", "::1", "127.0.0.1"]])
        fetched(f"http://{NAME}:{wiki.port}/a.txt", tmp_path, [NAME], resolve=resolver)
    assert (len(wiki.asked), resolver.asked) == (1, [NAME])


def nowhere(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("resolve", [nowhere, Resolver([[]])])
def test_a_name_without_an_address_cannot_be_reached(resolve: Any, tmp_path: Path) -> None:
    assert refused(f"https://{NAME}/x", tmp_path, resolve=resolve) == (
        f"{NAME} cannot be reached.",
        f"https://{NAME}/x",
        "Check its name and the network connection.",
    )


# Redirects

INSIDE = "which is not a public address."
UNREADABLE_REDIRECT = "It redirects to something that is not a URL."


@pytest.mark.parametrize(
    ("location", "what"),
    [
        ("http://127.0.0.1:OTHER/", f"127.0.0.1, {INSIDE}"),
        ("//127.0.0.1:OTHER/", f"127.0.0.1, {INSIDE}"),
        ("http://localhost:OTHER/", f"localhost is at 127.0.0.1, {INSIDE}"),
        ("http://rebind.example:OTHER/", f"rebind.example is at 127.0.0.1, {INSIDE}"),
        ("http://169.254.169.254/latest/meta-data/", f"169.254.169.254, {INSIDE}"),
        ("http://[::1]:OTHER/", f"::1, {INSIDE}"),
        ("http://[::ffff:127.0.0.1]:OTHER/", f"::ffff:7f00:1, {INSIDE}"),
        ("http://2130706433:OTHER/", HOST),
        ("http://127.1:OTHER/", HOST),
        ("http://0x7f.1:OTHER/", HOST),
        ("http://127.0.0.1:OTHER\\@1.1.1.1/", USER),
        ("http://a\\b/", CHARACTERS),
        ("http://1.1.1.1@127.0.0.1:OTHER/", USER),
        ("file:///etc/passwd", SCHEMES),
        ("gopher://127.0.0.1:OTHER/_GET", SCHEMES),
        ("ftp://127.0.0.1:OTHER/", SCHEMES),
        ("http://127.0.0.1:0/", PORT),
        ("http://a b/", HOST),
        ("/a\tb", UNREADABLE_REDIRECT),
        ("http://[::1", UNREADABLE_REDIRECT),
        ("", "It redirects, and does not say where to."),
    ],
)
def test_a_redirect_is_checked_as_the_url_was(location: str, what: str, tmp_path: Path) -> None:
    with site({"/": http(TEXT)}) as other, site() as wiki:
        wiki.answers["/"] = to(location.replace("OTHER", str(other.port)))
        said = refused(wiki.url(), tmp_path, wiki.host, resolve=Resolver([["127.0.0.1"]]))
    assert (said[0], len(wiki.asked), other.asked, [*tmp_path.iterdir()]) == (what, 1, [], [])


@pytest.mark.parametrize(("redirects", "followed"), [(5, True), (6, False)])
def test_five_redirects_are_enough(redirects: int, followed: bool, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {f"/{n}": to(f"/{n + 1}") for n in range(redirects)}
    with site({**answers, f"/{redirects}": http(TEXT, "text/plain")}) as wiki:
        if followed:
            assert fetched(wiki.url("/0"), tmp_path, [wiki.host]).at == wiki.url("/5")
        else:
            assert refused(wiki.url("/0"), tmp_path, wiki.host)[0] == "It redirects more than 5 times."
    assert len(wiki.asked) == 6


def test_a_name_is_resolved_anew_for_each_redirect(tmp_path: Path) -> None:
    resolver = Resolver([["127.0.0.1"], ["169.254.169.254"]])
    with site() as wiki:
        wiki.answers["/"] = to(f"http://other.example:{wiki.port}/")
        said = refused(f"http://{NAME}:{wiki.port}/", tmp_path, NAME, resolve=resolver)
    assert said[0] == f"other.example is at 169.254.169.254, {INSIDE}"
    assert resolver.asked == [NAME, "other.example"]


# TLS


@dataclass(frozen=True)
class Authority:
    """Issues certificates that only the one who is told so trusts."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())

    def server(self, name: str, folder: Path) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        file = folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + _certificate(name, key, self.key, self.certificate.subject).public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, _certificate("Brightwater test", key, key))


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, issuer: x509.Name | None = None
) -> x509.Certificate:
    subject, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


def test_over_tls_the_server_is_asked_by_its_name_at_the_address_that_was_checked(tmp_path: Path) -> None:
    ours = authority()
    with site({"/a.txt": http(TEXT, "text/plain")}, ours.server(NAME, tmp_path)) as wiki:
        url = f"https://{NAME}:{wiki.port}/a.txt"
        got = fetched(url, tmp_path, [NAME], resolve=Resolver([["127.0.0.1"]]), tls=ours.trust)
    assert (got.path.read_bytes(), got.source) == (TEXT, url)
    assert (wiki.names, wiki.asked[0][1]) == ([NAME], f"Host: {NAME}:{wiki.port}")


@pytest.mark.parametrize("host", ["files.brightwater.example", "127.0.0.1"])
def test_a_server_that_proves_another_name_is_refused(host: str, tmp_path: Path) -> None:
    ours = authority()
    with site({"/": http(TEXT)}, ours.server(NAME, tmp_path)) as wiki:
        resolver = Resolver([["127.0.0.1"]])
        said = refused(f"https://{host}:{wiki.port}/", tmp_path, host, resolve=resolver, tls=ours.trust)
    assert said[0].startswith(f"The server cannot prove that it is {host} (")
    assert wiki.asked == []


def test_a_server_that_nobody_vouches_for_is_refused_though_its_host_is_named(tmp_path: Path) -> None:
    with site({"/": http(TEXT)}, authority().server(NAME, tmp_path)) as wiki:
        resolver = Resolver([["127.0.0.1"]])
        said = refused(f"https://{NAME}:{wiki.port}/", tmp_path, NAME, resolve=resolver, tls=trusted())
    assert said == (
        f"The server cannot prove that it is {NAME} (unable to get local issuer certificate).",
        f"https://{NAME}:{wiki.port}/",
        "Download it in a browser and ingest the file.",
    )
    assert wiki.asked == []


def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path) -> None:
    ours = authority()
    with site({"/": http(TEXT)}) as plain, site(tls=ours.server(NAME, tmp_path)) as wiki:
        wiki.answers["/"] = to(plain.url())
        resolver = Resolver([["127.0.0.1"]])
        url = f"https://{NAME}:{wiki.port}/"
        said = refused(url, tmp_path, NAME, plain.host, resolve=resolver, tls=ours.trust)
    assert said[0] == "It redirects from https to http, where anybody could change it."
    assert plain.asked == []


def test_a_server_without_tls_is_no_https(tmp_path: Path) -> None:
    with site({"/": http(TEXT)}) as wiki:
        assert refused(f"https://{wiki.host}/", tmp_path, wiki.host)[0] == "127.0.0.1 cannot be reached."


# What came is no document


BROKE_OFF = "The server broke off, or does not speak HTTP."
LARGE = "It is larger than 1 MB."
DAMAGED = {
    "nothing at all": (b"", BROKE_OFF),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", BROKE_OFF),
    "half a header": (b"HTTP/1.1 200 OK\r\nContent-Ty", BROKE_OFF),
    "a header without end": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, BROKE_OFF),
    "less than was promised": (http(TEXT, "text/plain", Content_Length="5000"), BROKE_OFF),
    "lengths that differ": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", BROKE_OFF
    ),
    "a length below nothing": (http(TEXT, "text/plain", Content_Length="-1"), BROKE_OFF),
    "a chunk that is cut": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", BROKE_OFF),
    "chunks without end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", BROKE_OFF),
    "a chunk of a strange size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", BROKE_OFF),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", BROKE_OFF),
    "an empty document": (http(b"", "text/plain"), "The server sent an empty document."),
    "a large one": (http(b"x" * (1 << 20) + b"y", "text/plain"), LARGE),
    "a large one without a length": (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (1 << 21), LARGE),
    "a bomb": (packed(gzip.compress(b"\0" * (64 << 20))), LARGE),
    "a bomb of chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fff\r\n" + b"x" * 0xFFF + b"\r\n"
        + (b"fff\r\n" + b"x" * 0xFFF + b"\r\n") * 300, LARGE
    ),
    "half of a pack": (packed(gzip.compress(TEXT)[:-9]), "It came packed, and not whole."),
    "a pack and more": (packed(gzip.compress(TEXT) + b"x"), "It came packed, and not whole."),
    "a damaged pack": (packed(b"\x1f\x8b" + TEXT), "It came packed, and is damaged."),
    "packed twice": (http(TEXT, Content_Encoding="gzip, gzip"), "It came packed in a way that was not asked for."),
    "another pack": (http(TEXT, Content_Encoding="br"), "It came packed in a way that was not asked for."),
    "not found": (http(TEXT, "text/html", "404 Gone fishing"), "The server answered 404 Not Found."),
    "forbidden": (http(TEXT, "text/html", "403 Forbidden"), "The server answered 403 Forbidden."),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "The server answered 204 No Content."),
    "a part": (http(TEXT, "text/html", "206 Partial Content"), "The server answered 206 Partial Content."),
    "as before": (b"HTTP/1.1 304 Not Modified\r\n\r\n", "The server answered 304 Not Modified."),
    "a choice": (http(TEXT, "text/html", "300 Many"), "The server answered 300 Multiple Choices."),
    "an odd status": (http(TEXT, "text/html", "799 ?"), "The server answered 799."),
    "down": (http(TEXT, "text/html", "503 Service Unavailable"), "The server answered 503 Service Unavailable."),
    "a picture": (http(PNG, "image/png"), "It is image/png, which is not read."),
    "a picture that is called text": (http(PNG, "text/plain"), "It is text/plain, which is not read."),
    "a page that is called PDF": (http(b"<p>Sign in", "application/pdf"), "It is application/pdf, which is not read."),
    "a PDF that is called a page": (http(PDF, "text/html"), "It is text/html, which is not read."),
    "an old kind": (http(b"\xd0\xcf\x11\xe0\0", "application/msword"), "It is application/msword, which is not read."),
    "no kind": (http(TEXT), "It is a kind that the server does not name, which is not read."),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "what"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_whole_document_is_refused(answer: bytes, what: str, tmp_path: Path) -> None:
    with site({"/x": answer}) as wiki:
        said = refused(wiki.url("/x"), tmp_path, wiki.host, largest=1 << 20)
    assert (said[0], said[1]) == (what, wiki.url("/x"))


def drip(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def send(client: socket.socket) -> None:
        client.sendall(head)
        for _ in range(1000):
            client.sendall(piece)
            time.sleep(0.02)

    return send


SLOW: dict[str, Answer] = {
    "says nothing": drip(b"", b""),
    "a line of its header by and by": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a byte of its header by and by": drip(b"HTTP/1.1 200 OK\r\nX:", b"y"),
    "a byte by and by": drip(http(b"", "text/plain", Content_Length="100000"), b"x"),
    "a chunk by and by": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "wait, for ever": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a pack of nothing": drip(packed(gzip.compress(b"")[:10], Content_Length="9000"), b"\0\0\0\xff\xff"),
}  # fmt: skip


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_server_has_so_much_time_in_all(answer: Answer, tmp_path: Path) -> None:
    with site({"/": answer}) as wiki:
        start = time.monotonic()
        said = refused(wiki.url(), tmp_path, wiki.host, seconds=0.3)
        took = time.monotonic() - start
    assert said == (
        "There was no whole document after 0.3 s.",
        wiki.url(),
        "Try again later, or download it in a browser and ingest the file.",
    )
    assert took < 5


def test_a_server_has_that_time_for_all_its_redirects(tmp_path: Path) -> None:
    def late(client: socket.socket) -> None:
        time.sleep(0.2)
        client.sendall(to("/"))

    with site({"/": late}) as wiki:
        assert refused(wiki.url(), tmp_path, wiki.host, seconds=0.5)[0] == "There was no whole document after 0.5 s."


def test_a_resolver_and_a_tls_server_that_say_nothing_have_that_time_too(tmp_path: Path) -> None:
    def asleep(host: str, port: int) -> list[str]:
        time.sleep(10)
        return []

    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        said = [
            refused(f"http://{NAME}/", tmp_path, resolve=asleep, seconds=0.3)[0],
            refused(f"https://{host}/", tmp_path, host, seconds=0.3)[0],
        ]
    assert said == ["There was no whole document after 0.3 s."] * 2
    assert time.monotonic() - start < 5


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with site({"/": http(TEXT, "text/plain")}) as wiki:
        said = refused(wiki.url(), tmp_path / "gone", wiki.host)
    assert said == ("It cannot be kept: No such file or directory.", wiki.url(), "Make room for it, then try again.")


def test_every_kind_that_has_a_name_of_its_own_is_read() -> None:
    from ingest.loaders import kinds

    assert set(ENDINGS.values()) - kinds() == set()


# Whatever is asked for

HOSTS = st.one_of(
    st.sampled_from(
        ["x.example", "127.0.0.1", "[::1]", "0x7f.1", "2130706433", "127。0。0。1", "ⓛocalhost", "８.8.8.8", ""]
    ),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map("[{}]".format),
    st.text(max_size=12),
)
URLS = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "file", ""]),
        st.sampled_from(["", "", "", "a@", "a:b@", "\\@", "%40"]),
        HOSTS,
        st.one_of(st.just(""), st.integers(-1, 70_000).map(":{}".format), st.text(max_size=4).map(":{}".format)),
        st.text(max_size=20).map("/{}".format),
    ),
)


def test_whatever_the_url_only_public_addresses_are_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: set[str] = set()

    def connect(backend: object, address: str, port: int, timeout: float) -> httpcore.NetworkStream:
        reached.add(address)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    tls = ssl.create_default_context()

    @settings(max_examples=500, deadline=None)
    @given(URLS, st.lists(st.ip_addresses().map(str), max_size=3))
    @example("https://docs.example/plan.pdf", ["93.184.216.34"])
    def ask(url: str, addresses: list[str]) -> None:
        with pytest.raises(CannotFetch) as caught:
            fetched(url, tmp_path, resolve=Resolver([addresses]), tls=tls)
        assert (caught.value.value or "").isprintable()

    ask()
    assert reached
    assert [address for address in reached if not is_public(ip_address(address))] == []


def test_whatever_a_server_says_is_a_document_or_refused(tmp_path: Path) -> None:
    texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=30)
    answers: dict[str, Answer] = {}
    tls = ssl.create_default_context()

    @settings(max_examples=150, deadline=None)
    @given(st.one_of(st.sampled_from(["text/plain", "text/html; charset=", "a/b"]), texts), texts, texts, st.binary())
    def ask(media: str, more: str, disposition: str, body: bytes) -> None:
        told = {"Content_Disposition": f"attachment; filename{disposition}", "Location": disposition}
        answers["/x.txt"] = http(body, media + more, **told)
        into = tmp_path / str(time.monotonic_ns())
        into.mkdir()
        try:
            path = fetched(wiki.url("/x.txt"), into, [wiki.host], tls=tls).path
        except CannotFetch:
            return
        assert [*into.iterdir()] == [path]

    with site(answers) as wiki:
        ask()

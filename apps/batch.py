"""JSON lines in, JSON lines out, in the same order: a line that fails says so and the rest goes on."""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from apps.question import UsageWrong
from ingest.errors import Trouble

Line = Mapping[str, Any]


async def answered(file: str, out: TextIO, answer: Callable[[Line], Awaitable[Mapping[str, Any]]]) -> int:
    """How many lines failed."""
    failed = 0
    with _opened(file) as lines:
        for raw in lines:
            if raw.strip():
                result = await _answered(raw, answer)
                failed += "error" in result
                print(json.dumps(result, ensure_ascii=False), file=out, flush=True)
    return failed


async def _answered(raw: str, answer: Callable[[Line], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
    name = None
    try:
        line = _line(raw)
        name = line.get("id")
        return {**await answer(line), "id": name}
    except Trouble as trouble:
        return {"id": name, "error": as_error(trouble)}


def as_error(trouble: Trouble) -> dict[str, str | None]:
    return {"what": trouble.what, "value": trouble.value, "do": trouble.do}


def _line(raw: str) -> Line:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageWrong(f"The line is not JSON ({error}).", raw.strip()[:80], "Write one object a line.") from error
    if not isinstance(line, dict):
        raise UsageWrong("The line is not a JSON object.", raw.strip()[:80], 'Write {"id": …, "question": …}.')
    return line


@contextmanager
def _opened(file: str) -> Iterator[Iterator[str]]:
    if file == "-":
        yield iter(sys.stdin)
        return
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as lines:
            yield iter(lines)
    except OSError as error:
        raise UsageWrong(f"The batch cannot be read ({error.strerror}).", file, "Check the path.") from error

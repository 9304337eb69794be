"""Where an Ollama has no model to write with: asks whether to pull one, and shows how far that is."""

import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol, TextIO

from apps.settings import Settings
from apps.show import one_line, plain, said, shortened
from apps.wiring import Places
from models.errors import ModelUnavailable
from models.ollama import PREFERENCE, Ollama, here, pull

MODEL, SIZE = PREFERENCE[0], "2.5 GB"
"""What is offered, and what Ollama's library says it takes."""
BY_HAND = f"Run: ollama pull {MODEL}"


class Installation(Protocol):
    """What of the parts is looked at."""

    @property
    def settings(self) -> Settings: ...
    @property
    def places(self) -> Places: ...
    @property
    def ollama(self) -> Ollama | None: ...


def offer(parts: Installation, stdin: TextIO, stdout: TextIO) -> bool:
    """Whether a model came. Nothing is pulled without an explicit yes, and only at a terminal is anybody asked."""
    ollama = without_a_model(parts)
    if ollama is None or not _at_terminal(stdin, stdout):
        return False
    return _says_yes(ollama, stdin, stdout) and _pulled(ollama, stdout)


def offer_once(parts: Installation, stdin: TextIO, stdout: TextIO) -> bool:
    """The same where a chat starts: a no is remembered, and elsewhere than at a terminal is said what to run."""
    ollama, refused = without_a_model(parts), parts.places.data / "offered"
    if ollama is None or refused.exists():
        return False
    if not _at_terminal(stdin, stdout):
        print(f"tandem: {lack(ollama)} {BY_HAND}", file=sys.stderr)
        return False
    if _says_yes(ollama, stdin, stdout):
        return _pulled(ollama, stdout)
    _remember(refused)
    return False


def without_a_model(parts: Installation) -> Ollama | None:
    """The Ollama that has nothing for `auto` to pick."""
    found = parts.ollama if parts.settings.models.small == "auto" else None
    return found if found is not None and found.preferred is None else None


def lack(ollama: Ollama) -> str:
    where = "here" if here(ollama.url) else f"at {plain(ollama.url)}"
    what = "none of the models that are picked without being named" if ollama.writers else "no model"
    return f"Ollama runs {where} but has {what}."


def _at_terminal(stdin: TextIO, stdout: TextIO) -> bool:
    return stdin.isatty() and stdout.isatty()


def _says_yes(ollama: Ollama, stdin: TextIO, stdout: TextIO) -> bool:
    wish = "so that answers are written and not only quoted"
    stdout.write(f"{lack(ollama)} Pull {MODEL} ({SIZE}) {wish}? [y/N] ")
    stdout.flush()
    try:
        return stdin.readline().strip().lower() in ("y", "yes")
    except UnicodeDecodeError:
        return False


def _remember(refused: Path) -> None:
    with suppress(OSError):  # then it is asked once more
        refused.parent.mkdir(parents=True, exist_ok=True)
        refused.write_text(f"{MODEL}: no\n", "utf-8")


def _pulled(ollama: Ollama, stdout: TextIO) -> bool:
    try:
        _watch(ollama)
    except ModelUnavailable as trouble:
        print(f"tandem: {said(trouble)}", file=sys.stderr)
        return False
    except KeyboardInterrupt:
        print(f"tandem: Stopped; what is already there is kept. {BY_HAND}", file=sys.stderr)
        return False
    print(f"{MODEL} is there.", file=stdout)
    return True


def _watch(ollama: Ollama) -> None:
    """A bar with bytes, speed and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        *(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with (
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
        closing(pull(ollama.url, MODEL)) as pulling,
    ):
        task = bar.add_task(MODEL, total=None)
        for pulled in pulling:
            told = shortened(one_line(f"{MODEL}: {pulled.status}"), 40)
            bar.update(task, description=told, completed=pulled.completed, total=pulled.total or None)

"""While an answer is worked on: the boxes that are done, then its words as they come; gone when the answer is there."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from apps.show import plain, screen
from graphs.conversation import Event, Step, Words
from graphs.reply import Reply

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


async def watched(events: AsyncIterator[Event], stdout: TextIO) -> Reply:
    """The reply; on a terminal it can be read while it is written."""
    done: list[str] = []
    written, reply = "", None
    with _working(stdout) as tell:
        async for event in events:
            if isinstance(event, Step):
                done.append(event.name)
            elif isinstance(event, Words):
                written = written + event.text if event.text else ""
            else:
                reply = event
            tell(written or " → ".join(done))
    if reply is None:
        raise RuntimeError("the run ended without a reply")
    return reply


@contextmanager
def _working(stdout: TextIO) -> Iterator[Callable[[str], None]]:
    if not stdout.isatty():
        yield lambda told: None
        return
    from rich.live import Live
    from rich.spinner import Spinner

    console, spinner, told = screen(stdout), Spinner("dots", style="status.spinner"), "working"

    def drawn() -> Spinner:
        spinner.update(text=_end_of(told, console))
        return spinner

    def tell(now: str) -> None:
        nonlocal told
        told = now

    # What is told is laid out when it is drawn, which is less often than a word comes.
    with Live(console=console, get_renderable=drawn, refresh_per_second=12.5, transient=True):
        yield tell


def _end_of(told: str, console: "Console") -> "Text":
    """As much as fits on the screen."""
    from rich.text import Text

    # As a whole: an escape sequence may come in two pieces.
    text, width = plain(told), max(console.width - 4, 8)
    # Of a long text the last one to two screens are laid out, beginning at the same place for many words.
    page = width * console.height
    begin = max(len(text) // page - 1, 0) * page
    lines = Text(text[begin:]).wrap(console, width)
    return Text("\n").join(lines[-max(console.height - 2, 1) :])

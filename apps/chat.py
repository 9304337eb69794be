"""A conversation in lines: what is typed is a command or a question, and the answer is shown with its sources."""

import asyncio
import io
import os
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.output import create_output

from apps.live import watched
from apps.question import checked
from apps.receipts import receipt_lines
from apps.show import Line, answer_lines, plain, said, say, shortened, source_lines, why_lines
from graphs.conversation import Conversation, Event
from graphs.reply import Reply
from ingest.errors import Trouble

COMMANDS = {
    "/help": "what can be typed here",
    "/why": "how the last answer was decided: each box, on which figures, in which time",
    "/receipt": "what left this machine for the last answer, to whom, and what it cost",
    "/sources": "the full quotes of the last answer",
    "/new": "start a new conversation",
    "/quit": "leave",
}
PROMPT = "> "
HELP = [
    *(Line(told, head=f"{name:<11}") for name, told in COMMANDS.items()),
    Line("Anything else is a question. Ctrl-C stops an answer, Ctrl-D leaves."),
]
HOW_TO_LEAVE = "Press Ctrl-C once more, or Ctrl-D, to leave."


async def run_chat(conversation: Conversation, opening: str, history: Path, stdin: TextIO, stdout: TextIO) -> int:
    """Until the user leaves; a line editor on a terminal, plain lines elsewhere."""
    for stream in (stdin, stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    out = Out(stdout)
    chat = Chat(conversation, out)
    out.say(Line(f"Hello! {opening} Type /help for the commands."), Line(""))
    if not (stdin.isatty() and stdout.isatty()):
        await chat.hear_all(_read(stdin, out))
        return 0
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, chat.stop)
    try:
        await chat.hear_all(_typed(stdin, stdout, history, out))
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return 0


# What is said ---------------------------------------------------------------------------------------------------------


class Out:
    """Where a chat is shown."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def say(self, *lines: Line) -> None:
        say(lines, self._stdout)

    async def watch(self, events: AsyncIterator[Event]) -> Reply:
        return await watched(events, self._stdout)


class Chat:
    """One user's threads, one after the other; it knows no terminal."""

    def __init__(self, conversation: Conversation, out: Out) -> None:
        self._conversation, self._out = conversation, out
        self._asking: asyncio.Task[Reply] | None = None
        self._start()

    async def hear_all(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            text = plain(line).strip()
            if text.lower() == "/quit":
                return
            if text:
                self._out.say(*await self._heard(text), Line(""))

    def stop(self) -> None:
        """Give up the answer that is being worked on, if any."""
        if self._asking is not None and not self._asking.cancelling():
            self._asking.cancel()  # once: a second Ctrl-C would cut short what closes the model's connection

    async def _heard(self, text: str) -> list[Line]:
        name = text.split()[0]
        if name.startswith("/") and "/" not in name[1:]:  # /etc/hosts is no command
            return self._command(text)
        try:
            return await self._answer(checked(text))
        except Trouble as trouble:
            return [Line(said(trouble), "red")]

    def _command(self, text: str) -> list[Line]:
        name = text.lower()
        if name not in COMMANDS:
            return [Line(f"There is no command {shortened(text, 40)}; there are {', '.join(COMMANDS)}.", "red")]
        if name == "/help":
            return HELP
        if name == "/new":
            self._start()
            return [Line("A new conversation. The earlier questions are left behind.")]
        if self._last is None:
            return [Line("Nothing has been answered yet.")]
        if name == "/receipt":
            return receipt_lines(self._last["receipt"])
        return why_lines(self._last) if name == "/why" else source_lines(self._last)

    def _start(self) -> None:
        self._thread = uuid.uuid4().hex
        self._last: Reply | None = None

    async def _answer(self, question: str) -> list[Line]:
        self._asking = asyncio.ensure_future(self._out.watch(self._conversation.run(question, self._thread)))
        try:
            self._last = await self._asking
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return [Line("Stopped.")]
        finally:
            self._asking = None
        return answer_lines(self._last)


def _is_cancelled() -> bool:
    """Whether the chat itself is to end, and not just its answer."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


# What is typed --------------------------------------------------------------------------------------------------------


async def _read(stdin: TextIO, out: Out) -> AsyncIterator[str]:
    """Each line, repeated so that the output is a whole transcript."""
    while line := stdin.readline():
        text = plain(line).strip()
        if text:
            out.say(Line(text, head=PROMPT))
        yield text


async def _typed(stdin: TextIO, stdout: TextIO, history: Path, out: Out) -> AsyncIterator[str]:
    session: PromptSession[str] = PromptSession(
        PROMPT,
        input=create_input(stdin),
        output=create_output(stdout),
        history=_history(history, out),
        completer=WordCompleter([*COMMANDS], meta_dict=COMMANDS, sentence=True),
        # Room for the menu is made only while a command is typed.
        complete_while_typing=Condition(lambda: get_app().current_buffer.text.startswith("/")),
    )
    leaving = False
    while True:
        try:
            # Ctrl-C as a signal is ours: what prompt_toolkit sets, it also takes away.
            line = await session.prompt_async(handle_sigint=False)
        except EOFError:
            return
        except KeyboardInterrupt:
            typed = session.default_buffer.text
            if leaving and not typed:
                return
            leaving = not typed
            if leaving:
                out.say(Line(HOW_TO_LEAVE, "dim"))
            continue
        leaving = False
        yield line


def _history(file: Path, out: Out) -> History:
    """What was typed, for its owner's eyes; in memory where no file can be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except OSError as error:
        out.say(Line(f"What is typed will not be remembered: {file}: {error.strerror}.", "dim"))
        return InMemoryHistory()
    return Remembered(str(file))


class Remembered(FileHistory):
    def store_string(self, string: str) -> None:
        super().store_string(plain(string))  # pasted bytes that are no text could not be written

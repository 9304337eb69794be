"""`tandem …`: arguments in, an exit code out."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# numpy's own threads would fight with onnxruntime's; it reads this when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A tracing key in the environment must not send what is asked to a tracing service.
os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"

DONE, SOME_FAILED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # What is imported stays: looking through it for garbage takes a quarter of the start.
    gc.disable()
    from apps import commands
    from apps.question import UsageWrong
    from apps.settings import SettingsWrong
    from apps.show import said
    from ingest.errors import Trouble
    from models.errors import ModelUnavailable
    from privacy.failures import ModelFailed

    gc.freeze()
    gc.enable()
    try:
        code: int = getattr(commands, given.command)(given)
    except (SettingsWrong, UsageWrong) as trouble:
        code = _failed(said(trouble), USAGE)
    except (ModelUnavailable, ModelFailed) as trouble:
        code = _failed(said(trouble), UNREACHABLE)
    except Trouble as trouble:
        code = _failed(said(trouble), SOME_FAILED)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    return code


def _failed(message: str, code: int) -> int:
    print(f"tandem: {message}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="more settings")
    everywhere.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="the data folder")
    everywhere.add_argument(
        "--mode", choices=["hybrid", "small", "large"], default=argparse.SUPPRESS, help="which models may answer"
    )
    top = argparse.ArgumentParser(
        prog="tandem",
        parents=[everywhere],
        description="A workplace assistant: a small model on your machine does the work.",
        epilog='example: tandem ask "How much does the company match on my 401k?"',
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str, example: str, *, json: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, parents=[everywhere], help=help, description=help, epilog=f"example: tandem {example}"
        )
        if json:
            added.add_argument("--json", action="store_true", help="print JSON")
        return added

    command("chat", "Ask questions in a conversation.", "chat", json=False)

    ask = command("ask", "Answer one question.", 'ask "When is payday?"')
    _text_or_batch(ask, "question")
    ask.add_argument("--collection", metavar="C", help="answer from these documents, whatever the question is about")
    ask.add_argument("--thread", metavar="T", help="go on with this conversation")
    ask.add_argument("--explain", action="store_true", help="show each box that it went through, and what that decided")
    ask.add_argument("--dry-run", action="store_true", help="show what would be sent to whom, and send nothing")

    triage = command("triage", "Show what a message asks for.", 'triage "Will it rain in Oslo, and when is payday?"')
    _text_or_batch(triage, "text")

    search = command("search", "Show the passages that fit a query.", "search 'vesting schedule' -k 3")
    _text_or_batch(search, "query")
    search.add_argument("-k", type=int, default=10, help="how many (default: 10)")
    search.add_argument("--collection", metavar="C", help="search only these documents")

    ingest = command("ingest", "Make the index hold what a folder holds.", "ingest handbook.pdf --collection benefits")
    ingest.add_argument("path", nargs="*", help="folders, files, addresses (default: the configured collections)")
    ingest.add_argument("--collection", metavar="C", help="default: the configured one that the path is in")
    ingest.add_argument("--label", choices=["public", "internal", "restricted"], help="default: internal")
    ingest.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    ingest.add_argument("--watch", action="store_true", help="go on following the folders until Ctrl-C")
    ingest.add_argument("--beside", type=int, help=argparse.SUPPRESS)  # the server that follows its folders

    command("documents", "List the documents in the index.", "documents")

    forget = command("forget", "Remove a document from the index.", "forget handbook.pdf --collection benefits")
    forget.add_argument("source", help="its name, as `tandem documents` shows it")
    forget.add_argument("--collection", metavar="C", help="only from this collection")

    embed = command("embed", "Search the documents with another embedder.", "embed ollama:nomic-embed-text")
    embed.add_argument("embedder", help="embedded, or ollama:nomic-embed-text")

    serve = command("serve", "Answer over HTTP, with LangServe.", "serve --port 8080", json=False)
    serve.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="the port (default: 8080)")
    serve.add_argument("--watch", action="store_true", help="follow the configured folders in a process beside it")

    evaluate = command("eval", "Measure answers on a set of questions.", "eval evals/company")
    evaluate.add_argument("dir", type=Path, help="a folder with questions.jsonl")
    evaluate.add_argument("--rows", type=Path, metavar="FILE", help="write a JSON line for each question")
    evaluate.add_argument(
        "--near-misses", action="store_true", help="add questions that the documents almost answer, made by rule"
    )

    command("stats", "Show how the models fared: answers, failures, times, tokens.", "stats")

    receipts = command("receipts", "List what left this machine, answer by answer, and its cost.", "receipts --json")
    receipts.add_argument("--since", metavar="DATE", help="only from this day on, such as 2026-11-20 (in UTC)")

    graph = command("graph", "Draw the state machine.", "graph --ascii", json=False)
    how = graph.add_mutually_exclusive_group()
    how.add_argument("--ascii", action="store_true", help="for a terminal, not as mermaid")
    how.add_argument("--thread", metavar="T", help="with the way that the last answer of this conversation took")

    command("doctor", "Check this installation, with a remedy for each finding.", "doctor")
    return top


def _text_or_batch(command: argparse.ArgumentParser, name: str) -> None:
    one = command.add_mutually_exclusive_group(required=True)
    one.add_argument(name, nargs="?", help=f"the {name}")
    one.add_argument("--batch", metavar="FILE", help=f'JSON lines with "id" and "{name}"; - is standard input')


if __name__ == "__main__":
    sys.exit(main())

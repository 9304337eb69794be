"""What each command does, once its arguments are read."""

import asyncio
import json
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from apps import batch
from apps.indexing import index_configured
from apps.live import watched
from apps.question import UsageWrong, checked
from apps.settings import ROOT, Settings, read
from apps.show import Line, plain, say, show, why_lines
from apps.wiring import Parts, Places, cache_folder
from graphs.conversation import Conversation
from ingest.index import Index
from ingest.labels import told_of

if TYPE_CHECKING:
    from apps.dry_run import DryRun

DONE, SOME_FAILED = 0, 1


def chat(given: Namespace) -> int:
    from apps.chat import run_chat
    from apps.offer import offer_once

    parts = _parts(given)
    if offer_once(parts, sys.stdin, sys.stdout):
        parts = _parts(given)  # a model has come: look again
    index_configured(parts)

    async def talk() -> int:
        async with parts.conversation() as conversation:
            Thread(target=parts.warm, daemon=True).start()  # while the first question is typed
            return await run_chat(conversation, parts.opening(), parts.places.data / "history", sys.stdin, sys.stdout)

    return asyncio.run(talk())


def ask(given: Namespace) -> int:
    parts = _parts(given, given.dry_run)
    if given.batch is None:
        checked(given.question)
    _check_collection(given.collection, parts.settings, parts.places.data)
    index_configured(parts)
    return asyncio.run(_ask(given, parts))


async def _ask(given: Namespace, parts: Parts) -> int:
    if given.batch is not None:
        parts.tokens.load()
    dry = parts.dry
    async with parts.conversation() as conversation:

        async def answer(line: Mapping[str, Any]) -> Mapping[str, Any]:
            question = checked(line.get("question"))
            collection, thread = line.get("collection", given.collection), line.get("thread", given.thread)
            _check_collection(collection, parts.settings, parts.places.data)
            if dry:
                return await _rehearsed(conversation, parts, dry, question, _thread(thread), collection)
            return await conversation.ask(question, _thread(thread), collection, _name(line.get("id")))

        if given.batch is not None:
            return SOME_FAILED if await batch.answered(given.batch, sys.stdout, answer) else DONE
        if given.json:
            _print_json(await answer({"question": given.question}))
            return DONE
        if dry:
            from apps.dry_run import lines

            say(lines(await answer({"question": given.question})), sys.stdout)
            return DONE
        question, thread = checked(given.question), _thread(given.thread)
        reply = await watched(conversation.run(question, thread, given.collection), sys.stdout)
        show(reply, sys.stdout)
        if given.explain:
            say([Line(""), *why_lines(reply)], sys.stdout)
        return DONE


async def _rehearsed(
    conversation: Conversation, parts: Parts, dry: "DryRun", question: str, thread: str | None, collection: str | None
) -> Mapping[str, Any]:
    from apps.dry_run import report

    dry.sendings.clear()
    reply = await conversation.rehearse(question, thread, collection)
    parts.tokens.load()
    exact, notices = parts.tokens.exact, reply["notices"]
    return report(question, dry.sendings, parts.known_prices, parts.tokens.count, not exact, notices)


def triage(given: Namespace) -> int:
    parts = _parts(given)

    async def answer(line: Mapping[str, Any]) -> Mapping[str, Any]:
        began = time.perf_counter()
        heard = await parts.triage.read(checked(line.get("text"), "text"), asking=parts.asking())
        return {
            "id": None,
            "parts": [
                {
                    "text": h.text,
                    "intent": h.intent,
                    "score": h.score,
                    "confidence": h.confidence,
                    "place": h.place,
                    "by": h.by,
                }
                for h in heard
            ],
            "intent": heard[0].intent,
            "score": heard[0].score,
            "ms": _ms(began),
        }

    def tell(result: Mapping[str, Any]) -> None:
        for part in result["parts"]:
            place = f", place {part['place']}" if part["place"] else ""
            print(
                f"{part['intent']} (confidence {part['confidence']:.2f}), difficulty {part['score']:.1f}{place}:"
                f" {plain(part['text'])}"
            )

    return asyncio.run(_one_or_batch(given, "text", answer, tell))


def search(given: Namespace) -> int:
    parts = _parts(given)
    if not Index.made(parts.places.data):
        raise UsageWrong(
            "There is no index yet.", str(parts.places.data), "Run: tandem ingest PATH --collection C, or: tandem chat"
        )
    if given.k < 1:
        raise UsageWrong("That is no number of passages.", str(given.k), "Give -k a number from 1 on.")

    async def answer(line: Mapping[str, Any]) -> Mapping[str, Any]:
        began = time.perf_counter()
        query, collection = checked(line.get("query"), "query"), line.get("collection", given.collection)
        _check_collection(collection, parts.settings, parts.places.data)
        collections = [collection] if collection else parts.searched()
        asking = parts.asking()
        evidence = await parts.finder.search(query, collections, given.k, asking=asking)
        fields = ("collection", "source", "page", "pages", "score", "heading", "text")
        return {
            "id": None,
            "passages": [{name: getattr(passage, name) for name in fields} for passage in evidence.passages],
            "notices": asking.notices,
            "ms": _ms(began),
        }

    def tell(result: Mapping[str, Any]) -> None:
        for passage in result["passages"]:
            print(plain(f"{passage['score']:.2f}  {passage['source']}, page {passage['page']}  {passage['heading']}"))
            print(plain(f"      {passage['text'][:300]}"))
        if not result["passages"]:
            print("No passage fits.")
        for notice in result["notices"]:
            print(plain(f"Note: {notice}"))

    return asyncio.run(_one_or_batch(given, "query", answer, tell))


async def _one_or_batch(given: Namespace, name: str, answer: Any, tell: Any) -> int:
    if given.batch is not None:
        return SOME_FAILED if await batch.answered(given.batch, sys.stdout, answer) else DONE
    result = await answer({name: getattr(given, name)})
    if given.json:
        _print_json(result)
    else:
        tell(result)
    return DONE


def ingest(given: Namespace) -> int:
    from apps.ingesting import run

    return run(_parts(given), given)


SHOWN = ("collection", "source", "title", "label", "groups", "pages", "superseded", "passages")
"""Of a document."""


def documents(given: Namespace) -> int:
    parts = _parts(given)
    rows = parts.index.store.documents() if Index.made(parts.places.data) else []
    if given.json:
        _print_json({"documents": [{name: asdict(row)[name] for name in SHOWN} for row in rows]})
        return DONE
    for row in rows:
        readers = f", for {told_of(row.groups)}" if row.groups else ""
        told = f"{row.label}{readers}, {row.pages} pages, {row.passages} passages"
        print(plain(f"{row.collection}/{row.source}  {told}"))
    if not rows:
        print("There are no documents yet. Run: tandem ingest PATH --collection C")
    return DONE


def forget(given: Namespace) -> int:
    parts = _parts(given)
    gone = parts.writer.forget(given.source, given.collection) if Index.made(parts.places.data) else []
    if not gone:
        raise UsageWrong(
            "There is no such document in the index.", given.source, "Name one that `tandem documents` lists."
        )
    if given.json:
        _print_json({"forgotten": [{"collection": row.collection, "source": row.source} for row in gone]})
    else:
        for row in gone:
            print(plain(f"Forgot {row.collection}/{row.source}."))
            if row.is_there:
                print("Its file is still there: the next ingest of its folder takes it in again.", file=sys.stderr)
    return DONE


def embed(given: Namespace) -> int:
    from apps.moving import move

    return move(_parts(given), given.embedder, as_json=given.json)


def serve(given: Namespace) -> int:
    from apps.following import followed
    from apps.server import serve as run

    parts = _parts(given)
    index_configured(parts)
    server = parts.settings.server
    with followed(given) if given.watch else nullcontext():
        return run(parts, given.host or server.host, server.port if given.port is None else given.port)


def eval(given: Namespace) -> int:
    from apps.evaluate import evaluate

    parts = _parts(given)
    return evaluate(parts, given.dir, near_misses=given.near_misses, rows=given.rows, as_json=given.json)


def stats(given: Namespace) -> int:
    from apps.stats import FILE, lines, report

    found = report(_parts(given).places.data / FILE)
    if given.json:
        _print_json(found)
    else:
        say(lines(found), sys.stdout)
    return DONE


def receipts(given: Namespace) -> int:
    from apps.receipts import lines, report

    parts = _parts(given)
    found = report(parts.ledger, given.since, parts.settings.budget.usd_per_month, time.time())
    if given.json:
        _print_json(found)
    else:
        say(lines(found), sys.stdout)
    return DONE


def graph(given: Namespace) -> int:
    from graphs.assistant import assistant

    parts = _parts(given)
    path = _last_path(parts, given.thread) if given.thread is not None else []
    drawn = assistant(sorted(parts.policy.tools)).get_graph(xray=True)
    print(drawn.draw_ascii() if given.ascii else drawn.draw_mermaid(with_styles=False), end="")
    if path:
        print(f"\tclassDef taken {TAKEN};\n\tclass {','.join(_as_drawn(path))} taken;")
    return DONE


TAKEN = "fill:#ffe08a,stroke:#8a6d00,stroke-width:2px"


def _last_path(parts: Parts, thread: str) -> list[str]:
    from privacy.receipts import last_path

    path = None
    if parts.ledger.exists:
        with parts.ledger.reading() as connection:
            path = last_path(connection, thread)
    if path is None:
        raise UsageWrong("No answer of that conversation is known.", thread, "Name one that `tandem receipts` lists.")
    return path


def _as_drawn(path: Sequence[str]) -> list[str]:
    """The boxes by mermaid's names for them, with where the way begins and ends."""
    inner = [f"{name.partition(':')[0]}:__end__" for name in path if ":" in name]
    ends = ["__end__"] if path[-1] == "compose" else []
    return [name.replace(":", "\\3a") for name in dict.fromkeys(["__start__", *path, *inner, *ends])]


def doctor(given: Namespace) -> int:
    from apps.doctor import findings
    from apps.offer import offer

    parts = _parts(given)
    found = findings(parts)
    if given.json:
        _print_json({"findings": [asdict(finding) for finding in found]})
    else:
        for finding in found:
            remedy = f"  → {finding.do}" if finding.do else ""
            print(plain(f"{'ok ' if finding.ok else '!! '} {finding.name}: {finding.told}{remedy}"))
        offer(parts, sys.stdin, sys.stdout)
    return DONE if all(finding.ok for finding in found) else SOME_FAILED


def _parts(given: Namespace, dry_run: bool = False) -> Parts:
    mode = {"routing.mode": given.mode} if "mode" in given else {}
    settings = read(config=getattr(given, "config", None), given=mode)
    return Parts(settings, Places(getattr(given, "data", ROOT / ".tandem"), cache_folder()), dry_run=dry_run)


def _check_collection(name: object, settings: Settings, data: Path) -> None:
    known = [collection.name for collection in settings.collections]
    if name is None or name in known:
        return
    if Index.made(data):
        from ingest.store import Store

        store = Store(data / "index.sqlite")
        known += [collection for collection in store.collections() if collection not in known]
        store.close()
    if name not in known:
        raise UsageWrong("There is no such collection.", str(name), f"Name one of {', '.join(known)}.")


def _thread(name: object) -> str | None:
    if name is None or (isinstance(name, str) and 0 < len(name) <= 200):
        return name
    raise UsageWrong("That is no name for a thread.", str(name)[:80], "Use up to 200 characters.")


def _name(id: object) -> str | None:
    """Of a batch's line, as its receipt has it."""
    return None if id is None else str(id)[:200]


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _ms(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 1)

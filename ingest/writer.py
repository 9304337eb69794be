"""Documents -> the index: all of a document or nothing, one writer at a time, and no text embedded twice."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from ingest.errors import IndexUnusable, Trouble, UnreadableDocument
from ingest.folder import Listing
from ingest.index import Index, no_folder
from ingest.labels import Access
from ingest.loaders import Source
from ingest.lock import GRACE, held
from ingest.making import AT_ONCE, Encoder, Known, Made, Maker
from ingest.parse import readings
from ingest.plan import Kind, Look, Step, planned
from ingest.spaces import EMBEDDED, Embedders, Space, no_embedders
from ingest.split import is_superseded, sections
from ingest.store import AGAIN, DocumentRow

READER = "3"
"""Goes up when documents are read in another way than before, so that all of them are read again."""


@dataclass(frozen=True)
class Ingested:
    """What became of one document."""

    source: str
    status: Kind
    passages: int = 0
    pages: int = 0
    trouble: Trouble | None = None
    notes: Sequence[str] = ()
    """What its owner should know of how it was read."""
    before: str | None = None
    """What it was called before it was renamed."""
    embedded: int = 0
    """How many of its texts went through the encoder; the others were known."""


class Told(Protocol):
    """Who is told of the work as it goes on."""

    def begins(self, steps: Sequence[Step]) -> None: ...

    def done(self, one: Ingested) -> None: ...


class Nobody:
    def begins(self, steps: Sequence[Step]) -> None: ...

    def done(self, one: Ingested) -> None: ...


@dataclass(frozen=True)
class Move:
    """What a move did."""

    before: str
    """The embedder that was asked until then."""
    after: str
    passages: int
    made: int
    """Of them, those whose vectors were not there yet."""


Moving = Callable[[str, int, int], None]
"""Told in which document it is, how many passages are done, and of how many."""


class Writer:
    """Changes an index. It keeps to the embedder that the index was made with, or moved to, and asks `wanted` for a
    name only when it is made.
    """

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        embedders: Embedders = no_embedders,
        wanted: Callable[[], str] = lambda: EMBEDDED,
    ) -> None:
        self._index, self._store, self._vectors = index, index.store, index.vectors
        self._encoder, self._wanted = encoder, wanted
        self._maker = Maker(encoder, embedders)

    @contextmanager
    def writing(self, wait: float = GRACE) -> Iterator[None]:
        """The data folder's one writer; what an earlier one left undone is mended first."""
        try:
            with held(self._index.data, wait):
                self._index.refresh()
                self._check_encoder()
                self.mend()
                yield
        except OSError as error:
            raise no_folder(self._index.data, error) from error
        finally:
            self._index.refresh(always=True)

    # Documents --------------------------------------------------------------------------------------------------------

    def plan(self, listing: Listing) -> list[Step]:
        """What ingesting it would do."""
        _check_name(listing.collection)
        return planned(listing, self._store.documents(listing.collection), self._fingerprint)

    def ingest(self, listing: Listing, told: Told | None = None, wait: float = GRACE) -> list[Ingested]:
        """Make the index hold just what is listed. Each document is done before the next is begun."""
        told = told or Nobody()
        done = []
        with self.writing(wait):
            steps = self.plan(listing)
            told.begins(steps)
            for one in self._taken(listing, steps):
                told.done(one)
                done.append(one)
        places = {step.source: place for place, step in enumerate(steps)}
        return sorted(done, key=lambda one: places[one.source])

    def forget(self, source: str, collection: str | None = None) -> list[DocumentRow]:
        """The documents of that name, gone from every answer when this returns."""
        with self.writing():
            gone = [row for row in self._store.documents(collection) if row.source == source]
            for row in gone:
                self._drop(row)
        return gone

    def _taken(self, listing: Listing, steps: Sequence[Step]) -> Iterator[Ingested]:
        """First what needs no reading, so that what is gone is gone at once."""
        read = {step.source: step for step in steps if step.is_read}
        space = self._space_for(read)
        for step in steps:
            if step.source not in read:
                yield self._settled(step, listing)
        with closing(readings({source: step.path for source, step in read.items()}, ocr=True)) as results:
            for reading in results:
                yield self._put(read[reading.source], listing, reading.result, space)

    def _settled(self, step: Step, listing: Listing) -> Ingested:
        row = step.before
        if row and step.kind != "unchanged":
            self._drop(row)
        elif row and row != (now := _seen(row, step, listing)):
            self._store.found_at(now)
        return Ingested(step.source, step.kind, trouble=step.trouble, notes=_gone(step) if step.trouble else ())

    def _put(self, step: Step, listing: Listing, result: Source | Trouble, space: Space) -> Ingested:
        try:
            made, notes = self._made(step, listing, result), () if isinstance(result, Trouble) else result.notes
            there = self._vectors.holding(listing.collection, space, made.ids)
            missing = [passage for passage in made.passages if passage.id not in there]
            vectors = self._maker.vectors(made.flat, missing, space)
        except UnreadableDocument as trouble:
            if step.before:
                self._drop(step.before)
            return Ingested(step.source, "failed", trouble=trouble, notes=_gone(step))
        except Trouble as trouble:  # the embedder's, which says nothing against what is there
            return Ingested(step.source, "failed", trouble=trouble)
        self._vectors.add(listing.collection, space, [passage.id for passage in missing], vectors)
        self._commit(made, step.before, space)
        before = step.before.source if step.before and step.kind == "renamed" else None
        size = len(made.passages), made.row.pages
        return Ingested(step.source, step.kind, *size, None, notes, before, made.embedded)

    def _made(self, step: Step, listing: Listing, result: Source | Trouble) -> Made:
        if isinstance(result, Trouble):
            raise result
        found = sections(result)
        if not found:
            raise UnreadableDocument(f"{step.path.name} holds no sentences.", str(step.path), "Check that it has text.")
        access = _said_by(result, step)
        row = DocumentRow(
            collection=listing.collection,
            source=step.source,
            title=result.title,
            label=access.label,
            groups=access.groups,
            pages=max(line.page for line in result.lines),
            superseded=is_superseded(found),
            fingerprint=self._fingerprint(step.access, step.look),
            content=step.look.content,
        )
        return self._maker.made(_seen(row, step, listing), found, self._known(row, step.before))

    def _known(self, row: DocumentRow, before: DocumentRow | None) -> Known:
        """What the index holds already: the texts of what the document was, and of the same file elsewhere."""
        numbers = {*self._store.with_content(row.content)}
        if before is not None and (number := self._store.number(before.collection, before.source)) is not None:
            numbers.add(number)
        return self._maker.known((self._store.document(n), self._store.sections(n)) for n in sorted(numbers))

    def _commit(self, made: Made, before: DocumentRow | None, space: Space) -> None:
        """Its vectors are there; the rows make them count and the old ones not, all at once."""
        collection, source = made.row.collection, made.row.source
        old = {*self._store.ids(collection, source), *(self._store.ids(collection, before.source) if before else ())}
        with self._store.change():
            if before is not None:
                self._store.drop(collection, before.source)
            self._store.put(made.row, made.sections, made.passages)
        self._vectors.delete(collection, space, old - {*made.ids})

    def _drop(self, row: DocumentRow) -> None:
        old = {*self._store.ids(row.collection, row.source)}
        with self._store.change():
            self._store.drop(row.collection, row.source)
        self._vectors.delete(row.collection, self._index.space(), old)

    def _fingerprint(self, access: Access, look: Look) -> str:
        said = (READER, self._encoder.name, sorted(access.labels), access.groups, look.content)
        return hashlib.sha256(repr(said).encode()).hexdigest()[:32]

    # What it is searched with -----------------------------------------------------------------------------------------

    def mend(self) -> None:
        """After a crash: away with vectors that no row names, and those that are missing are made again."""
        space, collections = self._index.space(), self._store.collections()
        self._vectors.sweep(collections)
        for collection in collections:
            if self._vectors.count(collection, space) != self._store.count(collection):
                with suppress(Trouble):  # an embedder that is away: words answer, and the next writer tries again
                    self._fill(collection, space, lambda source, made: None)

    def tidy(self) -> None:
        """Before anybody reads, after a crash; a process that is writing just now does it itself."""
        space = self._index.space()
        counts = ((self._vectors.count(name, space), self._store.count(name)) for name in self._store.collections())
        if any(there != named for there, named in counts):
            with suppress(IndexUnusable), self.writing(wait=0):
                pass

    def move(self, to: str, progress: Moving = lambda *_: None) -> Move:
        """Give the wide passages vectors of that embedder's; until all are there, the old ones answer."""
        with self.writing():
            before, after = self._index.space(), self._maker.reached(to)
            size, made = self._store.size(), 0

            def told(source: str, more: int) -> None:
                nonlocal made
                made += more
                progress(source, size - left + made, size)

            if after != before:
                collections = self._store.collections()
                left = sum(len(self._missing(collection, after)) for collection in collections)
                for collection in collections:
                    self._fill(collection, after, told)
                self._store.remember("embedder", str(after))
                self._index.space.cache_clear()
            self._vectors.keep_only(after, self._store.collections())
        return Move(before.name, after.name, size, made)

    def _missing(self, collection: str, space: Space) -> set[str]:
        return self._store.passage_ids(collection) - self._vectors.ids(collection, space)

    def _fill(self, collection: str, space: Space, told: Callable[[str, int], None]) -> None:
        """Just the vectors that rows name; those that an interrupted move has made are kept."""
        named, there = self._store.passage_ids(collection), self._vectors.ids(collection, space)
        self._vectors.delete(collection, space, there - named)
        for number in self._store.numbers(collection) if named - there else ():
            document = self._store.document(number)
            missing = [row for row in self._store.passages_of(number) if row.id not in there]
            if not missing:
                continue
            flat = self._maker.again(document, self._store.sections(number))
            for start in range(0, len(missing), AT_ONCE):
                some = missing[start : start + AT_ONCE]
                try:
                    vectors = self._maker.vectors(flat, some, space)
                except Trouble as trouble:
                    raise _stopped(document.source, trouble) from trouble
                self._vectors.add(collection, space, [row.id for row in some], vectors)
                told(document.source, len(some))

    def _space_for(self, changed: Collection[str]) -> Space:
        """Where documents are put; nothing is begun with an embedder that does not answer."""
        if self._store.recall("encoder") is None:
            space = self._maker.reached(self._wanted())
            with self._store.change():
                self._store.remember("embedder", str(space))
                self._store.remember("encoder", self._encoder.name)
            self._index.space.cache_clear()
            return space
        space = self._index.space()
        reached = self._maker.reached(space.name) if changed else space
        if reached != space:
            raise IndexUnusable(
                f"{space.name} gives {reached.size} numbers for a text, and gave {space.size} when the index was made.",
                str(self._index.data),
                f"Run: tandem embed {space.name}",
            )
        return space

    def _check_encoder(self) -> None:
        made_with = self._store.recall("encoder") or self._encoder.name
        if made_with != self._encoder.name:
            raise IndexUnusable(
                f"The index was made with the encoder {made_with}, and the settings say {self._encoder.name}.",
                str(self._index.data),
                f"Set [models] precision back. {AGAIN}",
            )


def _seen(row: DocumentRow, step: Step, listing: Listing) -> DocumentRow:
    """Where it is now, and what can be told of it without opening it."""
    return replace(row, seen=step.look.stat, path=step.origin or str(step.path), root=str(listing.root or ""))


def _said_by(read: Source, step: Step) -> Access:
    """What the file itself says of who may read it; what cannot be understood keeps it out."""
    try:
        return step.access.also(read.label, read.groups)
    except Trouble as trouble:
        raise UnreadableDocument(f"{step.path.name} says: {trouble.what}", trouble.value, trouble.do) from trouble


def _gone(step: Step) -> tuple[str, ...]:
    """A figure of a version that is no longer there is worse than none."""
    return ("Its earlier version is no longer in the answers.",) if step.before else ()


def _check_name(collection: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}[A-Za-z0-9]|[A-Za-z0-9]", collection):
        raise Trouble("That is no name for a collection.", collection, "Use letters, digits, - and _.")


def _stopped(source: str, trouble: Trouble) -> Trouble:
    what = f"The move stopped at {source}: {trouble.what.rstrip('.')}."
    return Trouble(what, trouble.value, "The index answers as before. Run the same command again to go on from there.")

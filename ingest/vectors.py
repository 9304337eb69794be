"""The wide passages' vectors, in Chroma: by collection, in one space or, while an index moves, in two."""

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.errors import IndexUnusable
from ingest.evidence import Vector, Vectors
from ingest.spaces import Space

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

BATCH = 2000
HELD = re.compile(r"^(passages|space-[0-9a-f]{12})-")
"""What `Space.holding` puts before a collection's name."""


class VectorStore:
    """Opened when it is first needed. One process writes; the others look again when it has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client: ClientAPI | None = None
        self._collections: dict[str, Collection] = {}

    def add(self, collection: str, space: Space, ids: Sequence[str], vectors: Vectors) -> None:
        chroma = self._collection(collection, space)
        for start in range(0, len(ids), BATCH):
            batch = slice(start, start + BATCH)
            chroma.add(ids=[*ids[batch]], embeddings=vectors[batch])

    def delete(self, collection: str, space: Space, ids: set[str]) -> None:
        if ids:
            self._collection(collection, space).delete(ids=sorted(ids))

    def ids(self, collection: str, space: Space) -> set[str]:
        return set(self._collection(collection, space).get(include=[])["ids"])

    def count(self, collection: str, space: Space) -> int:
        return self._collection(collection, space).count()

    def holding(self, collection: str, space: Space, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there."""
        batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
        chroma = self._collection(collection, space)
        return {name for batch in batches for name in chroma.get(ids=[*batch], include=[])["ids"]}

    def nearest(self, collection: str, space: Space, vector: Vector, limit: int) -> dict[str, float]:
        """By id, the cosine."""
        result = self._collection(collection, space).query(
            query_embeddings=vector[None], n_results=limit, include=["distances"]
        )
        distances = (result["distances"] or [[]])[0]
        return {name: 1 - distance for name, distance in zip(result["ids"][0], distances, strict=True)}

    def sweep(self, collections: Iterable[str]) -> None:
        """Away with the vectors of collections that are no more, in whatever space."""
        kept = {*collections}
        for held in self.open().list_collections() if self._folder.is_dir() else ():  # looking makes no index
            if HELD.sub("", held.name) not in kept:
                left = held.get(include=[])["ids"]
                for start in range(0, len(left), BATCH):
                    held.delete(ids=left[start : start + BATCH])

    def keep_only(self, space: Space, collections: Iterable[str]) -> None:
        """Away with all others, those that an interrupted move has left too."""
        kept = {space.holding(collection) for collection in collections}
        for held in self.open().list_collections():
            if held.name not in kept:
                self.open().delete_collection(held.name)
        self._collections.clear()

    def look_again(self) -> None:
        """Another process has written: a reader of Chroma's goes on answering from its first look (chroma 1.5.9)."""
        self._collections.clear()
        if self._client is not None:
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient.clear_system_cache()
            self._client = None

    def open(self) -> "ClientAPI":
        if self._client is None:
            import chromadb
            from chromadb.config import Settings

            logging.getLogger("chromadb").setLevel(logging.ERROR)
            try:
                self._client = chromadb.PersistentClient(
                    str(self._folder), settings=Settings(anonymized_telemetry=False)
                )
            except Exception as error:  # chromadb raises what its Rust core and its migrations raise
                raise IndexUnusable(
                    f"The vectors cannot be opened ({error}).",
                    str(self._folder),
                    "If they are damaged, delete the data folder and ingest again.",
                ) from error
        return self._client

    def _collection(self, collection: str, space: Space) -> "Collection":
        name = space.holding(collection)
        if name not in self._collections:
            self._collections[name] = self.open().get_or_create_collection(
                name, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
            )
        return self._collections[name]

"""Text -> vector: all-MiniLM-L6-v2 through onnxruntime, behind LangChain's Embeddings."""

import os
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from models.embedded.minilm import Precision, prepare

Vectors = NDArray[np.float32]

LONGEST = 256  # word pieces; what the model was trained on
BATCH = 32


class Encoder(Embeddings):
    """Unit vectors whose dot product is the likeness of two texts."""

    dimensions = 384

    def __init__(self, cache: Path, precision: Precision = "int8") -> None:
        # Else its native code reports to its maker, some seconds after it is loaded; its own switch does not stop that.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime
        from tokenizers import Tokenizer

        folder = prepare(cache, precision)
        options = onnxruntime.SessionOptions()
        # Threads that spin between two small runs take the cores from numpy's.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.name = f"all-MiniLM-L6-v2/{precision}"
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()
        # Triage, search and writer ask for the same question's vector.
        self._query = lru_cache(maxsize=256)(lambda text: self.encode([text])[0])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row per text; alike lengths go through together, so that little is spent on padding."""
        pieces = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(pieces[i]))
        for start in range(0, len(texts), BATCH):
            batch = by_length[start : start + BATCH]
            rows[batch] = self._run([pieces[i] for i in batch])
        return rows

    def query(self, text: str) -> Vectors:
        """One text's vector; the last few hundred are remembered."""
        vector: Vectors = self._query(text)
        return vector

    @cached_property
    def words(self) -> frozenset[str]:
        """The whole words that the encoder knows."""
        return frozenset(word for word in self._tokenizer.get_vocab() if word.isalpha())

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self.encode(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        row: list[float] = self.query(text).tolist()
        return row

    def _run(self, pieces: list[list[int]]) -> Vectors:
        longest = max(map(len, pieces))
        ids = np.zeros((len(pieces), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, these in enumerate(pieces):
            ids[row, : len(these)] = these
            mask[row, : len(these)] = 1
        hidden = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        summed = np.einsum("blh,bl->bh", hidden, mask.astype(np.float32))
        vectors: Vectors = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        return vectors

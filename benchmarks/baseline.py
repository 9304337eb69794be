"""What LangChain's tutorials build: PyPDFLoader, pieces of 1000 characters with 200 shared, Chroma."""

from pathlib import Path

from langchain_chroma import Chroma
from langchain_community.document_loaders import PyPDFLoader
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter


def ingest(folder: Path, data: Path, encoder: Embeddings) -> Chroma:
    pages = [page for file in sorted(folder.glob("*.pdf")) for page in PyPDFLoader(str(file)).load()]
    pieces = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages)
    return Chroma.from_documents(pieces, encoder, persist_directory=str(data))

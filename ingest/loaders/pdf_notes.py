"""What was filled into a PDF, put on top of its pages or attached to it -> lines, and the names of what is attached."""

from collections.abc import Iterator
from typing import Any

from ingest.loaders.pdf_page import clean, entry
from ingest.loaders.source import Line

HIDDEN = 2
PASSWORD = 1 << 13
PUSHED = 1 << 16
"""A button that does something and holds nothing."""
DEEPEST = 50


def written_on(page: Any, number: int) -> list[Line]:
    """The form's fields and the remarks on this page, each said once."""
    annotations = entry(page, "/Annots")
    found = [entry(annotations, place) for place in range(len(annotations))] if isinstance(annotations, list) else []
    said = dict.fromkeys(line for each in found if hasattr(each, "get") for line in _said_by(each))
    return [Line(line, number, ends=True) for line in said]


def attached(reader: Any) -> list[str]:
    return [clean(file.alternative_name or file.name) for file in reader.attachment_list]


def _said_by(annotation: Any) -> Iterator[str]:
    kind = entry(annotation, "/Subtype")
    contents = clean(str(entry(annotation, "/Contents") or ""))
    if _bits(annotation, "/F") & HIDDEN:
        return
    if kind == "/Widget":
        yield from _filled_in([*_with_parents(annotation)])
    elif kind == "/FreeText" and contents:
        yield contents
    elif kind in COMMENTS and contents:
        yield f"Comment: {contents}"


COMMENTS = frozenset({"/Text", "/Highlight", "/Underline", "/StrikeOut", "/Squiggly", "/Caret", "/Stamp"})


def _with_parents(field: Any) -> Iterator[Any]:
    """What a field does not say itself, the one above it says."""
    for _ in range(DEEPEST):
        yield field
        field = entry(field, "/Parent")
        if not hasattr(field, "get"):
            return


def _filled_in(family: list[Any]) -> Iterator[str]:
    kind, flags = _inherited(family, "/FT"), _inherited(family, "/Ff") or 0
    value = _inherited(family, "/V")
    if kind == "/Btn":
        text = "" if flags & PUSHED else _ticked(family[0], value)
    else:
        text = "" if kind == "/Sig" or flags & PASSWORD else _chosen(value, _inherited(family, "/Opt"))
    if text:
        yield f"{_name(family)}: {text}"


def _inherited(family: list[Any], key: str) -> Any:
    return next((value for field in family if (value := entry(field, key)) is not None), None)


def _ticked(button: Any, value: Any) -> str:
    """One of several buttons of one field is the one that was chosen."""
    own = entry(button, "/AS") or value
    said = clean(str(value or "").lstrip("/"))
    return said if own == value and said.lower() != "off" else ""


def _chosen(value: Any, options: Any) -> str:
    """As the list shows it, which may be another word than the one it stores."""
    shown = {str(option[0]): str(option[1]) for option in options or () if isinstance(option, list) and len(option) > 1}
    chosen = value if isinstance(value, list) else [value or ""]
    return ", ".join(text for each in chosen if (text := clean(shown.get(str(each), str(each)))))


def _name(family: list[Any]) -> str:
    """What a reader is told when pointing at it, or else its own name and those above."""
    told = clean(str(_inherited(family, "/TU") or ""))
    names = [clean(str(name)) for field in reversed(family) if (name := entry(field, "/T")) is not None]
    return (told or ".".join(names)).rstrip(": ")


def _bits(holder: Any, key: str) -> int:
    value = entry(holder, key)
    return value if isinstance(value, int) else 0

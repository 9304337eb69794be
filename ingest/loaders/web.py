"""HTML -> lines: what the page says, without what surrounds it; nothing is fetched."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.errors import UnreadableDocument
from ingest.loaders.front_matter import groups_of, label_of
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.table import Row, table_lines
from ingest.loaders.text import in_one_line, text_in

LARGEST = 15 << 20
"""Its tree takes twenty times its size (5.3 MB of paragraphs: 104 MB, lxml 6.1)."""


def read(path: Path) -> Source:
    """With lxml, whose parser mends what is malformed."""
    raw = path.read_bytes()
    if len(raw) > LARGEST:
        raise UnreadableDocument(f"{path.name} is larger than {LARGEST >> 20} MB.", str(path), "Split it.")
    found = text_in(raw, path, _declared(raw))
    root = tree(found.text, path)
    lines = lines_of(root)
    said = _said(root)
    return Source(
        _title(root, lines) or title_from(path),
        lines,
        found.notes,
        label=None if "label" not in said else label_of(said["label"]),
        groups=groups_of(said.get("groups")),
    )


def tree(text: str, path: Path) -> Any:
    """The page's root; what nests deeper than lxml follows would be lost without a word."""
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text.encode() or b"<p>", parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise UnreadableDocument(
            f"{path.name} holds no web page ({error}).", str(path), "Save it anew from a browser."
        ) from error
    if any("depth" in str(entry.message).lower() or "huge" in str(entry.message) for entry in parser.error_log):
        raise UnreadableDocument(
            f"{path.name} nests its elements too deep.", str(path), "Save it as text, or print it to a PDF."
        )
    return root


DECLARED = re.compile(rb"(?i)<meta[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]*?encoding=[\"']([\w.:-]+)")


def _declared(raw: bytes) -> str | None:
    """What browsers make of what pages declare: Latin-1 is cp1252, and UTF-16 in ASCII letters is a mistake."""
    found = DECLARED.search(raw[:4096])
    name = (found[1] or found[2]).decode("ascii", "replace").lower() if found else ""
    if name in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
        return None
    return None if not name or name.startswith(("utf-16", "utf-32", "utf-7")) else name


def _said(root: Any) -> dict[str, str]:
    """Its `<meta name="…">`; of two labels neither is one."""
    said: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("name") or "").strip().lower()
        said[name] = f"{said[name]}, {meta.get('content')}" if name in said else meta.get("content") or ""
    return said


def _title(root: Any, lines: list[Line]) -> str:
    """Its first heading where that is in the page's title too, which tends to name the site beside it."""
    named = in_one_line(" ".join(root.xpath("//head//title[1]//text()")))
    heading = next((line.text for line in lines if line.heading), "")
    return heading if heading and (heading in named or not named) else named


def lines_of(root: Any) -> list[Line]:
    """Where everything stands in what is usually left out, it is the page."""
    return [*_Page(LEFT_OUT).lines(root)] or [*_Page(frozenset()).lines(root)]


# `embed` has no words of its own, but the parser takes what follows it for its content.
NEVER = frozenset(
    "script style template del noscript head iframe object svg math canvas audio video map select datalist"
    " button textarea input progress meter".split()
)
LEFT_OUT = frozenset("nav footer aside menu".split())
ROLES = {"navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar", "dialog", "alertdialog"}
BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody"
    " td tfoot th thead tr ul option".split()
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
HIDDEN = re.compile(r"(?i)(display\s*:\s*none|visibility\s*:\s*hidden)")


def _is_hidden(element: Any) -> bool:
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").lower() == "true":
        return True
    return bool(HIDDEN.search(element.get("style") or "")) or (element.tag == "dialog" and element.get("open") is None)


class _Page:
    """What has been said since the last line, while walking the tree."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self.left_out = left_out
        self.said: list[str] = []
        self.mark = ""
        """What the next line begins with: a list item's bullet or number."""
        self.preformatted = 0
        self.numbers: list[int | None] = []
        """Of the lists that are open, the next item's number; a list with bullets has none."""

    def lines(self, root: Any) -> Iterator[Line]:
        from lxml import etree

        walk, skipped = etree.iterwalk(root, events=("start", "end")), None
        for event, element in walk:
            if event == "end":
                yield from () if element is skipped else self.leave(element.tag)
                self.say(element.tail)
                continue
            if self.skips(element):
                walk.skip_subtree()
                skipped = element
            elif element.tag == "table" and not _is_layout(element):
                walk.skip_subtree()
                skipped = element
                yield from self.flush()
                yield from _table(element)
            else:
                yield from self.enter(element)
                self.say(element.text)

    def say(self, text: str | None) -> None:
        if text:
            self.said.append(text if self.preformatted else re.sub(r"\s+", " ", text))

    def skips(self, element: Any) -> bool:
        tag = element.tag
        if tag in NEVER or tag == "title" or _is_hidden(element):
            return True
        if not self.left_out or tag in ("body", "main"):
            return False
        role = (element.get("role") or "").lower()
        return tag in self.left_out or role in ROLES or (tag == "header" and _is_banner(element))

    def enter(self, element: Any) -> Iterator[Line]:
        tag = element.tag
        if tag in BLOCKS:
            yield from self.flush()
        if tag == "br":
            self.said.append("\n")
        elif tag == "pre":
            self.preformatted += 1
        elif tag in ("ol", "ul"):
            self.numbers.append(_number(element.get("start"), 1) if tag == "ol" else None)
        elif tag == "li":
            self.mark = self.item(element)

    def item(self, element: Any) -> str:
        number = self.numbers[-1] if self.numbers else None
        if number is None:
            return "• "
        number = _number(element.get("value"), number)
        self.numbers[-1] = number + 1
        return f"{number}. "

    def leave(self, tag: str) -> Iterator[Line]:
        if tag in HEADINGS:
            yield from self.heading(HEADINGS[tag])
        elif tag in BLOCKS:
            yield from self.flush(runs_on=tag == "dt")
        if tag == "pre":
            self.preformatted -= 1
        elif tag in ("ol", "ul") and self.numbers:
            self.numbers.pop()

    def heading(self, level: int) -> Iterator[Line]:
        text = in_one_line("".join(self.said))
        self.said = []
        if text:
            yield Line(text, 1, level=level)

    def flush(self, *, runs_on: bool = False) -> Iterator[Line]:
        """What was said, a line each where the page breaks them."""
        pieces = [text for piece in "".join(self.said).split("\n") if (text := in_one_line(piece))]
        self.said = []
        if not pieces:
            return
        mark, self.mark = self.mark, ""
        pieces[0] = mark + pieces[0]
        if runs_on:
            pieces[-1] = pieces[-1].rstrip(":") + ":"
        for place, piece in enumerate(pieces, 1):
            ends = place < len(pieces) and (self.preformatted or not pieces[place][:1].islower())
            yield Line(piece, 1, ends=bool(ends) or (place == len(pieces) and not runs_on))


def _number(said: str | None, otherwise: int) -> int:
    return int(said) if said and re.fullmatch(r"\s*-?\d{1,6}\s*", said) else otherwise


def _is_banner(header: Any) -> bool:
    """The site's, and not that of an article; one with the page's own heading is none."""
    return not any(True for _ in header.iterancestors("article", "main", "section")) and header.find(".//h1") is None


def _is_layout(table: Any) -> bool:
    """A table that only puts things in their places, as pages of old and e-mails do."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if any(True for _ in table.iterdescendants("table", *HEADINGS)):
        return True
    return all(sum(_width(cell) for cell in row.iterchildren("td", "th")) < 2 for row in table.iter("tr"))


SPAN = 100


def _width(cell: Any, name: str = "colspan") -> int:
    return max(1, min(SPAN, _number(cell.get(name), 1)))


def _table(table: Any) -> Iterator[Line]:
    caption = next((in_one_line(_words(found)) for found in table.iterchildren("caption")), "")
    if caption:
        yield Line(caption, 1, ends=True)
    rows = [row for row in table.iter("tr") if not _is_hidden(row)]
    yield from table_lines(_grid(rows), 1, headers=_headers(rows) or None)


def _headers(rows: list[Any]) -> int:
    """How many rows at the top are all of header cells."""
    count = 0
    for row in rows:
        cells = [*row.iterchildren("td", "th")]
        if not cells or not (row.getparent().tag == "thead" or all(cell.tag == "th" for cell in cells)):
            break
        count += 1
    return count if count < len(rows) else 0


def _grid(rows: list[Any]) -> Iterator[Row]:
    """A cell that reaches over several rows stands in each of them, one over several columns in the first."""
    held: dict[int, tuple[int, str]] = {}
    for row in rows:
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            _fill(cells, held)
            text, down = in_one_line(_words(cell)), _width(cell, "rowspan")
            for place in range(_width(cell)):
                if down > 1:
                    held[len(cells)] = down, "" if place else text
                cells.append("" if place else text)
        _fill(cells, held)
        held = {place: (down - 1, text) for place, (down, text) in held.items() if down > 1}
        yield cells


def _fill(cells: list[str], held: dict[int, tuple[int, str]]) -> None:
    while len(cells) in held and len(cells) < SPAN * SPAN:
        cells.append(held[len(cells)][1])


def _words(element: Any) -> str:
    """All that an element says, in one run."""
    from lxml import etree

    said: list[str] = []
    walk, skipped = etree.iterwalk(element, events=("start", "end")), None
    for event, inner in walk:
        if event == "start" and (inner.tag in NEVER or _is_hidden(inner)):
            walk.skip_subtree()
            skipped = inner
        elif event == "start":
            said += [" " if inner.tag in BLOCKS or inner.tag == "br" else "", inner.text or ""]
        elif inner is not element:
            said += [" " if inner.tag in BLOCKS and inner is not skipped else "", inner.tail or ""]
    return "".join(said)

"""DOCX -> lines: headings by their style, lists and tables as they look, a page where Word last broke one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ingest.loaders import archive
from ingest.loaders.numbering import BULLET, Lists, child_value, value_of
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.table import Row, header_height, table_lines
from ingest.loaders.text import in_one_line


def read(path: Path) -> Source:
    """With python-docx, for the parts and their relations; the body is walked here: it is more than paragraphs."""
    from zipfile import BadZipFile

    from docx import Document
    from docx.opc.exceptions import OpcError

    archive.check(path, "word")
    try:
        document = Document(str(path))
        walk = _Walk(Lists(_part(document, "numbering")), _styles(document), _notes_of(document))
        lines = _leveled([*walk.blocks(document.element.body)])
        named = (document.core_properties.title or "").strip()
    except (OpcError, BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise archive.damaged(path, error) from error
    except (SyntaxError, RecursionError, OSError) as error:  # lxml's errors are SyntaxErrors
        raise archive.damaged(path, error) from error
    heading = next((line.text for line in lines[:3] if line.level == 1), "")
    return Source(heading or named or title_from(path), lines, walk.remarks)


def _part(document: Any, name: str) -> Any:
    """The root of a part that belongs to the document, such as its footnotes."""
    from docx.oxml import parse_xml

    parts = (rel.target_part for rel in document.part.rels.values() if rel.reltype.endswith(f"/{name}"))
    part = next(parts, None)
    return None if part is None else parse_xml(part.blob)


def _notes_of(document: Any) -> dict[str, Any]:
    """Footnotes and endnotes, by the name and number that a reference has."""
    return {
        f"{kind} {value_of(note, 'id')}": note
        for kind in ("footnote", "endnote")
        if (root := _part(document, f"{kind}s")) is not None
        for note in root.iterchildren(f"{{*}}{kind}")
        if not value_of(note, "type").lower().endswith(("separator", "notice"))
    }


TITLE, BOLD = -1, 9
"""Levels: of the title, above every heading; and of a bold line that stands for a heading."""
HEADING = re.compile(
    r"(?i)(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|címsor|заголовок"
    r"|başlık|見出し|标题|標題|제목)\s*([1-9])$"
)


@dataclass(frozen=True)
class _Style:
    level: int = 0
    bold: bool = False
    listed: tuple[str, int] | None = None
    """The number of its list, and how deep in it."""
    contents: bool = False
    """It is of a table of contents."""


PLAIN = _Style()


def _styles(document: Any) -> dict[str, _Style]:
    defined = {value_of(one, "styleId"): one for one in document.styles.element.iterchildren("{*}style")}
    return {name: _style(defined, name) for name in defined}


def _style(defined: dict[str, Any], name: str, depth: int = 0) -> _Style:
    """What a style says itself, and for the rest the one that it is based on."""
    one = defined.get(name)
    if one is None or depth > 10:
        return PLAIN
    base = _style(defined, child_value(one, "basedOn"), depth + 1)
    called = child_value(one, "name")
    heading = HEADING.match(called) or HEADING.match(value_of(one, "styleId"))
    level = TITLE if called.lower() == "title" else int(heading[1]) if heading else _outline(one) or base.level
    contents = base.contents or re.match(r"(?i)toc( \d|$)|toc ?heading|table of figures", called) is not None
    listed = _listed(one) or base.listed or (("bullet", 0) if called.lower().startswith("list bullet") else None)
    return _Style(level, _is_on(one.find("{*}rPr"), "b", base.bold), listed, contents)


def _outline(element: Any) -> int:
    """A paragraph's own level in the outline, 1-based; 9 is that of running text."""
    properties = element.find("{*}pPr")
    said = child_value(properties, "outlineLvl")
    return int(said) + 1 if said.isdigit() and int(said) < 9 else 0


def _listed(element: Any) -> tuple[str, int] | None:
    properties = element.find("{*}pPr")
    numbered = properties.find("{*}numPr") if properties is not None else None
    if numbered is None:
        return None
    depth = child_value(numbered, "ilvl")
    return child_value(numbered, "numId"), int(depth) if depth.isdigit() else 0


def _is_on(properties: Any, name: str, otherwise: bool = False) -> bool:
    """A switch: there, and not set to off."""
    found = properties.find(f"{{*}}{name}") if properties is not None else None
    return otherwise if found is None else value_of(found, "val").lower() not in ("0", "false", "off", "none")


def _leveled(lines: Sequence[Line]) -> list[Line]:
    """The title above all, and a bold line no heading where nothing stands under it."""
    down = int(any(line.level == TITLE for line in lines))
    moved = [
        replace(line, level=1 if line.level == TITLE else line.level + down) if line.level else line for line in lines
    ]
    last = Line("", 0, level=1)
    return [
        replace(line, level=0, ends=True) if line.level >= BOLD and after.level else line
        for line, after in pairwise([*moved, last])
    ]


LEFT_OUT = frozenset(
    "del moveFrom delText instrText delInstrText rPr pPr tblPr trPr tcPr sectPr Fallback sdtPr rubyPr rt object".split()
)
NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
SIGNS = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "-"}
EXPLICIT, RENDERED = "\f", "\x0e"
"""In a paragraph's text: a page break that was asked for, and one where Word last had it."""


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


@dataclass
class _Walk:
    """Through the body in reading order, knowing the page."""

    lists: Lists
    styles: dict[str, _Style]
    notes: dict[str, Any]
    page: int = 1
    broke: bool = False
    """A break was asked for, and nothing was said since: where Word had it too, it is one and the same."""
    boxes: list[Any] = field(default_factory=list)
    """Text boxes that stand at the paragraph in hand."""
    cited: list[str] = field(default_factory=list)
    """Notes that the paragraph in hand refers to."""
    numbered: int = 0
    """Notes so far."""
    remarks: list[str] = field(default_factory=list)

    def blocks(self, parent: Any) -> Iterator[Line]:
        for child in parent:
            match _local(child):
                case "p":
                    yield from self.paragraph(child)
                case "tbl":
                    yield from self.table(child)
                case "sdt":
                    if "Table of Contents" not in {value_of(one, "val") for one in child.iter("{*}docPartGallery")}:
                        yield from self.blocks(child)
                case "sdtContent" | "customXml" | "ins" | "moveTo" | "smartTag" | "AlternateContent" | "Choice":
                    yield from self.blocks(child)
                case "altChunk":
                    self.remarks.append("A document within the document was not read.")

    def paragraph(self, paragraph: Any) -> Iterator[Line]:
        style = self.styles.get(child_value(paragraph.find("{*}pPr"), "pStyle"), PLAIN)
        said = self.said(paragraph)
        if not style.contents:
            yield from self.lines(paragraph, style, said)
        yield from self.beside()
        if _breaks_after(paragraph):
            self.turn(EXPLICIT)

    def lines(self, paragraph: Any, style: _Style, said: Sequence[tuple[int, str]]) -> Iterator[Line]:
        level = _outline(paragraph) or style.level
        mark = "" if level else self.mark(_listed(paragraph) or style.listed) if said else ""
        if not level and not mark and _stands_for_heading(paragraph, style, said):
            level = BOLD
        if level and said:
            yield Line(in_one_line(" ".join(text for _, text in said)), said[0][0], level=level)
            return
        for place, (page, text) in enumerate(said):
            after = said[place + 1] if place + 1 < len(said) else None
            ends = after is None or (after[0] == page and not after[1][:1].islower())
            yield Line((mark if place == 0 else "") + text, page, ends=ends)

    def mark(self, listed: tuple[str, int] | None) -> str:
        if listed is None or listed[0] in ("", "0"):
            return ""
        return BULLET if listed[0] == "bullet" else self.lists.mark(*listed)

    def beside(self) -> Iterator[Line]:
        """The text boxes and notes of the paragraph before."""
        boxes, cited = self.boxes, self.cited
        self.boxes, self.cited = [], []
        for box in boxes:
            yield from self.blocks(box)
        for name in cited:
            self.numbered += 1
            text = self.all_of(self.notes[name])
            if text:
                yield Line(f"Note {self.numbered}: {text}", self.page, ends=True)

    def said(self, paragraph: Any) -> list[tuple[int, str]]:
        """A paragraph's words, line by line, each with its page."""
        if _is_on(paragraph.find("{*}pPr"), "pageBreakBefore"):
            self.turn(EXPLICIT)
        found: list[tuple[int, str]] = []
        for piece in re.split(r"([\f\x0e\n])", "".join(self.tokens(paragraph))):
            if piece in (EXPLICIT, RENDERED):
                self.turn(piece)
            elif text := in_one_line(piece):
                found.append((self.page, text))
                self.broke = False
        return found

    def turn(self, break_: str) -> None:
        self.page += int(break_ == EXPLICIT or not self.broke)
        self.broke = break_ == EXPLICIT

    def tokens(self, element: Any) -> Iterator[str]:
        for child in element:
            name = _local(child)
            if name == "t":
                yield re.sub(r"[\f\n\r]", " ", child.text or "")
            elif name in SIGNS:
                yield SIGNS[name]
            elif name == "br":
                yield {"page": EXPLICIT, "column": " "}.get(value_of(child, "type"), "\n")
            elif name == "lastRenderedPageBreak":
                yield RENDERED
            elif name == "txbxContent":
                self.boxes.append(child)
            elif name in NOTES:
                self.cite(f"{NOTES[name]} {value_of(child, 'id')}")
            elif name not in LEFT_OUT and not (name == "r" and _is_on(child.find("{*}rPr"), "vanish")):
                yield from self.tokens(child)

    def cite(self, name: str) -> None:
        if name in self.notes:
            self.cited.append(name)

    def all_of(self, element: Any) -> str:
        """The words of a cell or a note in one line; a table within is read row by row."""
        said = []
        for child in element:
            name = _local(child)
            if name == "p":
                said += [text for _, text in self.said(child)]
            elif name == "tbl":
                said += ["; ".join(", ".join(filter(None, cells)) for cells, _ in self.rows(child))]
            elif name not in LEFT_OUT:
                said += [self.all_of(child)]
        return " ".join(filter(None, said))

    def table(self, table: Any) -> Iterator[Line]:
        rows = [*_within(table, "tr")]
        if all(len([*_within(row, "tc")]) < 2 for row in rows):  # a box
            for row in rows:
                for cell in _within(row, "tc"):
                    yield from self.blocks(cell)
            return
        grid = [*self.rows(table)]
        height = _headers(rows) or header_height([cells for cells, _ in grid])
        header = [cells for cells, _ in grid[:height]]
        for page, group in groupby(grid[height:], lambda row: row[1]):
            yield from table_lines([*header, *(cells for cells, _ in group)], page, headers=height)
        yield from self.beside()

    def rows(self, table: Any) -> Iterator[tuple[Row, int]]:
        """Each row's cells and page; a cell merged with the one above says the same."""
        above: Row = ()
        for row in _within(table, "tr"):
            if (properties := row.find("{*}trPr")) is not None and properties.find("{*}del") is not None:
                continue
            cells = [""] * _number(child_value(properties, "gridBefore"), 0)
            for cell in _within(row, "tc"):
                cells += self.cell(cell, above[len(cells)] if len(cells) < len(above) else "")
            yield cells, self.page
            above = cells

    def cell(self, cell: Any, above: str) -> list[str]:
        properties = cell.find("{*}tcPr")
        merged = properties.find("{*}vMerge") if properties is not None else None
        goes_on = merged is not None and value_of(merged, "val") != "restart"
        text = self.all_of(cell)
        return [text or above if goes_on else text] + [""] * (_number(child_value(properties, "gridSpan"), 1) - 1)


def _number(said: str, otherwise: int) -> int:
    return min(int(said), 100) if said.isdigit() else otherwise


def _within(element: Any, name: str) -> Iterator[Any]:
    """Its rows or cells, also where a content control or a tracked change is around them."""
    for child in element:
        local = _local(child)
        if local == name:
            yield child
        elif local in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _within(child, name)


def _headers(rows: Sequence[Any]) -> int:
    """How many rows are marked to be repeated at the top of each page."""
    marked = [_is_on(row.find("{*}trPr"), "tblHeader") for row in rows]
    height = [*marked, False].index(False)
    return height if height < len(rows) else 0


def _breaks_after(paragraph: Any) -> bool:
    """A section that ends with this paragraph, the next one on a new page."""
    properties = paragraph.find("{*}pPr")
    section = properties.find("{*}sectPr") if properties is not None else None
    return section is not None and child_value(section, "type") not in ("continuous", "nextColumn")


def _stands_for_heading(paragraph: Any, style: _Style, said: Sequence[tuple[int, str]]) -> bool:
    """A short line, all of it bold."""
    if len(said) != 1 or len(said[0][1].split()) > 12 or said[0][1][-1] in ".,;!?" or not said[0][1][0].isalnum():
        return False
    runs = [
        run for run in paragraph.iter("{*}r") if any((text.text or "").strip() for text in run.iterchildren("{*}t"))
    ]
    return bool(runs) and all(_is_on(run.find("{*}rPr"), "b", style.bold) for run in runs)

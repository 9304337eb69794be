"""PPTX -> lines: a slide is a page, its title a heading; the speaker's notes stand below it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.loaders import archive
from ingest.loaders.numbering import BULLET, value_of
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.table import table_lines
from ingest.loaders.text import in_one_line


def read(path: Path) -> Source:
    """With python-pptx, which knows shapes, their groups and what they inherit."""
    from zipfile import BadZipFile

    from pptx import Presentation
    from pptx.exc import PythonPptxError

    archive.check(path, "ppt")
    try:
        shown = Presentation(str(path))
        lines, notes = _slides(shown)
        named = (shown.core_properties.title or "").strip()
    except (PythonPptxError, BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise archive.damaged(path, error) from error
    except (SyntaxError, RecursionError, OSError) as error:  # lxml's errors are SyntaxErrors
        raise archive.damaged(path, error) from error
    heading = next((line.text for line in lines if line.heading), "")
    named = "" if named == "PowerPoint Presentation" else named
    return Source(named or heading or title_from(path), lines, notes)


def _slides(shown: Any) -> tuple[list[Line], list[str]]:
    lines: list[Line] = []
    notes: list[str] = []
    for number, slide in enumerate(shown.slides, 1):
        if value_of(slide.element, "show") in ("0", "false"):
            notes.append(f"Slide {number} is hidden and was not read.")
        else:
            lines += _slide(slide, number)
    return lines, notes


def _slide(slide: Any, number: int) -> Iterator[Line]:
    title = slide.shapes.title
    named = in_one_line(title.text_frame.text) if title is not None and title.has_text_frame else ""
    if named:
        yield Line(named, number, level=1)
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape, number)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        texts = [text for paragraph in frame.paragraphs if (text := in_one_line(_words(paragraph)))]
        yield from (
            Line(f"Notes: {text}" if not place else text, number, ends=True) for place, text in enumerate(texts)
        )


def _shape(shape: Any, page: int) -> Iterator[Line]:
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    if _is_footer(shape) or _is_hidden(shape):
        return
    if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
        for inner in shape.shapes:
            yield from _shape(inner, page)
    elif getattr(shape, "has_table", False):
        yield from _table(shape.table, page)
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape.chart, page)
    elif shape.has_text_frame:
        yield from _paragraphs(shape, page)
    else:
        yield from _diagram(shape, page)


def _is_footer(shape: Any) -> bool:
    from pptx.enum.shapes import PP_PLACEHOLDER as KIND

    left_out = (KIND.DATE, KIND.FOOTER, KIND.HEADER, KIND.SLIDE_NUMBER)
    return bool(shape.is_placeholder and shape.placeholder_format.type in left_out)


def _is_hidden(shape: Any) -> bool:
    return any(value_of(one, "hidden") in ("1", "true") for one in shape.element.xpath("./*/p:cNvPr"))


def _paragraphs(shape: Any, page: int) -> Iterator[Line]:
    for paragraph in shape.text_frame.paragraphs:
        pieces = [text for piece in _words(paragraph).split("\n") if (text := in_one_line(piece))]
        mark = _mark(shape, paragraph) if pieces else ""
        for place, piece in enumerate(pieces):
            ends = place + 1 == len(pieces) or not pieces[place + 1][:1].islower()
            yield Line(("" if place else mark) + piece, page, ends=ends)


def _words(paragraph: Any) -> str:
    """With fields, such as a date, which python-pptx leaves out of a paragraph's runs."""
    signs = {"br": "\n", "tab": "\t"}
    names = ((one.tag.rpartition("}")[2], one) for one in paragraph._p.iter() if isinstance(one.tag, str))
    return "".join(signs.get(name, (one.text or "") if name == "t" else "") for name, one in names).replace("\v", "\n")


def _mark(shape: Any, paragraph: Any) -> str:
    """A body's paragraphs have bullets unless they say otherwise; those of other shapes only where they say so."""
    from pptx.enum.shapes import PP_PLACEHOLDER as KIND

    properties = paragraph._p.pPr
    said = {one.tag.rpartition("}")[2] for one in properties} if properties is not None else set()
    if said & {"buNone"}:
        return ""
    bodies = (KIND.BODY, KIND.OBJECT, KIND.VERTICAL_BODY, KIND.VERTICAL_OBJECT)
    body = shape.is_placeholder and shape.placeholder_format.type in bodies
    return BULLET if body or said & {"buChar", "buAutoNum", "buBlip"} else ""


def _table(table: Any, page: int) -> Iterator[Line]:
    """A merged cell's words stand in each of its rows."""
    cells: list[list[str]] = []
    for row in table.rows:
        said: list[str] = []
        for place, cell in enumerate(row.cells):
            above = cells[-1][place] if cells and place < len(cells[-1]) else ""
            downwards = cell.is_spanned and value_of(cell._tc, "vMerge") in ("1", "true")
            said.append(above if downwards else "" if cell.is_spanned else cell.text_frame.text)
        cells.append(said)
    yield from table_lines(cells, page, headers=None if not table.first_row or len(cells) < 2 else 1)


def _chart(chart: Any, page: int) -> Iterator[Line]:
    """A chart is the table that it was drawn from."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield Line(in_one_line(chart.chart_title.text_frame.text) or "Chart", page, ends=True)
    for plot in chart.plots:
        series = [*plot.series]
        values = [[*one.values] for one in series]
        rows = [
            [str(name), *("" if place >= len(of) or of[place] is None else f"{of[place]:g}" for of in values)]
            for place, name in enumerate(plot.categories)
        ]
        yield from table_lines([["", *(one.name or "" for one in series)], *rows], page, headers=1)


DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


def _diagram(shape: Any, page: int) -> Iterator[Line]:
    """SmartArt keeps its words in a part of its own."""
    from pptx.oxml import parse_xml

    for ids in shape.element.iter(f"{{{DIAGRAM}}}relIds"):
        root = parse_xml(shape.part.related_part(value_of(ids, "dm")).blob)
        for point in root.iter(f"{{{DIAGRAM}}}pt"):
            text = in_one_line("".join(one.text or "" for one in point.iter("{*}t")))
            if text:
                yield Line(BULLET + text, page, ends=True)

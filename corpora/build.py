"""Markdown sources -> the sample company's PDFs, the same bytes every time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, TableBordersLayout
from fpdf.fonts import FontFace

CORPORA = Path(__file__).parent
COMPANY = "Brightwater Instruments"
PUBLISHED = datetime(2025, 10, 15, tzinfo=UTC)
SIZES = {1: 24, 2: 16, 3: 13}
ROOM = {1: 50, 2: 38, 3: 27}
"""Millimeters a heading needs below it on the page, so that it stays with what it announces."""
BODY, TABLE, SMALL, NOTE = 11, 10, 9, 8.5
LINE, NOTE_LINE = 5.1, 4
FOOT = 20
GAP = 2.4
CELL = 4
WIDEST = 70
"""No column asks for more than this many millimeters: longer cells wrap."""
GREY = 110
SHADE = FontFace(emphasis="BOLD", fill_color=(226, 236, 240))


class Document(FPDF):
    """A Letter page with the company and title on top, and footnotes, a standing remark and the page number below."""

    def __init__(self, title: str) -> None:
        super().__init__(format="Letter")
        # Helvetica's own encoding; fpdf2's default, latin-1, has no bullet.
        self.core_fonts_encoding = "windows-1252"
        self.remark = ""
        self.notes: list[str] = []
        self.set_title(title)
        self.set_author(COMPANY)
        self.set_lang("en-US")
        self.set_creation_date(PUBLISHED)
        self.set_margins(25, 20)
        self.set_auto_page_break(True, margin=FOOT)
        self.add_page()

    def header(self) -> None:
        self.set_y(10)
        self._running(f"{COMPANY} · {self.title}", "LEFT")
        self.set_y(self.t_margin)

    def footer(self) -> None:
        self.set_y(self.page_break_trigger)
        for note in self.notes:
            small(self, note)
        self.notes.clear()
        self.set_auto_page_break(True, margin=FOOT)
        self.set_y(-15)
        self._running(" · ".join(filter(None, [self.remark, f"Page {self.page_no()} of {{nb}}"])), "CENTER")

    def keep(self, height: float, notes: list[str]) -> None:
        """Stay on this page only if there is room for the text and its notes, which are printed at its foot."""
        room = sum(small(self, note, measure=True) for note in notes) + GAP
        if self.will_page_break(height + room):
            self.add_page()
        self.notes += notes
        self.set_auto_page_break(True, margin=self.b_margin + room)

    def _running(self, text: str, align: str) -> None:
        self.set_font("Helvetica", size=SMALL)
        self.set_text_color(GREY)
        self.cell(0, 5, text, align=align)
        self.set_text_color(0)


def small(pdf: Document, note: str, measure: bool = False) -> float:
    """A note in small print; its height."""
    pdf.set_font("Helvetica", size=NOTE)
    out = MethodReturnValue.HEIGHT
    text = " ".join(note.split())
    height = pdf.multi_cell(
        0, NOTE_LINE, text, align="LEFT", dry_run=measure, output=out, new_x="LMARGIN", new_y="NEXT"
    )
    return cast(float, height)


def heading(pdf: Document, block: str, notes: list[str]) -> None:
    marks, _, text = block.partition(" ")
    level = len(marks)
    size = SIZES[level]
    if pdf.will_page_break(ROOM[level]):
        pdf.add_page()
    pdf.start_section(text, level=level - 1)
    pdf.ln(size / 8)
    pdf.set_font("Helvetica", "B", size)
    pdf.multi_cell(0, size * 0.45, text, align="LEFT", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(GAP / 2)


def paragraph(pdf: Document, block: str, notes: list[str]) -> None:
    text = " ".join(block.split())
    if notes:
        pdf.set_font("Helvetica", size=BODY)
        height = pdf.multi_cell(0, LINE, text, markdown=True, dry_run=True, output=MethodReturnValue.HEIGHT)
        pdf.keep(cast(float, height), notes)
    pdf.set_font("Helvetica", size=BODY)
    pdf.multi_cell(0, LINE, text, align="LEFT", markdown=True, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(GAP)


def items(pdf: Document, block: str, notes: list[str]) -> None:
    pdf.set_font("Helvetica", size=BODY)
    for item in re.split(r"\n(?=- |\d+\. )", block):
        mark, _, text = item.partition(" ")
        pdf.cell(5 if mark == "-" else 7, LINE, "•" if mark == "-" else mark)
        pdf.multi_cell(0, LINE, " ".join(text.split()), align="LEFT", markdown=True, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(GAP)


def table(pdf: Document, block: str, notes: list[str]) -> None:
    head, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()]
    pdf.set_font("Helvetica", size=TABLE)
    columns = zip(head, *rows, strict=True)
    widths = [min(max(map(pdf.get_string_width, column)), WIDEST) + CELL for column in columns]
    with pdf.table(
        [head, *rows],
        col_widths=widths,
        line_height=LINE,
        padding=(0.4, 1.5),
        text_align="LEFT",
        headings_style=SHADE,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
    ):
        pass
    pdf.ln(GAP / 2)
    for note in notes:
        small(pdf, note)
    pdf.ln(GAP)


def remark(pdf: Document, block: str, notes: list[str]) -> None:
    """An HTML comment: what stands at the foot of every page."""
    pdf.remark = block.removeprefix("<!--").removesuffix("-->").strip()


def kind(block: str) -> Callable[[Document, str, list[str]], None]:
    if re.match(r"- |\d+\. ", block):
        return items
    return {"#": heading, "|": table, "<": remark}.get(block[0], paragraph)


def render(markdown: str) -> bytes:
    """The PDF of headings, paragraphs, lists and tables, each with its footnotes; the first line is its title."""
    blocks = re.split(r"\n\n(?![¹²³] )", markdown.strip())
    pdf = Document(blocks[0].removeprefix("# "))
    for block in blocks:
        text, *notes = block.split("\n\n")
        kind(text)(pdf, text, notes)
    return bytes(pdf.output())


def main() -> None:
    for source in sorted((CORPORA / "sources").rglob("*.md")):
        target = CORPORA / source.relative_to(CORPORA / "sources").with_suffix(".pdf")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(render(source.read_text(encoding="utf-8")))
        print(target.relative_to(CORPORA.parent))


if __name__ == "__main__":
    main()

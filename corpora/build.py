"""Markdown sources -> the sample company's PDFs, the same bytes every time."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

CORPORA = Path(__file__).parent
COMPANY = "Brightwater Instruments"
PUBLISHED = datetime(2025, 10, 15, tzinfo=UTC)
SIZES = {1: 24, 2: 16, 3: 13}
ROOM = {1: 50, 2: 38, 3: 27}
"""Millimeters a heading needs below it on the page, so that it stays with what it announces."""
BODY, TABLE, SMALL = 11, 10, 9
LINE = 5.1
GAP = 2.4
CELL = 4
GREY = 110
SHADE = FontFace(emphasis="BOLD", fill_color=(226, 236, 240))


class Document(FPDF):
    """A Letter page with the company and title on top and the page number below."""

    def __init__(self, title: str) -> None:
        super().__init__(format="Letter")
        # Helvetica's own encoding; fpdf2's default, latin-1, has no bullet.
        self.core_fonts_encoding = "windows-1252"
        self.set_title(title)
        self.set_author(COMPANY)
        self.set_lang("en-US")
        self.set_creation_date(PUBLISHED)
        self.set_margins(25, 20)
        self.set_auto_page_break(True, margin=20)
        self.add_page()

    def header(self) -> None:
        self.set_y(10)
        self._running(f"{COMPANY} · {self.title}", "LEFT")
        self.set_y(self.t_margin)

    def footer(self) -> None:
        self.set_y(-15)
        self._running(f"Page {self.page_no()} of {{nb}}", "CENTER")

    def _running(self, text: str, align: str) -> None:
        self.set_font("Helvetica", size=SMALL)
        self.set_text_color(GREY)
        self.cell(0, 5, text, align=align)
        self.set_text_color(0)


def heading(pdf: Document, block: str) -> None:
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


def paragraph(pdf: Document, block: str) -> None:
    pdf.set_font("Helvetica", size=BODY)
    pdf.multi_cell(0, LINE, " ".join(block.split()), align="LEFT", markdown=True, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(GAP)


def bullets(pdf: Document, block: str) -> None:
    pdf.set_font("Helvetica", size=BODY)
    for item in block.removeprefix("- ").split("\n- "):
        pdf.cell(5, LINE, "•")
        pdf.multi_cell(0, LINE, " ".join(item.split()), align="LEFT", markdown=True, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(GAP)


def table(pdf: Document, block: str) -> None:
    head, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()]
    pdf.set_font("Helvetica", size=TABLE)
    widths = [max(map(pdf.get_string_width, column)) + CELL for column in zip(head, *rows, strict=True)]
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
    pdf.ln(GAP * 1.5)


def kind(block: str) -> Callable[[Document, str], None]:
    return {"#": heading, "-": bullets, "|": table}.get(block[0], paragraph)


def render(markdown: str) -> bytes:
    """The PDF of headings, paragraphs, lists and tables; the first line is its title."""
    blocks = markdown.strip().split("\n\n")
    pdf = Document(blocks[0].removeprefix("# "))
    for block in blocks:
        kind(block)(pdf, block)
    return bytes(pdf.output())


def main() -> None:
    for source in sorted((CORPORA / "sources").rglob("*.md")):
        target = CORPORA / source.relative_to(CORPORA / "sources").with_suffix(".pdf")
        target.write_bytes(render(source.read_text(encoding="utf-8")))
        print(target.relative_to(CORPORA.parent))


if __name__ == "__main__":
    main()

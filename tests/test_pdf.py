"""A PDF's words are read page by page, or it is said which were not; no file harms the reader."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pypdf import PdfWriter
from pypdf.generic import EncodedStreamObject, NameObject

from ingest.errors import UnreadableDocument
from ingest.loaders import Line, ocr
from ingest.loaders.pdf import read
from tests import odd_pdfs
from tests.odd_pdfs import ODD, ONE, TWO, one_page, page, plain, raw, stream, writer, written


def made(folder: Path, content: bytes, name: str = "made.pdf") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableDocument) as refused:
        read(path)
    assert (refused.value.value, bool(refused.value.do)) == (str(path), True)
    return refused.value.what


@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_honest_pdf_is_read_right(name: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.pdf"
    words = ODD[name](path)
    source = read(path)
    on = {number: [line.text for line in source.lines if line.page == number] for number in words}
    missing = [
        (number, text)
        for number, texts in words.items()
        for text in texts
        if not any(text in line for line in on[number])
    ]
    assert (missing, source.pictures) == ([], [])


def test_a_title_is_read_in_any_alphabet(tmp_path: Path) -> None:
    assert read(made(tmp_path, odd_pdfs.titled())).title == "Congés payés – politique №3"


def test_what_is_attached_is_named_and_not_read(tmp_path: Path) -> None:
    source = read(made(tmp_path, odd_pdfs.attached_file()))
    assert source.notes == ["What is attached to it was not read: rates.csv."]
    assert [line.text for line in source.lines] == [ONE]


def test_a_field_of_a_form_is_a_line_and_is_said_once(tmp_path: Path) -> None:
    source = read(made(tmp_path, odd_pdfs.form()))
    assert [line.text for line in source.lines] == [
        ONE,
        "Plan: HSA Saver",
        "Start date: January 1",
        "Spouse covered: Yes",
    ]


def test_what_nobody_was_to_see_in_a_form_is_not_read(tmp_path: Path) -> None:
    widget = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (%s) /V (seen by nobody) /Rect [0 0 9 9] %s >>"
    fields = [widget % (b"hidden", b"/F 2"), widget % (b"password", b"/Ff 8192")]
    content = one_page(odd_pdfs.SHOWN, page(b"/Annots [%s]" % b" ".join(fields)))
    assert [line.text for line in read(made(tmp_path, content)).lines] == [ONE]


def test_one_of_several_buttons_is_chosen(tmp_path: Path) -> None:
    parent = b"<< /FT /Btn /Ff 32768 /T (tier) /TU (Who is covered:) /V /Family >>"
    button = b"<< /Subtype /Widget /Parent 6 0 R /AS /%s /Rect [0 0 9 9] >>"
    annotations = b"/Annots [%s %s]" % (button % b"Off", button % b"Family")
    content = one_page(odd_pdfs.SHOWN, page(annotations), parent)
    assert [line.text for line in read(made(tmp_path, content)).lines] == [ONE, "Who is covered: Family"]


def test_a_row_of_a_table_is_one_line_although_its_cells_wrap(tmp_path: Path) -> None:
    source = read(made(tmp_path, odd_pdfs.table_with_wrapped_cells()))
    assert source.lines == [Line(" ".join(row), 1, ends=True, table=True) for row in odd_pdfs.ROWS]


def test_items_of_a_list_are_no_table(tmp_path: Path) -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=11)
    for text in (ONE, TWO):
        sheet.cell(12, 6, "1.")
        sheet.cell(0, 6, text, new_x="LMARGIN", new_y="NEXT")
    lines = read(made(tmp_path, bytes(sheet.output()))).lines
    assert [(line.text, line.table) for line in lines] == [(f"1. {ONE}", False), (f"1. {TWO}", False)]


def test_boxes_side_by_side_keep_their_headings(tmp_path: Path) -> None:
    box = b"BT /F1 18 Tf %d 700 Td (%s) Tj ET BT /F1 11 Tf 13 TL %d 676 Td (%s) Tj T* (%s) Tj ET "
    left = box % (72, b"Basic plan", 72, b"Checkups once a year,", b"and vaccines.")
    right = box % (330, b"Plus plan", 330, b"Everything that is", b"needed to get well.")
    lines = read(made(tmp_path, one_page(left + right))).lines
    assert [line.text for line in lines if line.heading] == ["Basic plan", "Plus plan"]


def test_print_made_bold_by_printing_it_twice_is_read_once(tmp_path: Path) -> None:
    twice = odd_pdfs.SHOWN + b" " + odd_pdfs.SHOWN.replace(b"72 700", b"72.4 700")
    assert [line.text for line in read(made(tmp_path, one_page(twice))).lines] == [ONE]


NINE = [f"Page {number} says what matter number {number} costs." for number in range(1, 10)]


def test_a_broken_page_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    damaged = writer(*NINE)
    for number in (3, 5):
        damaged.pages[number - 1][NameObject("/Contents")] = damaged._add_object(not_packed())
    source = read(made(tmp_path, written(damaged)))
    assert source.notes == ["Pages 3 and 5 could not be read (its content is damaged)."]
    assert [line.text for line in source.lines] == [text for text in NINE if text[5] not in "35"]


def not_packed() -> EncodedStreamObject:
    """It says that it is compressed, and is not."""
    content = EncodedStreamObject()
    content[NameObject("/Filter")] = NameObject("/FlateDecode")
    content._data = b"no such thing"
    return content


def test_a_file_of_which_no_page_can_be_read_is_refused_by_name(tmp_path: Path) -> None:
    broken = odd_pdfs.filtered(b"NoSuchDecode", odd_pdfs.SHOWN)
    assert refusal(made(tmp_path, broken)).startswith("No page of made.pdf could be read (Unsupported filter")


def test_a_file_without_pages_is_refused_by_name(tmp_path: Path) -> None:
    content = raw(odd_pdfs.CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>")
    assert refusal(made(tmp_path, content)) == "made.pdf has no pages."


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_a_file_that_needs_a_password_is_refused_by_name(algorithm: str, tmp_path: Path) -> None:
    locked = writer()
    locked.encrypt("secret", algorithm=algorithm)
    assert refusal(made(tmp_path, written(locked))) == "made.pdf is locked with a password."


def test_a_page_of_millions_of_steps_is_given_up_early(tmp_path: Path) -> None:
    content = one_page(b"0 0 m " * 3_000_000)
    assert "maximum number of tokens" in refusal(made(tmp_path, content))


def test_letters_that_cannot_be_stored_are_dropped(tmp_path: Path) -> None:
    """Half of a pair of UTF-16 is no text, and neither are control characters."""
    table = odd_pdfs.CODES % (2, b"<41> <d800>\n<42> <0007>\n")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+Own /ToUnicode 6 0 R >>"
    shown = stream(b"BT /F1 12 Tf 72 700 Td (leave AB) Tj ET")
    content = raw(odd_pdfs.CATALOG, odd_pdfs.PAGES, page(), shown, font, stream(table))
    assert [line.text for line in read(made(tmp_path, content)).lines] == ["leave"]


def picture(width: int = 1700, height: int = 2200, *words: str) -> Image.Image:
    drawn = Image.new("L", (width, height), 255)
    for place, text in enumerate(words):
        ImageDraw.Draw(drawn).text((150, 200 + 90 * place), text, fill=0, font_size=44)
    return drawn


def with_pictures(*pages: tuple[str, float]) -> bytes:
    """Letter pages of a text and a picture of so many points in width and height."""
    sheet = FPDF(unit="pt", format="Letter")
    sheet.set_font("Helvetica", size=11)
    for number, (text, side) in enumerate(pages):
        sheet.add_page()
        if text:
            sheet.multi_cell(0, 14, text)
        if side:
            sheet.image(picture(400 + number, 400), 40, 90, side, side)
    return bytes(sheet.output())


LONG = " ".join([ONE, TWO] * 6)


@pytest.mark.parametrize(
    ("pages", "pictures", "notes"),
    [
        ([("", 500)], [1], []),
        ([(LONG, 0), ("", 0)], [], []),
        ([(LONG, 0), ("", 0), ("Page 3 of 3", 520)], [3], []),
        ([(LONG, 60)], [], []),
        ([(LONG, 0), (LONG, 300)], [], ["Page 2 holds a picture whose words were not read."]),
        ([(LONG, 300)] * 3, [], ["Pages 1, 2 and 3 hold pictures whose words were not read."]),
        (
            [(LONG, 300)] * 12,
            [],
            ["Pages 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more hold pictures whose words were not read."],
        ),
    ],
    ids=["a scan", "a blank page", "a scan with a number", "a logo", "one large", "three large", "twelve large"],
)
def test_what_only_a_picture_says_is_told_apart(
    pages: list[tuple[str, float]], pictures: list[int], notes: list[str], tmp_path: Path
) -> None:
    source = read(made(tmp_path, with_pictures(*pages)))
    assert (source.pictures, source.notes) == (pictures, notes)


def test_a_picture_behind_the_text_of_every_page_says_nothing(tmp_path: Path) -> None:
    sheet = FPDF(unit="pt", format="Letter")
    sheet.set_font("Helvetica", size=11)
    paper = picture(400, 400)
    for text in (LONG, f"{LONG} {ONE}", f"{LONG} {TWO}"):
        sheet.add_page()
        sheet.image(paper, 0, 0, 612, 792)
        sheet.multi_cell(0, 14, text)
    source = read(made(tmp_path, bytes(sheet.output())))
    assert (source.pictures, source.notes) == ([], [])


@pytest.mark.parametrize("font", [b"/Encoding /Identity-H", b"/Encoding /Identity-V"])
def test_a_page_in_a_font_that_hides_its_letters_is_a_picture(font: bytes, tmp_path: Path) -> None:
    hides = b"<< /Type /Font /Subtype /Type0 /BaseFont /ABCDEF+Own %s /DescendantFonts [] >>" % font
    shown = stream(b"BT /F1 12 Tf 72 700 Td <002400250026002700280029> Tj ET")
    source = read(made(tmp_path, raw(odd_pdfs.CATALOG, odd_pdfs.PAGES, page(), shown, hides)))
    assert (source.lines, source.pictures) == ([], [1])


def test_a_page_whose_letters_are_drawn_is_a_picture(tmp_path: Path) -> None:
    letters = b"".join(b"%d 700 5 9 re f\n" % (72 + 6 * place) for place in range(80))
    assert read(made(tmp_path, one_page(letters))).pictures == [1]


def in_a_picture_of_the_content() -> bytes:
    """An inline image, as old scanners make them."""
    dots = bytes(100 * 130)
    return one_page(b"q 612 0 0 792 0 0 cm BI /W 100 /H 130 /CS /G /BPC 8 ID " + dots + b"\nEI Q")


def test_a_picture_inside_the_content_counts(tmp_path: Path) -> None:
    assert read(made(tmp_path, in_a_picture_of_the_content())).pictures == [1]


@pytest.mark.parametrize(("scale", "pictures"), [(b"1", [1]), (b"0.1", [])])
def test_a_picture_in_a_form_is_as_large_as_the_form_is_drawn(
    scale: bytes, pictures: list[int], tmp_path: Path
) -> None:
    about = page().replace(b"/Resources <<", b"/Resources << /XObject << /Fm 6 0 R >>")
    inside = b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /Im 7 0 R >> >>"
    image = b"/Type /XObject /Subtype /Image /Width 50 /Height 50 /ColorSpace /DeviceGray /BitsPerComponent 8"
    form, dots = stream(b"q 612 0 0 792 0 0 cm /Im Do Q", inside), stream(bytes(2500), image)
    content = one_page(b"q %s 0 0 %s 0 0 cm /Fm Do Q" % (scale, scale), about, form, dots)
    assert read(made(tmp_path, content)).pictures == pictures


HONEST = [build() for name, (build, _) in odd_pdfs.MADE.items() if "hundred" not in name]


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(HONEST), label="file"))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8) | WORDS)
    path = made(tmp_path, bytes(content) or b"%PDF")
    assert all(text.encode() for text in outcome(path))


def outcome(path: Path) -> list[str]:
    """The lines, or the refusal when it names the file."""
    try:
        return [line.text for line in read(path).lines]
    except UnreadableDocument as refused:
        return [refused.what] if path.name in refused.what else [""]


WORDS = st.sampled_from(
    [b"null", b"99999999999", b"-1", b"<<", b">>", b"[", b"3 0 R", b"stream", b"(", b"1e400", b"/Kids"]
)

SCANNED = ("Brightwater Instruments", "", "Every employee may work from home", "on two days of the week.")
needs_tesseract = pytest.mark.skipif(ocr.found() is None, reason="Tesseract is not installed")


def scan(folder: Path, turn: Callable[[Image.Image], Image.Image] = lambda drawn: drawn) -> Path:
    drawn = turn(picture(1700, 2200, *SCANNED))
    sheet = FPDF(unit="pt", format=(drawn.width * 72 / 200, drawn.height * 72 / 200))
    sheet.add_page()
    sheet.image(drawn, 0, 0, sheet.w, sheet.h)
    return made(folder, bytes(sheet.output()), "scan.pdf")


def as_read(path: Path, number: int = 1) -> str:
    return " ".join(line.text for line in ocr.read_page(path, number))


@needs_tesseract
def test_a_scan_is_read(tmp_path: Path) -> None:
    path = scan(tmp_path)
    assert (read(path).lines, read(path).pictures) == ([], [1])
    lines = ocr.read_page(path, 1)
    assert " ".join(line.text for line in lines) == " ".join(filter(None, SCANNED))
    assert (lines[0].ends, lines[-1].ends, {line.page for line in lines}) == (True, True, {1})


@needs_tesseract
@pytest.mark.parametrize("angle", [90, 270])
def test_a_scan_is_read_that_its_page_turns_upright(angle: int, tmp_path: Path) -> None:
    turned = PdfWriter(clone_from=scan(tmp_path, lambda drawn: drawn.rotate(angle, expand=True)))
    turned.pages[0].rotate(angle)
    assert as_read(made(tmp_path, written(turned))) == " ".join(filter(None, SCANNED))


@needs_tesseract
def test_a_larger_line_of_its_own_is_a_heading_in_a_scan(tmp_path: Path) -> None:
    drawn = picture(1700, 2200, "", "", "", "", *SCANNED[2:])
    ImageDraw.Draw(drawn).text((150, 200), "Working from home", fill=0, font_size=90)
    sheet = FPDF(unit="pt", format="Letter")
    sheet.add_page()
    sheet.image(drawn, 0, 0, 612, 792)
    first, *_ = ocr.read_page(made(tmp_path, bytes(sheet.output())), 1)
    assert first == Line("Working from home", 1, level=1, ends=True)


@needs_tesseract
def test_a_huge_page_is_drawn_in_bounds(tmp_path: Path) -> None:
    assert as_read(made(tmp_path, plain("Leave", format=(5000, 5000)))) == ""
    assert as_read(made(tmp_path, one_page(b"", page(box=b"[0 0 14400 10]")))) == ""


@needs_tesseract
def test_what_cannot_be_drawn_is_refused_by_name(tmp_path: Path) -> None:
    for content, number in ((b"%PDF-1.7 nonsense", 1), (plain(ONE), 7)):
        with pytest.raises(UnreadableDocument, match=f"Page {number} of made.pdf is a picture that could not be read"):
            ocr.read_page(made(tmp_path, content), number)


def test_without_tesseract_a_picture_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreadableDocument) as refused:
        ocr.read_page(scan(tmp_path), 1)
    assert refused.value.what == "Page 1 of scan.pdf is a picture."
    assert "Tesseract" in str(refused.value.do)

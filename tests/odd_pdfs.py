"""PDFs that are odd but honest, each made by a script that says which words stand on which page."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from fpdf import FPDF
from pypdf import PdfWriter
from pypdf.annotations import FreeText, Text
from pypdf.constants import PageLabelStyle
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    TextStringObject,
)

Words = Mapping[int, Sequence[str]]
"""By page: what must be among its lines, each in one line."""

ONE = "Employees accrue eleven days of leave a year."
ALPHABETS = "Świadczenia, Ελλάδα, Москва 5 €"
TWO = "Unused days expire in March."


def plain(*pages: str, **settings: Any) -> bytes:
    """A PDF as fpdf2 makes it, a paragraph a page."""
    made = FPDF(**settings)
    made.set_font("Helvetica", size=11)
    for page in pages or (ONE,):
        made.add_page()
        made.multi_cell(0, 6, page)
    return bytes(made.output())


def writer(*pages: str) -> PdfWriter:
    return PdfWriter(clone_from=BytesIO(plain(*pages)))


def written(made: PdfWriter) -> bytes:
    out = BytesIO()
    made.write(out)
    return out.getvalue()


def raw(*objects: bytes, head: bytes = b"%PDF-1.7\n", trailer: bytes = b"/Root 1 0 R", end: bytes = b"\n") -> bytes:
    """A PDF of these objects, numbered from 1, with a table that says where they are."""
    out, places = head, []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s%s%sendobj%s" % (number, end, body, end, end)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    rest = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n"
    return out + rest % (size, table, size, trailer, len(out))


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
SHOWN = b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % ONE.encode()


def page(more: bytes = b"", box: bytes = b"[0 0 612 792]") -> bytes:
    about = b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R %s >>"
    return about % (box, more)


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)


def one_page(content: bytes, about: bytes | None = None, *more: bytes) -> bytes:
    return raw(CATALOG, PAGES, about or page(), stream(content), FONT, *more)


def encrypted(algorithm: str) -> bytes:
    made = writer(ONE)
    made.encrypt("", "only the owner knows", algorithm=algorithm)
    return written(made)


def turned(angle: int) -> bytes:
    made = writer(ONE)
    made.pages[0].rotate(angle)
    return written(made)


def text_turned(matrix: str) -> bytes:
    return one_page(f"BT /F1 12 Tf {matrix} 300 300 Tm ({ONE}) Tj ET".encode())


def form() -> bytes:
    made = writer(ONE)
    fields = ArrayObject()
    for place, (name, kind, value) in enumerate(FIELDS):
        field = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Widget"),
                NameObject("/FT"): NameObject(kind),
                NameObject("/T"): TextStringObject(name),
                NameObject("/V"): NameObject(value) if kind == "/Btn" else TextStringObject(value),
                NameObject("/Rect"): ArrayObject(FloatObject(n) for n in (72, 500 - 30 * place, 300, 520 - 30 * place)),
            }
        )
        fields.append(made._add_object(field))
    made.pages[0][NameObject("/Annots")] = fields
    made._root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/Fields"): fields})
    return written(made)


FIELDS = [("Plan", "/Ch", "HSA Saver"), ("Start date", "/Tx", "January 1"), ("Spouse covered", "/Btn", "/Yes")]


def object_streams() -> bytes:
    """Objects inside a compressed stream, and the table of their places as a stream, as most files are today."""
    inner = [CATALOG, PAGES, page(), FONT]
    numbers, heads, bodies = (1, 2, 3, 5), b"", b""
    for number, body in zip(numbers, inner, strict=True):
        heads += b"%d %d " % (number, len(bodies))
        bodies += body + b" "
    packed = zlib.compress(heads + bodies)
    out = b"%PDF-1.7\n"
    at_four = len(out)
    out += b"4 0 obj\n%s\nendobj\n" % stream(SHOWN)
    at_six = len(out)
    about = b"/Type /ObjStm /N 4 /First %d /Filter /FlateDecode" % len(heads)
    out += b"6 0 obj\n%s\nendobj\n" % stream(packed, about)
    at_seven = len(out)
    rows = [(0, 0, 255), (2, 6, 0), (2, 6, 1), (2, 6, 2), (1, at_four, 0), (2, 6, 3), (1, at_six, 0), (1, at_seven, 0)]
    table = b"".join(bytes([kind]) + place.to_bytes(3, "big") + bytes([last]) for kind, place, last in rows)
    out += b"7 0 obj\n%s\nendobj\n" % stream(table, b"/Type /XRef /Size 8 /W [1 3 1] /Root 1 0 R")
    return out + b"startxref\n%d\n%%%%EOF\n" % at_seven


def updated() -> bytes:
    """The page's text replaced by an incremental update: only the new one counts."""
    first = one_page(SHOWN.replace(b"eleven", b"twelve"))
    replaced = b"4 0 obj\n%s\nendobj\n" % stream(SHOWN)
    table = b"xref\n4 1\n%010d 00000 n \n" % len(first)
    before = first.rindex(b"xref\n0")
    trailer = b"trailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
    return first + replaced + table + trailer % (before, len(first) + len(replaced))


def deep_tree(depth: int = 60) -> bytes:
    """The only page hangs on a chain of nodes, and says nothing itself: font and size come from the top."""
    above = b"<< /Type /Pages /Kids [%d 0 R] /Count 1 %s >>"
    top = above % (5, b"/MediaBox [0 0 612 792] /Resources << /Font << /F1 4 0 R >> >>")
    chain = [above % (number + 6, b"/Parent %d 0 R" % (number + 4 if number else 2)) for number in range(depth)]
    leaf = b"<< /Type /Page /Parent %d 0 R /Contents 3 0 R >>" % (depth + 4)
    return raw(CATALOG, top, stream(SHOWN), FONT, *chain, leaf)


def count_lies() -> bytes:
    return raw(CATALOG, PAGES.replace(b"/Count 1", b"/Count 99"), page(), stream(SHOWN), FONT)


def without_contents() -> bytes:
    both = b"<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>"
    return raw(CATALOG, both, page(), stream(SHOWN), FONT, b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>")


def tables_lost() -> bytes:
    """The table of places is wrong by a few bytes, as after a transfer that changed the ends of lines."""
    good = one_page(SHOWN)
    start = good.rindex(b"startxref")
    return good[:start] + b"startxref\n7\n%%EOF\n"


def in_a_form() -> bytes:
    about = page().replace(b"/Resources <<", b"/Resources << /XObject << /Fm 6 0 R >>")
    inside = stream(SHOWN, b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /Font << /F1 5 0 R >> >>")
    return one_page(b"q 0.5 0 0 0.5 10 10 cm /Fm Do Q", about, inside)


def with_remarks() -> bytes:
    made = writer(ONE)
    made.add_annotation(0, FreeText(text=TWO, rect=(100, 400, 400, 450)))
    made.add_annotation(0, Text(text="Is this still so?", rect=(50, 550, 70, 570)))
    return written(made)


def optional_content() -> bytes:
    about = page().replace(b"/Resources <<", b"/Resources << /Properties << /Layer 6 0 R >>")
    return one_page(b"/OC /Layer BDC " + SHOWN + b" EMC", about, b"<< /Type /OCG /Name (Text) >>")


def attached_file() -> bytes:
    made = writer(ONE)
    made.add_attachment("rates.csv", b"plan,rate\nHSA,12")
    return written(made)


def titled() -> bytes:
    made = writer(ONE)
    made.add_metadata({"/Title": "Congés payés – politique №3"})
    return written(made)


def labelled() -> bytes:
    made = writer(ONE, TWO)
    made.set_page_label(0, 0, PageLabelStyle.LOWERCASE_ROMAN)
    made.set_page_label(1, 1, PageLabelStyle.DECIMAL, start=7)
    return written(made)


def lettered(text: str) -> bytes:
    """In a font whose codes mean what its own table says: code 1 the first of these letters, and so on."""
    letters = [*dict.fromkeys(text)]
    pairs = "".join(f"<{code:02X}> <{letter.encode('utf-16-be').hex()}>\n" for code, letter in enumerate(letters, 1))
    table = CODES % (len(letters), pairs.encode())
    shown = bytes(letters.index(letter) + 1 for letter in text).hex().encode()
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+Own /ToUnicode 6 0 R >>"
    return raw(CATALOG, PAGES, page(), stream(b"BT /F1 12 Tf 72 700 Td <%s> Tj ET" % shown), font, stream(table))


CODES = (
    b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
    b"%d beginbfchar\n%sendbfchar endcmap"
)


def soft_hyphens() -> bytes:
    return one_page(
        b"BT /F1 12 Tf 14 TL 72 700 Td (Employees accrue ele\255) Tj T* (ven days of le\255ave a year.) Tj ET"
    )


def many_pages(pages: int = 500) -> bytes:
    return plain(*(f"On page number {number} it says what {number * 7} employees were paid." for number in _to(pages)))


def _to(last: int) -> range:
    return range(1, last + 1)


def filtered(name: bytes, data: bytes) -> bytes:
    return raw(CATALOG, PAGES, page(), stream(data, b"/Filter /" + name), FONT)


def run_lengths(data: bytes) -> bytes:
    pieces = [data[start : start + 128] for start in range(0, len(data), 128)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces) + b"\x80"


def in_pieces() -> bytes:
    """A page's content in three streams."""
    about = page().replace(b"/Contents 4 0 R", b"/Contents [6 0 R 4 0 R 7 0 R]")
    return raw(
        CATALOG, PAGES, about, stream(b"(%s)" % ONE.encode()), FONT, stream(b"BT /F1 12 Tf 72 700 Td"), stream(b"Tj ET")
    )


def length_elsewhere() -> bytes:
    shown = stream(SHOWN).replace(b"/Length %d" % len(SHOWN), b"/Length 6 0 R")
    return raw(CATALOG, PAGES, page(), shown, FONT, b"%d" % len(SHOWN))


def length_lies() -> bytes:
    return raw(CATALOG, PAGES, page(), stream(SHOWN).replace(b"/Length %d" % len(SHOWN), b"/Length 7"), FONT)


def type_three() -> bytes:
    """A font whose letters are drawings, and which says what they mean."""
    glyph = stream(b"500 0 d0 0 0 400 700 re f")
    says = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        b"1 beginbfrange <61> <7A> <0061> endbfrange endcmap"
    )
    names = b" ".join(b"/g%d" % code for code in range(97, 123))
    procs = b" ".join(b"/g%d 6 0 R" % code for code in range(97, 123))
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 700] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 97 "
        b"/LastChar 122 /Widths [%s] /Encoding << /Type /Encoding /Differences [97 %s] >> /CharProcs << %s >> "
        b"/Resources << >> /ToUnicode 7 0 R >>"
    ) % (b"500 " * 26, names, procs)
    return raw(CATALOG, PAGES, page(), stream(b"BT /F1 12 Tf 72 700 Td (vacation) Tj ET"), font, glyph, stream(says))


def two_columns() -> bytes:
    left = b"(The left column tells of leave) Tj T* (that employees accrue.) Tj"
    right = b"(The right column tells of pay) Tj T* (and of its due date.) Tj"
    return one_page(b"BT /F1 11 Tf 13 TL 72 700 Td " + left + b" ET BT /F1 11 Tf 13 TL 320 700 Td " + right + b" ET")


def table_with_wrapped_cells() -> bytes:
    made = FPDF()
    made.add_page()
    made.set_font("Helvetica", size=11)
    with made.table() as table:
        for row in ROWS:
            table.row(row)
    return bytes(made.output())


ROWS = [
    ("Plan", "What it pays for", "Cost a month"),
    ("Basic", "Checkups once a year and the vaccines that are on the schedule of the state you live in", "$10"),
    ("Plus for families", "Everything", "$20, unless it was waived in writing before the first of May"),
]

MADE: dict[str, tuple[Callable[[], bytes], Words]] = {
    "encrypted RC4 40, no password to open": (lambda: encrypted("RC4-40"), {1: [ONE]}),
    "encrypted RC4 128, no password to open": (lambda: encrypted("RC4-128"), {1: [ONE]}),
    "encrypted AES 128, no password to open": (lambda: encrypted("AES-128"), {1: [ONE]}),
    "encrypted AES 256, no password to open": (lambda: encrypted("AES-256"), {1: [ONE]}),
    "encrypted AES 256 as first published": (lambda: encrypted("AES-256-R5"), {1: [ONE]}),
    "turned by 90": (lambda: turned(90), {1: [ONE]}),
    "turned by 180": (lambda: turned(180), {1: [ONE]}),
    "turned by 270": (lambda: turned(270), {1: [ONE]}),
    "text that runs upwards": (lambda: text_turned("0 1 -1 0"), {1: [ONE]}),
    "text that runs downwards": (lambda: text_turned("0 -1 1 0"), {1: [ONE]}),
    "text upside down": (lambda: text_turned("-1 0 0 -1"), {1: [ONE]}),
    "text aslant": (lambda: text_turned("0.966 0.259 -0.259 0.966"), {1: [ONE]}),
    "a form filled in": (form, {1: [ONE, "Plan: HSA Saver", "Start date: January 1", "Spouse covered: Yes"]}),
    "object streams": (object_streams, {1: [ONE]}),
    "an incremental update": (updated, {1: [ONE]}),
    "a deep page tree": (deep_tree, {1: [ONE]}),
    "a count of pages that lies": (count_lies, {1: [ONE]}),
    "a page without contents": (without_contents, {2: [ONE]}),
    "a wrong table of places": (tables_lost, {1: [ONE]}),
    "garbage in front": (lambda: b"HTTP/1.1 200 OK\r\n\r\n" + plain(ONE), {1: [ONE]}),
    "garbage behind": (lambda: plain(ONE) + b"\n<!-- served in 12 ms -->\n" + b"\0" * 600, {1: [ONE]}),
    "no information": (lambda: one_page(SHOWN), {1: [ONE]}),
    "a title in UTF-16": (titled, {1: [ONE]}),
    "page labels": (labelled, {1: [ONE], 2: [TWO]}),
    "a page of five meters": (lambda: plain(ONE, format=(5000, 5000)), {1: [ONE]}),
    "tiny print": (lambda: one_page(SHOWN.replace(b"12 Tf", b"0.5 Tf")), {1: [ONE]}),
    "print made small by a matrix": (
        lambda: one_page(b"0.01 0 0 0.01 0 0 cm " + SHOWN.replace(b"12 Tf", b"1200 Tf")),
        {1: [ONE]},
    ),
    "text in a form": (in_a_form, {1: [ONE]}),
    "remarks": (with_remarks, {1: [ONE, TWO, "Comment: Is this still so?"]}),
    "optional content": (optional_content, {1: [ONE]}),
    "landscape": (lambda: plain(ONE, orientation="landscape"), {1: [ONE]}),
    "a file attached": (attached_file, {1: [ONE]}),
    "letters of many alphabets": (
        lambda: lettered("Świadczenia, Ελλάδα, Москва 5 €"),
        {1: ["Świadczenia, Ελλάδα, Москва 5 €"]},
    ),
    "ligatures": (lambda: lettered("Beneﬁts oﬃce ﬂoor"), {1: ["Benefits office floor"]}),
    "soft hyphens": (soft_hyphens, {1: ["Employees accrue eleven", "days of leave a year."]}),
    "five hundred pages": (many_pages, {1: ["On page number 1 it"], 250: ["1750 employees"], 500: ["3500 employees"]}),
    "ASCII hex": (lambda: filtered(b"ASCIIHexDecode", SHOWN.hex().encode() + b">"), {1: [ONE]}),
    "run lengths": (lambda: filtered(b"RunLengthDecode", run_lengths(SHOWN)), {1: [ONE]}),
    "content in pieces": (in_pieces, {1: [ONE]}),
    "a length that stands elsewhere": (length_elsewhere, {1: [ONE]}),
    "a length that lies": (length_lies, {1: [ONE]}),
    "ends of lines of an old Macintosh": (
        lambda: raw(CATALOG, PAGES, page(), stream(SHOWN), FONT, end=b"\r"),
        {1: [ONE]},
    ),
    "a font of drawings": (type_three, {1: ["vacation"]}),
    "words spaced by numbers": (
        lambda: one_page(b"BT /F1 12 Tf 72 700 Td [(Em) 20 (ployees) -600 (accrue) -600 (days.)] TJ ET"),
        {1: ["Employees accrue days."]},
    ),
    "letters one by one": (
        lambda: one_page(
            b"BT /F1 12 Tf 72 700 Td " + b" ".join(b"(%c) Tj" % letter for letter in ONE.encode()) + b" ET"
        ),
        {1: [ONE]},
    ),
    "the quote operators": (
        lambda: one_page(b"BT /F1 12 Tf 14 TL 72 700 Td (%s) ' 0 0 (%s) \" ET" % (ONE.encode(), TWO.encode())),
        {1: [ONE, TWO]},
    ),
    "strings in hex and octal": (
        lambda: one_page(b"BT /F1 12 Tf 72 700 Td <4C65617665> Tj ( \\157f \\(absence\\)) Tj ET"),
        {1: ["Leave of (absence)"]},
    ),
    "null bytes": (lambda: one_page(SHOWN.replace(b"leave", b"le\\000ave")), {1: [ONE]}),
    "a box with negative corners": (lambda: one_page(SHOWN, page(box=b"[-306 -396 306 1000]")), {1: [ONE]}),
    "a box upside down": (lambda: one_page(SHOWN, page(box=b"[612 792 0 0]")), {1: [ONE]}),
    "a unit of its own": (lambda: one_page(SHOWN, page(b"/UserUnit 10")), {1: [ONE]}),
    "two columns": (two_columns, {1: ["The left column tells of leave", "The right column tells of pay"]}),
    "cells that wrap": (table_with_wrapped_cells, {1: [" ".join(row) for row in ROWS]}),
    "right to left": (lambda: lettered("שלום"[::-1]), {1: ["שלום"]}),
    "version 2.0": (lambda: raw(CATALOG, PAGES, page(), stream(SHOWN), FONT, head=b"%PDF-2.0\n"), {1: [ONE]}),
    "no line for the version": (lambda: raw(CATALOG, PAGES, page(), stream(SHOWN), FONT, head=b"%PDF-\n"), {1: [ONE]}),
}


def _writes(made: Callable[[], bytes], words: Words) -> Callable[[Path], Words]:
    def write(path: Path) -> Words:
        path.write_bytes(made())
        return words

    return write


ODD = {name: _writes(made, words) for name, (made, words) in MADE.items()}

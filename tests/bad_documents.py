"""Documents that are broken, bombs or traps, of every kind; `python -m tests.bad_documents FOLDER` makes them."""

import io
import os
import random
import re
import socket
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

WORDS = "A permit costs 40 dollars a month."
"""What is read out of a document that can be read."""
CANARY = "the word of the canary is periwinkle"
"""In a file beside them, for those that try to have another file read."""
MB = 1 << 20


@dataclass(frozen=True)
class Bad:
    """A bad document."""

    name: str
    path: Path
    why: str
    readable: bool | None
    """It has to be read, it has to be refused, or either is right."""


Content = tuple[str, bytes, bool | None]
"""Why it is bad, what is in it, and whether it can be read."""


def made(folder: Path, url: str = "http://127.0.0.1:9/dtd") -> list[Bad]:
    """All of them, in that folder; some would fetch the URL if they could."""
    return [*damaged(folder), *traps(folder, url), *no_files(folder)]


def damaged(folder: Path) -> Iterator[Bad]:
    """Cut off, full of holes, or of another kind than they are called: the same for every kind."""
    for kind in _GOOD:
        for number, content in enumerate((*_broken(kind), *_called_another(kind))):
            yield _put(folder / f"damaged-{number:03}{kind}", content)


def traps(folder: Path, url: str) -> Iterator[Bad]:
    """Bombs, loops, lies and traps, each kind its own."""
    (folder / "secret").write_text(CANARY, "utf-8")
    secret = f"file://{folder / 'secret'}"
    kinds: dict[str, Iterator[Content]] = {
        ".pdf": _pdfs(),
        ".docx": _office(".docx", secret, url),
        ".pptx": _office(".pptx", secret, url),
        ".xlsx": _office(".xlsx", secret, url),
        ".html": _pages(secret, url),
        ".csv": _tables(),
        ".eml": _mails(),
        ".vtt": _captions("WEBVTT\n\n", "."),
        ".srt": _captions("", ","),
        ".md": _markdown(),
        ".txt": _texts(),
    }
    for kind, contents in kinds.items():
        for number, content in enumerate(contents):
            yield _put(folder / f"trap-{number:03}{kind}", content)


def _put(path: Path, content: Content) -> Bad:
    path.write_bytes(content[1])
    return Bad(path.name, path, content[0], content[2])


# --- the same for every kind


def good(kind: str) -> bytes:
    """A small document of the kind that can be read."""
    return _GOOD[kind]()


def _broken(kind: str) -> Iterator[Content]:
    whole = good(kind)
    noise = random.Random(5).randbytes(20_000)  # noqa: S311
    yield "empty", b"", False
    yield "one byte", whole[:1], None
    yield "only NULs", bytes(4096), False
    yield "random bytes", noise, None
    for part in (0.25, 0.5, 0.75):
        yield f"cut off after {part:.0%}", whole[: int(len(whole) * part)], None
    yield "the last byte is missing", whole[:-1], None
    yield "a hole of NULs in the middle", whole[: len(whole) // 2] + bytes(200) + whole[len(whole) // 2 + 200 :], None
    yield "a program in front", b"\x7fELF\x02\x01\x01" + bytes(64) + whole, None


def _called_another(kind: str) -> Iterator[Content]:
    kinds = [*_GOOD]
    for step in (1, 3, 6):
        other = kinds[(kinds.index(kind) + step) % len(kinds)]
        office = {other, kind} & {".pdf", ".docx", ".pptx", ".xlsx"}
        yield f"in truth {other}", good(other), False if office else None


def no_files(folder: Path) -> Iterator[Bad]:
    """What is no file, is not there, is too large, or has an odd name."""

    def bad(name: str, why: str, readable: bool | None = False) -> Bad:
        return Bad(name, folder / name, why, readable)

    os.mkfifo(folder / "pipe.md")
    yield bad("pipe.md", "a pipe nobody writes to")
    with socket.socket(socket.AF_UNIX) as listening, chdir(folder):  # a socket's path has 107 bytes at most
        listening.bind("socket.txt")
    yield bad("socket.txt", "a socket")
    (folder / "endless.txt").symlink_to("/dev/zero")
    yield bad("endless.txt", "a link to a device that never ends")
    (folder / "folder.pdf").mkdir()
    yield bad("folder.pdf", "a folder")
    (folder / "locked.md").write_text(WORDS)
    (folder / "locked.md").chmod(0)
    yield bad("locked.md", "nobody may read it", None)  # but root may
    yield bad("gone.md", "it is not there any more")
    (folder / "nowhere.md").symlink_to("not-there")
    yield bad("nowhere.md", "a link to nothing")
    (folder / "loop.md").symlink_to("loop.md")
    yield bad("loop.md", "a link to itself")
    with (folder / "large.txt").open("wb") as large:
        large.truncate(101 * MB)
    yield bad("large.txt", "larger than what is read")
    with (folder / "hollow.txt").open("wb") as hollow:
        hollow.truncate(99 * MB)
    yield bad("hollow.txt", "99 MB of nothing")
    odd = "odd \x1b[31m\n\u202e name.md"
    (folder / odd).write_text(WORDS)
    yield bad(odd, "a name that would write on a terminal", True)
    bytes_name = os.fsdecode(b"caf\xe9.md")
    with suppress(OSError):  # a system that has only names in UTF-8
        (folder / bytes_name).write_text(WORDS)
        yield bad(bytes_name, "a name in an unknown encoding", True)


# --- PDF


def pdf(objects: Mapping[int, str | bytes], trailer: str = "/Root 1 0 R", version: str = "1.7") -> bytes:
    """The objects, each where the table says that it is."""
    out, places = bytearray(f"%PDF-{version}\n".encode()), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body if isinstance(body, bytes) else body.encode("latin-1"))
    table = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    return bytes(out) + f"trailer\n<</Size {max(objects) + 1} {trailer}>>\nstartxref\n{table}\n%%EOF\n".encode()


def stream(content: bytes, extra: str = "") -> bytes:
    return b"<</Length %d %b>>\nstream\n%b\nendstream" % (len(content), extra.encode(), content)


def flate(content: bytes, extra: str = "") -> bytes:
    return stream(zlib.compress(content, 9), f"/Filter /FlateDecode {extra}")


SAYS = f"BT /F1 12 Tf 72 700 Td ({WORDS}) Tj ET".encode()
FONT = "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>"


def one_page(**changed: str | bytes) -> bytes:
    """Objects by name: what is not changed is as it should be."""
    parts: dict[str, str | bytes] = {
        "catalog": "<</Type /Catalog /Pages 2 0 R>>",
        "pages": "<</Type /Pages /Kids [3 0 R] /Count 1>>",
        "page": "<</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources <</Font <</F1 5 0 R>> /XObject <</X 6 0 R>>>>>>",
        "content": stream(SAYS),
        "font": FONT,
        "form": stream(b"", "/Type /XObject /Subtype /Form /BBox [0 0 9 9]"),
        "more": "null",
        "still": "null",
    }
    return pdf(dict(enumerate({**parts, **changed}.values(), 1)))


def _page(
    extra: str = "", resources: str = "/Font <</F1 5 0 R>> /XObject <</X 6 0 R>>", contents: str = "4 0 R"
) -> str:
    box = "" if "/MediaBox" in extra else "/MediaBox [0 0 612 792]"
    return f"<</Type /Page /Parent 2 0 R {box} /Contents {contents} /Resources <<{resources}>> {extra}>>"


def _pdfs() -> Iterator[Content]:
    yield from _pdf_bombs()
    yield from _pdf_loops()
    yield from _pdf_lies()
    yield from _pdf_traps()


def _pdf_bombs() -> Iterator[Content]:
    spaces = b" " * (200 * MB)
    once = zlib.compress(spaces, 9)
    yield "200 MB in 200 KB", one_page(content=stream(once, "/Filter /FlateDecode")), None
    twice = stream(zlib.compress(once, 9), "/Filter [/FlateDecode /FlateDecode]")
    yield "compressed twice", one_page(content=twice), None
    hexed = zlib.compress(zlib.compress(b" " * (60 * MB), 9).hex().encode() + b">", 9)
    chain = "/Filter [/FlateDecode /ASCIIHexDecode /FlateDecode]"
    yield "filters in a chain", one_page(content=stream(hexed, chain)), None
    run = stream(zlib.compress(b"\x81 " * (2 * MB), 9), "/Filter [/FlateDecode /RunLengthDecode]")
    yield "run lengths, compressed", one_page(content=run), None
    yield "a thousand filters", one_page(content=stream(once[:100], f"/Filter [{'/FlateDecode ' * 1000}]")), None
    columns = "/DecodeParms <</Predictor 12 /Columns 2000000000>>"
    yield "a row of two billion columns", one_page(content=flate(SAYS, columns)), None
    yield "tokens: 70 MB of numbers in 143 KB", one_page(content=flate(b"1 " * (35 * MB))), None
    yield "tokens: a million strings", one_page(content=flate(b"BT " + b"(a)Tj " * 3_000_000 + b"ET")), None
    yield "tokens: nested arrays", one_page(content=flate(b"[" * 100_000 + b"]" * 100_000 + SAYS)), None
    yield "tokens: nested dictionaries", one_page(content=flate(b"<</A " * 50_000 + b">>" * 50_000)), None
    yield "an array nested 100,000 deep", one_page(more="[" * 100_000 + "]" * 100_000, page=_page("/A 7 0 R")), None
    deep = "<</A " * 20_000 + "1" + ">>" * 20_000
    yield "the page's dictionary 20,000 deep", one_page(page=_page(f"/A {deep}")), None
    yield "one content 100,000 times", one_page(page=_page(contents=f"[{'4 0 R ' * 100_000}]")), None
    yield "a page drawn 100,000 times", one_page(pages=f"<</Type /Pages /Kids [{'3 0 R ' * 100_000}]>>"), None
    yield (
        "a font of a million widths",
        one_page(font=f"<</Type /Font /Subtype /TrueType /Widths [{'500 ' * MB}]>>"),
        None,
    )
    ranges = b"<00000000> <FFFFFFFF> <0000>\n"
    yield "a character map of four billion", _mapped(b"1 beginbfrange\n%bendbfrange" % ranges), None
    many = b"100 beginbfrange\n" + b"<0000> <FFFF> <0000>\n" * 100 + b"endbfrange\n"
    yield "a character map of 65,536 a thousand times", _mapped(many * 10), None
    yield "a character map with one long text", _mapped(b"1 beginbfchar\n<41> <%b>\nendbfchar" % (b"0041" * MB)), None
    huge = "/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /BitsPerComponent 8 /ColorSpace /DeviceRGB"
    yield "a picture of ten gigapixels", one_page(content=stream(b"/X Do"), form=flate(bytes(MB), huge)), None
    yield (
        "100,000 annotations",
        one_page(page=_page(f"/Annots [{'7 0 R ' * 100_000}]"), more="<</Subtype /Text>>"),
        None,
    )
    yield "brackets that never close", one_page(content=flate(b"BT (" + b"(" * 5_000_000)), None
    yield (
        "a hexadecimal string of 30 MB",
        one_page(content=flate(b"BT /F1 9 Tf <" + b"41" * (15 * MB) + b"> Tj ET")),
        None,
    )
    inline = b"BI /W 9 /H 9 ID " + b"EI" * 5_000_000
    yield "a picture within the text that never ends", one_page(content=flate(inline)), None
    lzw = b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 200_000
    yield "LZW", one_page(content=stream(lzw, "/Filter /LZWDecode")), None
    yield "a million comments", one_page(content=flate(b"%\n" * 3_000_000 + SAYS)), None
    yield "q a million times", one_page(content=flate(b"q " * 2_000_000 + SAYS)), None


def _mapped(ranges: bytes) -> bytes:
    """A page whose font has that map of characters."""
    content = b"/CIDInit /ProcSet findresource begin begincmap\n%b\nendcmap end" % ranges
    font = "<</Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /ToUnicode 7 0 R>>"
    return one_page(font=font, more=flate(content))


def _pdf_loops() -> Iterator[Content]:
    yield "a page tree in itself", one_page(pages="<</Type /Pages /Kids [2 0 R] /Count 1>>"), False
    yield "a page tree in itself and a page", one_page(pages="<</Type /Pages /Kids [2 0 R 3 0 R] /Count 2>>"), None
    circle = one_page(
        pages="<</Type /Pages /Kids [7 0 R] /Count 1>>", more="<</Type /Pages /Kids [2 0 R] /Parent 2 0 R /Count 1>>"
    )
    yield "a page tree in a circle", circle, False
    yield "a page that is its own parent", one_page(page=_page().replace("/Parent 2 0 R", "/Parent 3 0 R")), None
    form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</X 6 0 R>>>>"
    drawn = stream(SAYS + b" /X Do")
    yield "a form that draws itself", one_page(content=drawn, form=stream(b"/X Do", form)), None
    yield "forms that double", _doubling(), None
    yield "an object that is itself", one_page(content="4 0 R"), None
    yield "a length that is its own", one_page(content=b"<</Length 4 0 R>>\nstream\n%b\nendstream" % SAYS), None
    yield "a title that is itself", pdf(_objects(one_page()) | {9: "9 0 R"}, "/Root 1 0 R /Info 9 0 R"), None
    font = "<</Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [5 0 R]>>"
    yield "a font that descends from itself", one_page(font=font), None
    yield (
        "outlines in a circle",
        one_page(
            catalog="<</Type /Catalog /Pages 2 0 R /Outlines 7 0 R>>",
            more="<</Type /Outlines /First 8 0 R /Last 8 0 R>>",
            still="<</Title (a) /Next 8 0 R /First 8 0 R /Parent 7 0 R>>",
        ),
        True,
    )
    fields = "<</Type /Catalog /Pages 2 0 R /AcroForm <</Fields [7 0 R]>>>>"
    yield "a field within itself", one_page(catalog=fields, more="<</T (a) /V (b) /Kids [7 0 R] /Parent 7 0 R>>"), None
    whole = one_page()
    table = whole.rindex(b"xref\n0 1")
    yield "a table before itself", whole.replace(b"/Root", b"/Prev %d /Root" % table), None
    first = whole.replace(b"/Root", b"/Prev %010d /Root" % (len(whole) + 17))
    second = b"xref\n0 0\ntrailer\n<</Size 9 /Root 1 0 R /Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    yield "two tables before each other", first + second % (table, len(first)), None
    yield "an object stream within itself", _packed("/Extends 4 0 R"), None
    yield "a page tree 3,000 deep", _deep_tree(3000), None
    yield "outlines 20,000 long", _long_outlines(20_000), None


def _objects(document: bytes) -> dict[int, str | bytes]:
    return {int(n): body for n, body in re.findall(rb"(?s)(\d+) 0 obj\n(.*?)\nendobj", document)}


def _doubling() -> bytes:
    """Thirty forms, each draws the next one twice."""
    forms: dict[int, str | bytes] = {
        number: stream(
            b"/X Do /X Do",
            f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</X {number + 1} 0 R>>>>",
        )
        for number in range(6, 36)
    }
    last: dict[int, str | bytes] = {36: stream(SAYS, "/Type /XObject /Subtype /Form /BBox [0 0 9 9]")}
    return pdf(_objects(one_page(content=stream(b"/X Do"))) | forms | last)


def _deep_tree(depth: int) -> bytes:
    nodes: dict[int, str | bytes] = {
        number: f"<</Type /Pages /Count 1 /Kids [{number + 1} 0 R]>>" for number in range(10, 10 + depth)
    }
    pages: dict[int, str | bytes] = {2: "<</Type /Pages /Count 1 /Kids [10 0 R]>>", 10 + depth: _page()}
    return pdf(_objects(one_page()) | nodes | pages)


def _long_outlines(length: int) -> bytes:
    items: dict[int, str | bytes] = {
        number: f"<</Title (a) /Parent 7 0 R /First {number + 1} 0 R>>" for number in range(10, 10 + length)
    }
    root: dict[int, str | bytes] = {
        1: "<</Type /Catalog /Pages 2 0 R /Outlines 7 0 R>>",
        7: "<</Type /Outlines /First 10 0 R>>",
    }
    return pdf(_objects(one_page()) | items | root)


def _packed(extra: str) -> bytes:
    """Its catalog is in a stream of objects, which says that it is in that stream too."""
    inner = b"1 0 4 33 <</Type /Catalog /Pages 2 0 R>>  null"
    out, places = bytearray(b"%PDF-1.7\n"), {}
    bodies = {
        2: b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        3: _page().replace("4 0 R", "6 0 R").encode(),
        4: stream(inner, f"/Type /ObjStm /N 2 /First 9 {extra}"),
        5: FONT.encode(),
        6: stream(SAYS),
    }
    for number, body in bodies.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    rows = [
        (0, 0, 255),
        (2, 4, 0),
        *((1, places[n], 0) if n != 4 else (2, 4, 1) for n in range(2, 7)),
        (1, len(out), 0),
    ]
    table = b"".join(struct.pack(">BIB", *row) for row in rows)
    xref = stream(table, "/Type /XRef /Size 8 /W [1 4 1] /Root 1 0 R")
    return bytes(out) + b"7 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (xref, len(out))


def _pdf_lies() -> Iterator[Content]:
    said = f"/Length {len(SAYS)} "
    for why, length in {
        "far too long": "999999999",
        "too short": "5",
        "negative": "-7",
        "no number": "/Long",
        "a real": "1e300",
    }.items():
        lie = stream(SAYS).replace(said.encode(), f"/Length {length} ".encode())
        yield f"a length that is {why}", one_page(content=lie), None
    for count in (10**9, -1, 0):
        yield f"it counts {count} pages", one_page(pages=f"<</Type /Pages /Kids [3 0 R] /Count {count}>>"), None
    yield "no pages", one_page(pages="<</Type /Pages /Kids [] /Count 0>>"), False
    yield "a catalog that is a number", one_page(catalog="42"), False
    yield "pages that are a text", one_page(pages="(pages)"), False
    yield "a page that is null", one_page(page="null"), False
    yield "kids that are a number", one_page(pages="<</Type /Pages /Kids 7 /Count 1>>"), False
    yield "two billion objects", one_page().replace(b"/Size 9", b"/Size 2147483647"), None
    yield "a table of two billion", one_page().replace(b"xref\n0 1\n", b"xref\n0 2147483647\n"), None
    yield "the table is nowhere", re.sub(rb"startxref\n\d+", b"startxref\n99999999", one_page()), None
    yield "the table is at a negative place", re.sub(rb"startxref\n\d+", b"startxref\n-5", one_page()), None
    yield "no end", one_page()[: one_page().rindex(b"trailer")], None
    yield "a giant page", one_page(page=_page("/MediaBox [0 0 1e12 1e12]")), True
    yield "a page of less than nothing", one_page(page=_page("/MediaBox [0 0 -612 -792]")), True
    yield "a page of four texts", one_page(page=_page("/MediaBox [(a) (b) (c) (d)]")), None
    yield "turned by 17.5 degrees", one_page(page=_page("/Rotate 17.5")), None
    yield "NULs in names", one_page(page=_page("/A#00B#00 1").replace("/F1 5", "/F#00 5")), None
    yield "a font of a size that is no number", one_page(content=stream(SAYS.replace(b"12 Tf", b"1e999 Tf"))), None
    yield "numbers of a thousand digits", one_page(content=stream(b"9" * 100_000 + b" 0 Td " + SAYS)), None
    yield "operators without operands", one_page(content=stream(b"Tj TJ Td Tm Tf Do cm ' \" " * 1000)), None
    widths = "<</Type /Font /Subtype /Type1 /BaseFont /A /FirstChar -9999999 /LastChar 99999999 /Widths [1]>>"
    yield "widths of a hundred million characters", one_page(font=widths), None
    unknown = "<</Type /Font /Subtype /Type9 /Encoding /No-Such-Encoding>>"
    yield "a font of no kind", one_page(font=unknown), None


def _pdf_traps() -> Iterator[Content]:
    for why, action in {
        "a script that runs on opening": "/S /JavaScript /JS (app.alert\\(1\\))",
        "a program that starts on opening": "/S /Launch /F (/bin/sh)",
        "a page that is fetched on opening": "/S /URI /URI (http://127.0.0.1:9/)",
        "a form that is sent on opening": "/S /SubmitForm /F (http://127.0.0.1:9/)",
    }.items():
        yield why, one_page(catalog=f"<</Type /Catalog /Pages 2 0 R /OpenAction <<{action}>>>>"), True
    for algorithm in ("RC4-40", "RC4-128", "AES-128", "AES-256"):
        yield f"locked with a password ({algorithm})", _locked(algorithm), False
    nonsense = "<</Filter /Standard /V 5 /R 6 /Length 256 /O (a) /U (b) /OE (c) /UE (d) /P -1>>"
    yield (
        "locked in a way that is nonsense",
        pdf(_objects(one_page()) | {9: nonsense}, "/Root 1 0 R /Encrypt 9 0 R /ID [(a) (b)]"),
        False,
    )
    outside = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /F (/etc/hostname)"
    yield "a stream from another file", one_page(content=b"<</Length 0 /F (/etc/hostname)>>\nstream\n\nendstream"), None
    yield "a form from another file", one_page(form=stream(b"", outside)), True


def _locked(algorithm: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(one_page())))
    writer.encrypt("open sesame", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


# --- DOCX, PPTX, XLSX


def _docx() -> bytes:
    from docx import Document

    document, out = Document(), io.BytesIO()
    document.add_paragraph(WORDS)
    document.save(out)
    return out.getvalue()


def _pptx() -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    presentation, out = Presentation(), io.BytesIO()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes.add_textbox(Inches(1), Inches(1), Inches(5), Inches(1)).text_frame.text = WORDS
    presentation.save(out)
    return out.getvalue()


def _xlsx() -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    book.create_sheet("Parking", 0)["A1"] = WORDS
    book.save(out)
    return _with_shared_strings(out.getvalue())


def _with_shared_strings(whole: bytes) -> bytes:
    """As Excel writes them; openpyxl may leave the text in its cell."""
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    relation = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    types, related, sheet = "[Content_Types].xml", "xl/_rels/workbook.xml.rels", MAIN[".xlsx"]
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%b"/></Types>' % kind
    relationship = b'<Relationship Id="rIdS" Type="%b" Target="sharedStrings.xml"/></Relationships>' % relation
    strings = b'<?xml version="1.0" encoding="UTF-8"?>\n<sst xmlns="%b"><si><t>%b</t></si></sst>'
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cell = re.sub(rb'<c r="A1".*?</c>', b'<c r="A1" t="s"><v>0</v></c>', _part(whole, sheet))
    return _rezipped(
        whole,
        {
            types: _part(whole, types).replace(b"</Types>", override),
            related: _part(whole, related).replace(b"</Relationships>", relationship),
            sheet: cell,
        },
        [("xl/sharedStrings.xml", strings % (space, WORDS.encode()))],
    )


MAIN = {".docx": "word/document.xml", ".pptx": "ppt/slides/slide1.xml", ".xlsx": "xl/worksheets/sheet1.xml"}
TEXT = {**MAIN, ".xlsx": "xl/sharedStrings.xml"}


def _rezipped(whole: bytes, changed: Mapping[str, bytes | None] = {}, more: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """The archive with other parts, without those that are None, and with more of them."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(whole)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            content = changed.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in more:
            new.writestr(name, content)
    return out.getvalue()


def _part(whole: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return archive.read(name)


def _with_doctype(part: bytes, declared: str, said: str) -> bytes:
    declaration, _, rest = part.partition(b"?>")
    if not declaration.startswith(b"<?xml"):
        declaration, rest = b'<?xml version="1.0"', part
    text = rest.replace(WORDS.encode(), said.encode() + WORDS.encode())
    return declaration + b"?>\n<!DOCTYPE x [" + declared.encode() + b"]>" + text


def _laughs() -> str:
    steps = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!ENTITY l0 "lol">{steps}'


def _office(kind: str, secret: str, url: str) -> Iterator[Content]:
    whole, text, main = good(kind), TEXT[kind], MAIN[kind]
    part = _part(whole, text)
    for why, declared, said in (
        ("reads another file", f'<!ENTITY x SYSTEM "{secret}">', "&x;"),
        ("fetches a URL", f'<!ENTITY x SYSTEM "{url}">', "&x;"),
        ("fetches its grammar", f'<!ENTITY % x SYSTEM "{url}"> %x;', ""),
        ("a billion laughs", _laughs(), "&l9;"),
        ("one long laugh, many times", f'<!ENTITY x "{"lol" * 30_000}">', "&x;" * 20_000),
    ):
        yield why, _rezipped(whole, {text: _with_doctype(part, declared, said)}), None
    yield (
        "UTF-16 hides its entities",
        _rezipped(
            whole, {text: _with_doctype(part, _laughs(), "&l9;").decode().replace("UTF-8", "UTF-16").encode("utf-16")}
        ),
        None,
    )
    yield "a part of 300 MB", _rezipped(whole, {main: _padded(_part(whole, main), 300 * MB)}), False
    yield "another part of 300 MB", _rezipped(whole, more=[("custom/zeros.bin", bytes(300 * MB))]), None
    yield "25 parts of 20 MB", _rezipped(whole, more=[(f"custom/{n}.xml", b" " * (20 * MB)) for n in range(25)]), None
    yield "30,000 parts", _rezipped(whole, more=[(f"custom/{n}.xml", b"") for n in range(30_000)]), None
    yield "an archive in an archive", _rezipped(whole, more=[("inner.zip", _rezipped(whole))]), None
    yield (
        "one part under a thousand names",
        _overlapping(_rezipped(whole, more=[("zz/000.xml", b" " * (5 * MB))])),
        None,
    )
    yield "it lies about its sizes", _lying(_rezipped(whole, {main: _padded(_part(whole, main), 300 * MB)})), False
    yield "parts above their folder", _rezipped(whole, more=[("../../evil.md", b"evil"), ("/etc/evil", b"evil")]), None
    yield "parts with NULs and devices in their names", _rezipped(whole, more=[("a\\..\\b", b""), ("CON", b"")]), None
    yield "locked parts", _marked_locked(whole), False
    yield "locked, as Office does it", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(8000), False
    yield "no main part", _rezipped(whole, {main: None}), None if kind == ".pptx" else False
    yield "no list of types", _rezipped(whole, {"[Content_Types].xml": None}), False
    yield "no relationships", _rezipped(whole, {"_rels/.rels": None}), None
    yield "broken relationships", _rezipped(whole, {"_rels/.rels": b"<Relationships"}), None
    yield "relationships in a circle", _rezipped(whole, {"_rels/.rels": _circle(whole)}), None
    yield "a main part that is cut off", _rezipped(whole, {main: _part(whole, main)[:-40]}), None
    yield "a main part of NULs", _rezipped(whole, {main: bytes(5000)}), None
    yield "a part that is damaged", _damaged(whole, main), None
    yield "an archive and nothing else", _rezipped(whole, dict.fromkeys(_names(whole))), False
    yield from {".docx": _words, ".pptx": _slides, ".xlsx": _sheets}[kind](whole)


def _names(whole: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return archive.namelist()


def _padded(part: bytes, size: int) -> bytes:
    before, close, after = part.rpartition(b"</")
    return before + b" " * size + close + after


def _circle(whole: bytes) -> bytes:
    return _part(whole, "_rels/.rels").replace(b'Target="', b'Target="_rels/.rels#')


def _overlapping(whole: bytes) -> bytes:
    """The last part's entry in the list, a thousand times under other names: all of them are the same bytes."""
    end = whole.rindex(b"PK\x05\x06")
    last = whole.rindex(b"PK\x01\x02", 0, end)
    copies = b"".join(whole[last:end].replace(b"zz/000", b"zz/%03d" % n) for n in range(1, 1000))
    count, size = struct.unpack_from("<HI", whole, end + 10)
    tail = bytearray(whole[end:])
    struct.pack_into("<HHI", tail, 8, count + 999, count + 999, size + len(copies))
    return whole[:end] + copies + bytes(tail)


def _lying(whole: bytes) -> bytes:
    """Every large part says that it has a hundred bytes."""
    out = bytearray(whole)
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        for found in re.finditer(re.escape(mark), whole):
            (size,) = struct.unpack_from("<I", out, found.start() + place)
            if size > 100 * MB:
                struct.pack_into("<I", out, found.start() + place, 100)
    return bytes(out)


def _marked_locked(whole: bytes) -> bytes:
    out = bytearray(whole)
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        for found in re.finditer(re.escape(mark), whole):
            out[found.start() + place] |= 1
    return bytes(out)


def _damaged(whole: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        place = archive.getinfo(name).header_offset
    return whole[: place + 60 + len(name)] + b"\xff" * 40 + whole[place + 100 + len(name) :]


def _replaced(whole: bytes, name: str, old: bytes, new: bytes) -> bytes:
    part = _part(whole, name)
    assert old in part, f"{name} has no {old!r}"
    return _rezipped(whole, {name: part.replace(old, new, 1)})


def _words(whole: bytes) -> Iterator[Content]:
    body, end = MAIN[".docx"], b"<w:sectPr"
    opened, closed = b"<w:tbl><w:tr><w:tc>", b"<w:p/></w:tc></w:tr></w:tbl>"
    for depth in (60, 200, 20_000):
        yield f"tables {depth} deep", _replaced(whole, body, end, opened * depth + closed * depth + end), None
    spans = b'<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>'
    yield "a cell of a billion columns", _replaced(whole, body, end, spans + end), None
    yield "a million paragraphs", _replaced(whole, body, end, b"<w:p/>" * MB + end), None
    yield (
        "500,000 runs",
        _replaced(whole, body, end, b"<w:p>" + b"<w:r><w:t>a</w:t></w:r>" * 500_000 + b"</w:p>" + end),
        None,
    )
    table = b"<w:tbl>" + (b"<w:tr>" + b"<w:tc><w:p/></w:tc>" * 63 + b"</w:tr>") * 3000 + b"</w:tbl>"
    yield "a table of 189,000 empty cells", _replaced(whole, body, end, table + end), None
    based = b'<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>'
    looped = _replaced(whole, "word/styles.xml", b"</w:styles>", based + b"</w:styles>")
    styled = b'<w:p><w:pPr><w:pStyle w:val="Loop"/></w:pPr><w:r><w:t>a</w:t></w:r></w:p>'
    yield "a style based on itself", _replaced(looped, body, end, styled + end), True


def _slides(whole: bytes) -> Iterator[Content]:
    slide, end = MAIN[".pptx"], b"</p:spTree>"
    group = b'<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    for depth in (100, 240, 20_000):
        groups = group * depth + b"</p:grpSp>" * depth
        yield f"groups {depth} deep", _replaced(whole, slide, end, groups + end), None
    yield "200,000 shapes", _replaced(whole, slide, end, (group + b"</p:grpSp>") * 100_000 + end), None
    shown = _part(whole, "ppt/presentation.xml")
    number = re.search(rb"<p:sldId [^>]*>", shown)
    assert number
    yield (
        "one slide 50,000 times",
        _rezipped(whole, {"ppt/presentation.xml": shown.replace(number[0], number[0] * 50_000)}),
        None,
    )


def _sheets(whole: bytes) -> Iterator[Content]:
    sheet, end = MAIN[".xlsx"], b"</sheetData>"
    rows = b"".join(b'<row r="%d"/>' % n for n in range(2, 1_048_577))
    yield "1,048,575 empty rows", _replaced(whole, sheet, end, rows + end), None
    last = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>end</t></is></c></row>'
    yield "its last cell is the last there can be", _replaced(whole, sheet, end, last + end), None
    beyond = b'<row r="999999999"><c r="ZZZZZZ999999999"><v>1</v></c></row>'
    yield "a cell beyond the last", _replaced(whole, sheet, end, beyond + end), None
    yield (
        "it says that it has 17 billion cells",
        _replaced(whole, sheet, b'dimension ref="A1:A1"', b'dimension ref="A1:XFD1048576"'),
        True,
    )
    styled = b"".join(b'<row r="%d"><c r="A%d" s="0"/><c r="P%d" s="0"/></row>' % (n, n, n) for n in range(2, 200_000))
    yield "400,000 cells with nothing in them", _replaced(whole, sheet, end, styled + end), None
    strings = b"<si><t>a</t></si>" * MB
    yield "a million shared strings", _replaced(whole, TEXT[".xlsx"], b"</sst>", strings + b"</sst>"), None
    no_string = b'<row r="2"><c r="A2" t="s"><v>99999999</v></c></row>'
    yield "a shared string that is not there", _replaced(whole, sheet, end, no_string + end), None
    merged = end + b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    yield "one cell merged of 17 billion", _replaced(whole, sheet, end, merged), None
    runs = b"<si>" + b"<r><t>a</t></r>" * 500_000 + b"</si>"
    yield "a string of 500,000 runs", _replaced(whole, TEXT[".xlsx"], b"</sst>", runs + b"</sst>"), None
    dates = b'<row r="2"><c r="A2" s="0" t="d"><v>99999-99-99</v></c><c r="B2" t="e"><v>#REF!</v></c></row>'
    yield "a date that there is not", _replaced(whole, sheet, end, dates + end), None
    wide = b'<row r="2">' + b'<c t="inlineStr"><is><t>x</t></is></c>' * 100_000 + b"</row>"
    yield "a row of 100,000 cells without places", _replaced(whole, sheet, end, wide + end), None


# --- HTML


def _html() -> bytes:
    return f"<!doctype html><title>Parking</title><h1>Parking</h1><p>{WORDS}</p>".encode()


def _pages(secret: str, url: str) -> Iterator[Content]:
    said = _html()
    for tag in ("div", "b", "table><tr><td", "ul><li", "blockquote", "font"):
        opened = f"<{tag}>".encode() * 50_000
        yield f"<{tag}> 50,000 deep, never closed", opened + said, None
    yield "a million <div>", b"<div>" * MB + said, None
    yield "<b> and <i> crossed 20,000 times", b"<b><i></b></i>" * 20_000 + said, None
    yield "an attribute of 20 MB", b'<p title="' + b"a" * (20 * MB) + b'">' + said, None
    yield "100,000 attributes", b"<p " + b" ".join(b"a%d=1" % n for n in range(100_000)) + b">" + said, None
    yield "a billion laughs", f"<!DOCTYPE html [{_laughs()}]><p>&l9;</p>".encode() + said, None
    yield "reads another file", f'<!DOCTYPE html [<!ENTITY x SYSTEM "{secret}">]><p>&x;</p>'.encode() + said, True
    frames = f'<iframe src="{secret}"></iframe><object data="{secret}"></object><embed src="{url}">'
    yield "frames of other files", frames.encode() + said, True
    fetched = f'<link rel=stylesheet href="{url}"><script src="{url}"></script><img src="{url}"><base href="{url}">'
    yield "pictures and scripts from elsewhere", fetched.encode() + said, True
    yield "a comment that never ends", said + b"<!--" + b"-" * MB, None
    yield "a script that never ends", said + b"<script>" + b"document.write(1);" * 100_000, None
    yield "a cell of a billion columns", b"<table><tr><td colspan=999999999 rowspan=999999999>x</table>" + said, None
    yield "500,000 empty paragraphs", b"<p>" * 500_000 + said, None
    yield "a picture written into it", b'<img src="data:image/png;base64,' + b"A" * (10 * MB) + b'">' + said, None
    yield "a million references", said + b"<p>" + b"&#x41;&amp;&nosuch;" * 350_000, None
    yield "references to no characters", b"<p>&#0;&#xD800;&#x110000;&#99999999999;</p>" + said, True
    yield "an encoding nobody knows", b"<meta charset=x-no-such>" + said, None
    yield "it says UTF-7", b"<meta charset=utf-7>" + said, None
    yield "tags with NULs", said.replace(b"<p>", b"<p\0>") + b"<\0script>alert(1)</script>", None
    yield "a table of 100,000 rows", said + b"<table>" + b"<tr><td>a<td>b" * 100_000, None


# --- CSV, EML, captions, text


def _csv() -> bytes:
    return f'Place,Rule\nGarage,"{WORDS}"\nCanteen,It opens at six.\n'.encode()


def _tables() -> Iterator[Content]:
    yield "a field of 50 MB", b"a,b\n1," + b"x" * (50 * MB), None
    yield "a quoted field of 50 MB", b'a,b\n1,"' + b"x" * (50 * MB) + b'"\n', None
    yield "a million columns", b",".join([b"a"] * MB) + b"\n" + b",".join([b"1"] * MB), None
    yield "a thousand columns, a thousand rows", (b",".join([b"1"] * 1000) + b"\n") * 1000, None
    yield "a million rows", b"a,b\n" + b"1,2\n" * MB, None
    yield "a million empty rows", b"a,b\n" + b",\n" * MB + _csv(), None
    yield "NULs", _csv().replace(b",", b",\0"), None
    yield "a quote that never ends", _csv() + b'"' + b"x,y\n" * 100_000, None
    yield "nothing but quotes", b'"' * 1_000_001, None
    yield "nothing but separators", b";,\t|" * 250_000, None
    yield "formulas", _csv() + b"=cmd|'/c calc'!A0,@SUM(1)\n", True
    yield "bytes of no encoding", _csv() + b"\x81\x8d\x8f,\xff\n", True


def _eml() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Parking", "desk@example.com", "all@example.com"
    message.set_content(WORDS + "\n")
    return message.as_bytes()


def _mails() -> Iterator[Content]:
    head, body = _eml().split(b"\n\n", 1)
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1000))
    yield "a thousand parts in one another", b"Subject: a\nMIME-Version: 1.0\n" + parts + b"\n" + body, None
    mails = b"Content-Type: message/rfc822\n\n" * 1000
    yield "a thousand mails in one another", b"Subject: a\nMIME-Version: 1.0\n" + mails + _eml(), None
    many = b"--b\nContent-Type: text/plain\n\na\n" * 100_000
    yield "100,000 parts", b"Content-Type: multipart/mixed; boundary=b\n\n" + many + b"--b--\n", None
    yield "base64 that is none", b"Subject: a\nContent-Transfer-Encoding: base64\n\n=%&/()!!=A===\n", None
    yield (
        "quoted-printable that is none",
        head + b"\nContent-Transfer-Encoding: quoted-printable\n\n=ZZ=\n=4" + body,
        None,
    )
    yield "a header of 10 MB", b"X-Long: " + b"x" * (10 * MB) + b"\n" + _eml(), None
    yield "a subject of 10 MB, encoded", b"Subject: " + b"=?utf-8?b?YWFh?= " * 600_000 + b"\n\n" + body, None
    yield "100,000 headers", b"".join(b"X-%d: a\n" % n for n in range(100_000)) + _eml(), None
    yield "100,000 recipients", b"To: " + b"a@b.example, " * 100_000 + b"\n" + _eml(), None
    brackets = b"From: " + b"(" * 100_000 + b"\nTo: " + b"<" * 100_000 + b"\n"
    yield "brackets in its addresses that never close", brackets + b"Subject: a\n\n" + body, None
    charset = head.replace(b'"utf-8"', b'"x-no-such"') + b"\n\n" + body
    yield "an encoding nobody knows", charset, None
    yield "no such boundary", b"Subject: a\nContent-Type: multipart/mixed; boundary=none\n\n" + body, None
    yield "a boundary that is empty", b'Subject: a\nContent-Type: multipart/mixed; boundary=""\n\n--\n' + body, None
    yield "a page of a million <div>", b"Content-Type: text/html\n\n" + b"<div>" * MB + body, None
    attached = b'Content-Disposition: attachment; filename="../../etc/passwd"\n\nx\n--b--\n'
    both = b"Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" + body + b"--b\n"
    yield "an attachment above its folder", both + attached, True
    yield "headers and nothing else", head + b"\n\n", None
    yield "NULs in its headers", head.replace(b"Parking", b"Par\0king") + b"\n\n" + body, None
    parameters = b"".join(b"; a*%d=x" % n for n in range(20_000))
    yield "a parameter in 20,000 pieces", b"Content-Type: text/plain" + parameters + b"\n\n" + body, None


def _cue(start: str, end: str, said: str = WORDS) -> bytes:
    return f"1\n{start} --> {end}\n{said}\n\n".encode()


def _vtt() -> bytes:
    return b"WEBVTT\n\n" + _cue("00:00:01.000", "00:00:04.000")


def _srt() -> bytes:
    return _cue("00:00:01,000", "00:00:04,000")


def _captions(head: str, point: str) -> Iterator[Content]:
    start, end, first = f"00:00:01{point}000", f"00:00:04{point}000", head.encode()
    yield "times that are no times", first + _cue("soon", "later"), None
    yield "times backwards", first + _cue(end, start), None
    yield "minutes of 99", first + _cue(f"00:99:99{point}999", f"00:99:99{point}999"), None
    yield "hours of 30 digits", first + _cue("9" * 30 + start[2:], "9" * 30 + end[2:]), None
    yield "hours of 100,000 digits", first + _cue("9" * 100_000 + start[2:], "9" * 100_000 + end[2:]), None
    yield "times below nothing", first + _cue("-" + start, end), None
    yield "an arrow and nothing else", first + b"-->\n" * 1000, None
    yield "no head", _cue(start, end), None
    yield "a time and no words", first + f"{start} --> {end}\n\n".encode(), None
    yield "no empty lines", first + _cue(start, end).strip() * 1000, None
    yield "100,000 cues", first + _cue(start, end, "a") * 100_000, None
    yield "a cue of 5 MB", first + _cue(start, end, "a" * (5 * MB)), None
    yield "tags that never end", first + _cue(start, end, "<v " * 100_000 + WORDS), None
    yield "tags in tags", first + _cue(start, end, "<i>" * 100_000 + WORDS), None
    yield "NULs among its words", first + _cue(start, end, WORDS[:9] + "\0\0" + WORDS[9:]), None
    yield "a note that never ends", first + b"NOTE " + b"x " * MB, None


def _md() -> bytes:
    return f"# Parking\n\n{WORDS}\n".encode()


def _markdown() -> Iterator[Content]:
    said = _md()
    laughs = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10))
    yield "front matter: a billion laughs", f"---\nl0: &l0 lol\n{laughs}---\n".encode() + said, None
    yield "front matter: a command", b"---\ntitle: !!python/object/apply:os.system ['touch evil']\n---\n" + said, None
    yield "front matter: itself", b"---\ntitle: &a [*a]\ngroups: *a\n---\n" + said, None
    yield "front matter: nested 10,000 deep", b"---\ngroups: " + b"[" * 10_000 + b"\n---\n" + said, None
    yield "front matter: 5 MB", b"---\n" + b"a: b\n" * MB + b"---\n" + said, None
    yield "front matter that never ends", b"---\ntitle: a\n" + said, None
    yield "front matter: numbers of 100,000 digits", b"---\ntitle: " + b"9" * 100_000 + b"\n---\n" + said, None
    yield "front matter: a label that is a list", b"---\nlabel: [public, {a: b}]\n---\n" + said, None
    yield "front matter: a date that there is not", b"---\ntitle: 2026-13-45\n---\n" + said, None
    for mark in ("[", "![", "*", "_", "`", "**a", "[a](", "#", "|", "<", "- ", "\\", "> "):
        yield f"100,000 times {mark}", mark.encode() * 100_000 + b"\n\n" + said, None
    yield "lists 5,000 deep", b"".join(b" " * n + b"- a\n" for n in range(5000)), None
    yield (
        "a table of 10,000 columns",
        b"|a" * 10_000 + b"|\n" + b"|-" * 10_000 + b"|\n" + b"|1" * 10_000 + b"|\n" + said,
        None,
    )
    yield "spaces, 20 MB of them", b" " * (20 * MB) + said, None


def _txt() -> bytes:
    return f"{WORDS}\n".encode()


def _texts() -> Iterator[Content]:
    said = _txt()
    yield "a line of 20 MB", b"word " * (4 * MB), None
    yield "a word of 20 MB", b"x" * (20 * MB), None
    yield "five million empty lines", b"\n" * (5 * MB), False
    yield "two million pages", b"\f" * (2 * MB) + said, None
    for name, mark in (("UTF-8", b"\xef\xbb\xbf"), ("UTF-16", b"\xff\xfe"), ("UTF-32", b"\xff\xfe\0\0")):
        yield f"only the mark of {name}", mark, False
    yield "only spaces", b" \t\r\n\f\v" * 100, False
    yield "only control characters", bytes(range(1, 9)) * 100, None
    yield "escape codes", b"\x1b[2J\x1b]0;owned\x07" + said, None
    half = b"\xff\xfe" + b"\x00\xd8a\x00" * 10 + WORDS.encode("utf-16-le")
    yield "halves of characters in UTF-16", half, None
    yield "an odd number of bytes in UTF-16", b"\xff\xfe" + WORDS.encode("utf-16-le") + b"a", None
    yield "characters too long for UTF-8", b"\xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80" + said, None
    yield "every byte there is", bytes(range(256)) * 16, None
    yield "a hundred thousand accents on one letter", ("a" + "\u0301" * 100_000 + WORDS).encode(), None
    yield "text that runs from right to left", ("\u202e" * 1000 + WORDS).encode(), None


_GOOD: dict[str, Callable[[], bytes]] = {
    ".pdf": one_page,
    ".docx": _docx,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
    ".html": _html,
    ".csv": _csv,
    ".eml": _eml,
    ".vtt": _vtt,
    ".srt": _srt,
    ".md": _md,
    ".txt": _txt,
}


if __name__ == "__main__":
    print(f"{len(made(Path(sys.argv[1])))} bad documents")

"""Every kind of document is read whole, as its reader sees it; what is not what it is called is refused by name."""

import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.errors import UnreadableDocument
from ingest.loaders import LOADERS, Source, read
from ingest.loaders.front_matter import front_matter
from ingest.loaders.shown import shown
from ingest.loaders.source import title_from
from ingest.loaders.table import row_text
from ingest.loaders.text import decoded, encoding_of
from ingest.loaders.transcript import Turn, turns
from ingest.split import sections
from tests.odd_documents import Odd, everything, mail, word

CORPORA = Path(__file__).parent.parent / "corpora"


def said(source: Source) -> list[str]:
    return [f"{line.page} {'#' * line.level + ' ' if line.level else ''}{line.text}" for line in source.lines]


@pytest.mark.parametrize("odd", everything(), ids=lambda odd: odd.name)
def test_an_odd_but_honest_document_is_read_whole(odd: Odd, tmp_path: Path) -> None:
    odd.make(tmp_path / odd.name)
    source = read(tmp_path / odd.name)
    assert (said(source), [*source.notes]) == ([*odd.says], [*odd.notes])
    assert source.title == (odd.title or source.title)


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableDocument) as refused:
        read(path)
    assert refused.value.value == str(path)
    assert refused.value.do
    return refused.value.what


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


PDF, PNG, EXE = b"%PDF-1.7\nhello", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"MZ\x90\0\3\0\0\0\4\0"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.docx", PDF, "a.docx is a PDF; it only is called .docx."),
        ("a.md", PDF, "a.md is a PDF; it only is called .md."),
        ("a.txt", PNG, "a.txt is a PNG picture; it only is called .txt."),
        ("a.md", EXE, "a.md is a program; it only is called .md."),
        ("a.eml", PNG, "a.eml is a PNG picture; it only is called .eml."),
        ("a.html", EXE, "a.html is a program; it only is called .html."),
        ("a.csv", "<!DOCTYPE html><table>", "a.csv is a web page; it only is called .csv."),
        ("a.txt", "{\\rtf1 hello}", "a.txt is an RTF file; it only is called .txt."),
        ("a.txt", b"\0\1\2\3" * 100, "a.txt is not text."),
        ("a.xlsx", "Plan,Monthly", "a.xlsx is not a XLSX; it only is called so."),
        ("a.docx", b"\xd0\xcf\x11\xe0" + bytes(600), "a.docx is an old Office file; it only is called .docx."),
        ("a.pptx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "a.pptx is locked with a password."),
        ("a.eml", "Just a few words.", "a.eml is no e-mail; it only is called so."),
        ("a.vtt", "Just a few words.", "a.vtt has no line such as 00:01:02.000 --> 00:01:05.000."),
        ("a.html", "<div>" * 300 + "deep", "a.html nests its elements too deep."),
        ("a.doc", "old", "a.doc is of a kind that cannot be read."),
        ("a.html", "<html><body></body></html>", "No text was found in a.html; it may be a scan."),
        ("a.csv", "", "No text was found in a.csv; it may be a scan."),
    ],
)  # fmt: skip
def test_what_is_not_what_it_is_called_is_refused_by_name(
    name: str, content: str | bytes, why: str, tmp_path: Path
) -> None:
    assert refusal(written(tmp_path / name, content)) == why


TYPES, DOCUMENT = "[Content_Types].xml", "word/document.xml"


def packed(path: Path, *parts: tuple[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return path


ENTITIES = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([("notes.txt", "x")], "is not a DOCX; it only is called so."),
        ([(TYPES, "<x/>"), ("xl/workbook.xml", "<x/>")], "is an Excel file; it only is called .docx."),
        ([("mimetype", "x"), ("content.xml", "<x/>")], "is an OpenDocument file; it only is called .docx."),
        ([(TYPES, "<x/>"), ("_rels/.rels", "http://purl.oclc.org/ooxml/officeDocument"), (DOCUMENT, "<x/>")],
         "is in the strict form of its kind."),
        ([(TYPES, "<x/>"), (DOCUMENT, ENTITIES)], "declares XML entities, as no Office program does."),
        ([(TYPES, "<x/>"), (DOCUMENT, ENTITIES.encode("utf-16"))], "declares XML entities, as no Office program does."),
        ([(TYPES, "<x/>"), (DOCUMENT, "<x/>"), ("word/a.bin", ENTITIES)],
         "declares XML entities, as no Office program does."),
        ([(TYPES, "<x/>"), (DOCUMENT, "<x/>"), (DOCUMENT, "<y/>")], "has two parts of one name."),
        ([(TYPES, "<x/>"), (DOCUMENT, b" " * (30 << 20))], "would inflate more than 200 times."),
        ([(TYPES, "<x/>"), *((f"word/media/{n}", b"\0" * (60 << 20)) for n in range(4))],
         "would inflate to more than 200 MB."),
        ([(TYPES, "<x/>"), *((f"word/{n}", "") for n in range(10_001))], "has 10,002 parts, more than 10,000."),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_lies_is_refused_before_it_is_opened(
    parts: list[tuple[str, str | bytes]], why: str, tmp_path: Path
) -> None:
    assert refusal(packed(tmp_path / "a.docx", *parts)) == f"a.docx {why}"


@cache
def made(kind: str) -> list[bytes]:
    """The odd documents of a kind; made once, since some tell when."""
    odds = [odd for odd in everything() if odd.name.endswith(kind)]
    with TemporaryDirectory() as folder:
        for odd in odds:
            odd.make(Path(folder) / odd.name)
        return [(Path(folder) / odd.name).read_bytes() for odd in odds]


@pytest.mark.parametrize("kind", [".docx", ".pptx", ".xlsx"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_office_file_is_read_or_refused(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / f"a{kind}"
    whole = bytearray(made(kind)[0])
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    _read_or_refused(path)


@pytest.mark.parametrize("kind", sorted({*LOADERS} - {".pdf", ".docx", ".pptx", ".xlsx", ".markdown", ".text", ".htm"}))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_read_or_refused(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / f"a{kind}"
    whole = data.draw(st.sampled_from(made(kind)))[:2000]
    place = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:place] + data.draw(st.binary(max_size=30)) + whole[place:])
    _read_or_refused(path)


def _read_or_refused(path: Path) -> None:
    try:
        source = read(path)
    except UnreadableDocument:
        return
    text = "".join(line.text for line in source.lines)
    assert not {"\0", "\r", "\n"} & {*text}
    assert all(line.text.strip() and line.page > 0 for line in source.lines)
    text.encode()  # no lone surrogate
    assert sections(source) is not None


@given(
    text=st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn"], exclude_characters="\ufffd\u2028\u2029")
    )
)
def test_text_in_utf_8_is_never_taken_for_something_else(text: str) -> None:
    raw = text.encode()
    found = decoded(raw, encoding_of(raw))
    assert (found.text, found.notes) == (text, ())


@given(text=st.text(st.characters(codec="cp1252", exclude_categories=["Cc", "Cf"]), min_size=1))
def test_text_in_windows_letters_is_read_in_them_unless_it_could_be_utf_8(text: str) -> None:
    raw = text.encode("cp1252")
    assert encoding_of(raw) in ("cp1252", "utf-8")
    assert decoded(raw, "cp1252").text == text


def said_above(tmp_path: Path, above: str) -> tuple[str, str | None, list[str], list[str]]:
    source = read(written(tmp_path / "lockers.md", f"---\n{above}\n---\nAsk at the desk.\n"))
    return source.title, source.label, [*source.groups], [line.text for line in source.lines]


ASK = ["Ask at the desk."]


@pytest.mark.parametrize(
    ("above", "found"),
    [
        ("title: Keys\nlabel: restricted\ngroups: [hr, finance]", ("Keys", "restricted", ["hr", "finance"], ASK)),
        ("groups: hr, finance\nlayout: post", ("lockers", None, ["hr", "finance"], ASK)),
        ("Label: Secret", ("lockers", "Secret", [], ASK)),
        ("label: [public, restricted]", ("lockers", "['public', 'restricted']", [], ASK)),
        ("label:", ("lockers", "null", [], ASK)),
        (
            "label: public\nlabel: restricted",
            ("label: public label: restricted", "label: public", [], ["Ask at the desk."]),
        ),
        ("label: public\n\tother: [", ("lockers", "label: public", [], ["label: public other: [", *ASK])),
        ("title: Keys\nlabel: !!python/name:os.system", ("", "label: !!python/name:os.system", [], [])),
    ],
)
def test_what_a_text_says_about_itself_is_passed_on_as_it_says_it(
    above: str, found: tuple[str, str | None, list[str], list[str]], tmp_path: Path
) -> None:
    title, label, groups, lines = said_above(tmp_path, above)
    assert (label, groups) == found[1:3]
    if found[1] is None or ":" not in found[1]:  # else it is text
        assert (title, lines) == (found[0], found[3])


def test_front_matter_that_multiplies_itself_is_not_expanded(tmp_path: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
        f"{this}: &{this} [{','.join([f'*{before}'] * 9)}]" for before, this in zip("abcdefgh", "bcdefghi", strict=True)
    )
    _, label, groups, _ = said_above(tmp_path, f"{bomb}\nlabel: public")
    assert (label, groups) == ("label: public", [])


@pytest.mark.parametrize("text", ["---\nlabel: restricted\n\nBands.\n", "+++\nlabel = 'restricted'\n+++\nBands.\n"])
def test_a_label_in_front_matter_that_is_none_is_not_overlooked(text: str, tmp_path: Path) -> None:
    label = read(written(tmp_path / "a.txt", text)).label
    assert label is not None
    assert label.startswith("label")


@given(text=st.text("-+label: =\n\"'restricted[]{}&*!#ab,|>\t", max_size=80))
def test_any_front_matter_is_understood_or_text(text: str) -> None:
    front, rest = front_matter(f"---\n{text}\n---\nBody")
    assert rest.endswith("Body")
    assert front.label is None or front.label.strip() == front.label


def test_a_web_page_may_say_its_label_and_groups(tmp_path: Path) -> None:
    page = '<meta name="label" content="restricted"><meta name="Groups" content="hr, finance"><p>Bands.</p>'
    source = read(written(tmp_path / "a.html", page))
    assert (source.label, [*source.groups]) == ("restricted", ["hr", "finance"])


def test_of_two_labels_in_a_web_page_neither_holds(tmp_path: Path) -> None:
    page = '<meta name="label" content="public"><p>Bands.</p><meta name="label" content="restricted">'
    assert read(written(tmp_path / "a.html", page)).label == "public, restricted"


def test_a_row_of_a_sheet_or_a_table_file_is_a_record_of_its_own(tmp_path: Path) -> None:
    [line] = read(written(tmp_path / "a.csv", "Plan,Monthly\nPPO,$120\n")).lines
    assert (line.text, line.table, line.record, line.ends) == ("Plan: PPO; Monthly: $120", True, True, True)


def test_a_row_of_a_document_s_table_is_no_record(tmp_path: Path) -> None:
    [line] = read(written(tmp_path / "a.html", "<table><tr><th>Plan<th>Monthly<tr><td>PPO<td>$120</table>")).lines
    assert (line.text, line.table, line.record, line.ends) == ("Plan: PPO; Monthly: $120", True, False, True)


CELL = st.text(st.characters(categories=["L", "N", "P"], exclude_characters='"'), max_size=12)


@given(header=st.lists(CELL, min_size=3, max_size=6), row=st.lists(CELL, min_size=3, max_size=8))
def test_no_cell_of_a_row_is_lost(header: list[str], row: list[str]) -> None:
    text = row_text(header, row)
    assert all(cell in text for cell in row)


@pytest.mark.parametrize(
    ("value", "form", "as_shown"),
    [
        (0.05, "0%", "5%"),
        (0.1275, "0.0%", "12.8%"),
        (1234.5, "$#,##0.00", "$1,234.50"),
        (-3.5, "$0.00", "-$3.50"),
        (-1234.5, '_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)', "$(1,234.50)"),
        (0, '_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)', "$-"),
        (-3.5, "0.00;[Red]0.00", "-3.50"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (12, '0 "days"', "12 days"),
        (5, "00000", "00005"),
        (1234567, "#,##0,", "1,235"),
        (2, "0.##", "2"),
        (0.1 + 0.2, "General", "0.3"),
        (92.0, None, "92"),
        (True, "General", "TRUE"),
        (None, "General", ""),
        ("=cmd|' /C calc'!A0", "@", "=cmd|' /C calc'!A0"),
    ],
)
def test_a_number_is_what_the_sheet_shows(value: object, form: str | None, as_shown: str) -> None:
    assert shown(value, form) == as_shown


@given(
    value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    form=st.text('0#?.,%$;()[]"\\_*@-/ eE+dmyhsAMPG€', max_size=20),
)
def test_any_number_format_shows_something(value: float, form: str) -> None:
    assert isinstance(shown(value, form), str)


def test_the_turns_of_a_transcript_tell_who_and_when(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.srt",
        "1\n00:00:01,500 --> 00:00:02,000\nPayroll: One\n\n2\n00:00:02,000 --> 00:00:03,000\nPayroll: two.\n\n"
        "3\n00:00:09,000 --> 00:00:10,000\nNobody is named.\n",
    )
    assert turns(path) == [Turn(1.5, "Payroll", "One two."), Turn(9.0, None, "Nobody is named.")]


def test_a_mail_of_too_many_parts_is_refused(tmp_path: Path) -> None:
    bomb = "Subject: Bomb\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 600 + "--b--\n"
    assert refusal(written(tmp_path / "a.eml", bomb)) == "a.eml has 601 parts, more than 500."


def test_a_mail_in_a_mail_without_end_is_refused(tmp_path: Path) -> None:
    head = b"Subject: again\nContent-Type: message/rfc822\n\n"
    assert "a.eml" in refusal(written(tmp_path / "a.eml", head * 3000))


def test_nothing_of_a_document_is_a_path(tmp_path: Path) -> None:
    message = mail("See it.\n")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="../../etc/passwd\x1b[31m")
    source = read(written(tmp_path / "a.eml", message.as_bytes()))
    assert [note for note in source.notes if "\x1b" in note or "\n" in note] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.eml"]


WAITING = {
    "first-90-days.html": ("Your First 90 Days", ["Before and on the first day", "Deadlines", "What begins later"]),
    "remote-work-policy.docx": (
        "Remote and Hybrid Work Policy",
        ["Kinds of agreement", "Who may have one", "Asking for it"],
    ),
    "plan-rates-2026.csv": ("plan rates 2026", []),
}


@pytest.mark.parametrize("name", WAITING)
def test_the_sample_company_s_documents_keep_their_headings(name: str) -> None:
    source = read(CORPORA / "benefits" / name)
    title, first = WAITING[name]
    headings = [line.text for line in source.lines if line.level == 2]
    assert (source.title, headings[: len(first)]) == (title, first)


def test_a_title_without_words_is_the_file_s_name(tmp_path: Path) -> None:
    def build(document: Any) -> None:
        document.add_paragraph("Words.")

    make: Callable[[Path], object] = word(build)
    make(tmp_path / "desk_booking.docx")
    assert read(tmp_path / "desk_booking.docx").title == title_from(Path("desk booking.docx"))

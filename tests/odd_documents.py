"""Odd but honest documents of every kind but PDF, made by script, each with all that must come out of it."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from email.message import EmailMessage
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Odd:
    name: str
    make: Callable[[Path], object]
    says: Sequence[str]
    """Every line, with its page and, of a heading, its level: `1 # Rates`."""
    title: str = ""
    notes: Sequence[str] = ()


def everything() -> list[Odd]:
    return [*texts(), *marked_down(), *tables(), *pages(), *mails(), *transcripts(), *words(), *decks(), *sheets()]


def raw(text: str, encoding: str = "utf-8", before: bytes = b"") -> Callable[[Path], object]:
    return lambda path: path.write_bytes(before + text.encode(encoding))


CAFE = "The café’s budget is 5 € a day."


def texts() -> list[Odd]:
    return [
        Odd("bom.txt", raw(CAFE, before=b"\xef\xbb\xbf"), [f"1 {CAFE}"]),
        Odd("utf16le.txt", raw(CAFE, "utf-16-le", b"\xff\xfe"), [f"1 {CAFE}"]),
        Odd("utf16be.txt", raw(CAFE, "utf-16-be", b"\xfe\xff"), [f"1 {CAFE}"]),
        Odd("utf16-without-a-mark.txt", raw(CAFE, "utf-16-le"), [f"1 {CAFE}"]),
        Odd("utf32.txt", raw(CAFE, "utf-32"), [f"1 {CAFE}"]),
        Odd("windows.txt", raw(CAFE, "cp1252"), [f"1 {CAFE}"]),
        Odd(
            "undefined-bytes.txt",
            lambda path: path.write_bytes(b"The caf\xe9 opens \x81\x8d\x8f at six."),
            ["1 The café opens \ufffd\ufffd\ufffd at six."],
            notes=["3 characters could not be decoded and were replaced."],
        ),
        Odd(
            "one-broken-byte.txt",
            lambda path: path.write_bytes(
                "Die Kantine öffnet für alle früh: Käse, Brötchen, Äpfel, Nüsse, Öl.".encode() + b" \xff Ende."
            ),
            ["1 Die Kantine öffnet für alle früh: Käse, Brötchen, Äpfel, Nüsse, Öl. \ufffd Ende."],
            notes=["1 character could not be decoded and was replaced."],
        ),
        Odd(
            "line-ends.txt",
            raw("First line of all.\rSecond line of all.\u2028Third line of all.\r\nFourth line of all."),
            ["1 First line of all.", "1 Second line of all.", "1 Third line of all.", "1 Fourth line of all."],
        ),
        Odd("invisible.txt", raw("The ga\u00adrage\u200b opens at\x07 six\x00."), ["1 The garage opens at six."]),
        Odd("form-feeds.text", raw("Page one.\fPage two."), ["1 Page one.", "2 Page two."]),
        Odd("right-to-left.txt", raw("משרד השכר פתוח בימי שני."), ["1 משרד השכר פתוח בימי שני."]),
        Odd("chinese-utf16.txt", raw("工资在每月五日发放。", "utf-16"), ["1 工资在每月五日发放。"]),
        Odd("one-line.txt", raw("Ask at the desk"), ["1 Ask at the desk"]),
        Odd("no-newline.TXT", raw("Lockers are on the second floor."), ["1 Lockers are on the second floor."]),
        Odd(
            "front.txt",
            raw("---\ntitle: Lockers\nlabel: restricted\n---\nAsk at the desk."),
            ["1 Ask at the desk."],
            title="Lockers",
        ),
    ]


def marked_down() -> list[Odd]:
    return [
        Odd(
            "front.md",
            raw("---\r\ntitle: Rates\r\ngroups: [hr, finance]\r\n---\r\n# Pay\r\n\r\nOn the fifth.\r\n"),
            ["1 # Pay", "1 On the fifth."],
            title="Rates",
        ),
        Odd(
            "rule-on-top.md",
            raw("---\n\nThe garage opens at six.\n\n---\n\nIt closes at ten.\n"),
            ["1 The garage opens at six.", "1 It closes at ten."],
        ),
        Odd(
            "code.md",
            raw("# Setup\n\n```sh\n# no heading\n\nrun --now | tee\n```\n\nDone.\n"),
            ["1 # Setup", "1 # no heading", "1 run --now | tee", "1 Done."],
        ),
        Odd("unclosed-code.md", raw("~~~\ncode to the end\n# still code\n"), ["1 code to the end", "1 # still code"]),
        Odd(
            "table.md",
            raw("# Rates\n\n| Plan | Monthly |\n|:---|---:|\n| **PPO** | $120 |\n| EPO \\| new | |\n\nEach month.\n"),
            ["1 # Rates", "1 Plan | Monthly", "1 PPO | $120", "1 EPO | new", "1 Each month."],
        ),
        Odd(
            "bare-table.md",
            raw("Plan | Monthly\n--- | ---\nPPO | $120\n"),
            ["1 Plan | Monthly", "1 PPO | $120"],
        ),
        Odd(
            "struck.md",
            raw("It costs ~~$5~~ $6.[^1]\n\n[^1]: Since *May*.\n\n    # indented\n"),
            ["1 It costs $6.", "1 Note 1: Since May.", "1 # indented"],
        ),
        Odd(
            "setext.md",
            raw("Travel\n======\n\nTrains\n------\nBook [early](https://brightwater.example/t).\n"),
            ["1 # Travel", "1 ## Trains", "1 Book early."],
        ),
        Odd(
            "marks.markdown",
            raw(
                "<!-- draft\n-->\n## *Pay* day ##\n\n> On the **5th** &amp; the 20th.<br>Or \\*earlier\\*.\n\n"
                "[1]: http://x.example\n"
            ),
            ["1 ## Pay day", "1 On the 5th & the 20th. Or *earlier*."],
        ),
    ]


def tables() -> list[Odd]:
    plan = "Plan: Choice PPO; Tier: Employee; Monthly: $120"
    return [
        Odd("comma.csv", raw("Plan,Tier,Monthly\nChoice PPO,Employee,$120\n"), [f"1 {plan}"]),
        Odd(
            "semicolon.csv",
            raw("Plan;Preis\nPPO;1,5\nEPO;2,25\n"),
            ["1 Plan: PPO; Preis: 1,5", "1 Plan: EPO; Preis: 2,25"],
        ),
        Odd("excel.csv", raw("sep=;\r\nPlan;Tier;Monthly\r\nChoice PPO;Employee;$120\r\n", "utf-16"), [f"1 {plan}"]),
        Odd("tabs.tsv", raw("Plan\tTier\tMonthly\nChoice PPO\tEmployee\t$120"), [f"1 {plan}"]),
        Odd(
            "tabs-called.csv",
            raw("Plan\tTier, if any\tMonthly\nPPO\tA, or B\t$120\n"),
            ["1 Plan: PPO; Tier, if any: A, or B; Monthly: $120"],
        ),
        Odd("pipes.csv", raw("Plan|Monthly\nPPO|$120\n"), ["1 Plan: PPO; Monthly: $120"]),
        Odd(
            "quoted.csv",
            raw('Plan,Note,Monthly\nPPO,"Two lines,\nand a ""quote""",$120\n', before=b"\xef\xbb\xbf"),
            ['1 Plan: PPO; Note: Two lines, and a "quote"; Monthly: $120'],
        ),
        Odd(
            "ragged.csv",
            raw("Plan,Tier,Monthly\nPPO\nEPO,Family,$9,left over\n\n,,\n,Single,$4\n"),
            ["1 PPO", "1 Plan: EPO; Tier: Family; Monthly: $9; left over", "1 Tier: Single; Monthly: $4"],
        ),
        Odd(
            "no-header.csv",
            raw("PPO,2025,120\nPPO,2026,130\nEPO,2026,90\n"),
            ["1 PPO; 2025; 120", "1 PPO; 2026; 130", "1 EPO; 2026; 90"],
        ),
        Odd(
            "printed.csv",
            raw("Plan,Monthly\nPPO,120\nPlan,Monthly\nEPO,90\n"),
            ["1 Plan: PPO; Monthly: 120", "1 Plan: EPO; Monthly: 90"],
        ),
        Odd("years.csv", raw("Plan,2025,2026\nPPO,120,130\n"), ["1 Plan: PPO; 2025: 120; 2026: 130"]),
        Odd("unnamed-column.csv", raw(",Monthly\nPPO,120\n"), ["1 PPO; Monthly: 120"]),
        Odd(
            "title-above.csv",
            raw("Rates of Brightwater Instruments,,\n,,\nPlan,Tier,Monthly\nChoice PPO,Employee,$120\n"),
            ["1 Rates of Brightwater Instruments", f"1 {plan}"],
        ),
        Odd(
            "formula.csv",
            raw('Plan,Link\nPPO,"=HYPERLINK(""http://x.example"")"\n'),
            ['1 Plan: PPO; Link: =HYPERLINK("http://x.example")'],
        ),
        Odd("one-column.csv", raw("Holiday\nMay 25\nJuly 4\n"), ["1 Holiday", "1 May 25", "1 July 4"]),
        Odd(
            "unclosed-quote.csv",
            raw('Size,Part\n"5 inch,valve\n' + "4 inch,pipe\n" * 300),
            ['1 Size: "5 inch; Part: valve', *["1 Size: 4 inch; Part: pipe"] * 300],
            notes=["A quotation mark is not closed; the marks were read as part of the text."],
        ),
        Odd(
            "wide.csv",
            raw(",".join(f"C{n}" for n in range(100)) + "\n" + ",".join(str(n) for n in range(100)) + "\n"),
            ["1 " + "; ".join(f"C{n}: {n}" for n in range(100))],
        ),
        Odd("long-field.csv", raw("Plan,Note\nPPO," + "x" * 200_000 + "\n"), ["1 Plan: PPO; Note: " + "x" * 200_000]),
        Odd(
            "two-headers.csv",
            raw("Plan,2026,,2025,\n,Single,Family,Single,Family\nPPO,$1,$2,$3,$4\n"),
            ["1 Plan: PPO; 2026 Single: $1; 2026 Family: $2; 2025 Single: $3; 2025 Family: $4"],
        ),
    ]


def html(body: str, head: str = "") -> Callable[[Path], object]:
    return raw(f"<!DOCTYPE html><html><head><meta charset=utf-8>{head}</head><body>{body}</body></html>")


def pages() -> list[Odd]:
    return [
        Odd(
            "site.html",
            html(
                "<header><nav><a href=/>Home</a></nav>Intranet</header><main><h1>Parking</h1>"
                "<p>A per<b>mit</b> costs&nbsp;40 "
                "&euro;.<script>x()</script></p><aside>Ads</aside><p hidden>No</p>"
                "<p style='display: none'>No</p></main>"
                "<footer>Imprint</footer><template><p>No</p></template>",
                "<title>Parking | Brightwater</title><style>p{}</style>",
            ),
            ["1 # Parking", "1 A permit costs 40 €."],
            title="Parking",
        ),
        Odd(
            "latin.htm",
            lambda p: p.write_bytes(
                b'<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>The caf\xe9\x92s.'
            ),
            ["1 The café’s."],
        ),
        Odd(
            "japanese.html",
            lambda p: p.write_bytes('<meta charset="shift_jis"><p>給与は毎月五日に支払われます。'.encode("shift_jis")),
            ["1 給与は毎月五日に支払われます。"],
        ),
        Odd("lies.html", lambda p: p.write_bytes('<meta charset="utf-16"><p>The café.'.encode()), ["1 The café."]),
        Odd("utf16.html", raw("<p>The café.", "utf-16"), ["1 The café."]),
        Odd(
            "xml.html",
            raw(
                '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>'
                "<p>Six.</p></body></html>"
            ),
            ["1 Six."],
        ),
        Odd(
            "lists.html",
            html("<ol start=3><li>Three<ul><li>Inner</ul><li value=7>Seven</ol><dl><dt>PTO<dd>Paid time off</dl>"),
            ["1 3. Three", "1 • Inner", "1 7. Seven", "1 PTO:", "1 Paid time off"],
        ),
        Odd(
            "table.html",
            html(
                "<table><caption>Rates</caption><thead><tr><th rowspan=2>Plan<th colspan=2>2026<tr>"
                "<th>Single<th>Family</thead>"
                "<tr><td rowspan=2>PPO<td>$1<td>$2<tr><td>$3<br>or less<td></table>"
            ),
            ["1 Rates", "1 Plan: PPO; 2026 Single: $1; 2026 Family: $2", "1 Plan: PPO; 2026 Single: $3 or less"],
        ),
        Odd(
            "row-heads.html",
            html("<table><tr><th>Deductible<td>$500<tr><th>Copay<td>$20</table>"),
            ["1 Deductible: $500", "1 Copay: $20"],
        ),
        Odd(
            "layout.html",
            html("<table><tr><td><table><tr><td><h2>News</h2><p>The garage opens.</table><td>Left</table>"),
            ["1 ## News", "1 The garage opens.", "1 Left"],
        ),
        Odd(
            "breaks.html",
            html("<p>Monday: 9 to 5<br>Tuesday: 9 to<br>noon</p>one<div>two</div>three"),
            ["1 Monday: 9 to 5", "1 Tuesday: 9 to", "1 noon", "1 one", "1 two", "1 three"],
        ),
        Odd("preformatted.html", html("<pre>\nA   1\n\nB   2\n</pre>"), ["1 A 1", "1 B 2"]),
        Odd(
            "malformed.html",
            raw("<h2>Pay</h3><p>On the <b>fifth<i></b> day</i><p>or <unknown>earlier</unknown> &bogus; & < 5"),
            ["1 ## Pay", "1 On the fifth day", "1 or earlier &bogus; & < 5"],
        ),
        Odd("only-aside.html", html("<aside><p>The garage opens at six.</p></aside>"), ["1 The garage opens at six."]),
        Odd("fragment.html", raw("Just words, and <em>no</em> body"), ["1 Just words, and no body"]),
        Odd(
            "comments.html",
            html("<p>The ga<!-- x -->rage<!--[if mso]><p>No</p><![endif]--> opens.</p>"),
            ["1 The garage opens."],
        ),
    ]


def mail(body: str = "", **headers: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"Subject": "Parking", "From": "facilities@brightwater.example", **headers}.items():
        made[name] = value
    if body:
        made.set_content(body)
    return made


def sent(made: EmailMessage) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(made.as_bytes())


HEAD = ["1 # Parking", "1 From: facilities@brightwater.example"]


def mails() -> list[Odd]:
    both = mail("The garage opens at six.\n")
    both.add_alternative("<p>The garage <b>opens</b> at six.</p>", subtype="html")
    both.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="plan.pdf")
    page = mail()
    page.set_content("<table><tr><td><p>The garage opens<p>at six.</table>", subtype="html", cte="quoted-printable")
    forwarding = mail("See below.\n")
    forwarding.add_attachment(mail("It moved.\n", Subject="Re: Gates"))
    return [
        Odd(
            "plain.eml",
            sent(
                mail("The café opens\nat six.\n", To="all@brightwater.example", Date="Mon, 5 Jan 2026 09:00:00 -0500")
            ),
            [
                *HEAD,
                "1 To: all@brightwater.example",
                "1 Date: Mon, 05 Jan 2026 09:00:00 -0500",
                "1 The café opens",
                "1 at six.",
            ],
            title="Parking",
        ),
        Odd(
            "both.eml",
            sent(both),
            [*HEAD, "1 The garage opens at six."],
            title="Parking",
            notes=["The attachment plan.pdf was not read."],
        ),
        Odd("page.eml", sent(page), [*HEAD, "1 The garage opens", "1 at six."], title="Parking"),
        Odd(
            "forwarding.eml",
            sent(forwarding),
            [*HEAD, "1 See below.", "1 ## Re: Gates", HEAD[1], "1 It moved."],
            title="Parking",
        ),
        Odd(
            "charset.eml",
            lambda p: p.write_bytes(
                b"Subject: =?iso-8859-1?Q?Caf=E9?=\nContent-Type: text/plain; charset=bogus-9\n\nThe caf\xe9 opens."
            ),
            ["1 # Café", "1 The café opens."],
            title="Café",
        ),
        Odd(
            "raw-subject.eml",
            lambda p: p.write_bytes("Subject: Café\r\nFrom: hr@brightwater.example\r\n\r\nOpen.".encode()),
            ["1 # Café", "1 From: hr@brightwater.example", "1 Open."],
            title="Café",
        ),
        Odd(
            "flowed.eml",
            lambda p: p.write_bytes(
                b"Subject: Gates\nContent-Type: text/plain; format=flowed\n\nThe garage \nopens at six.\n> Quoted.\n"
            ),
            ["1 # Gates", "1 The garage opens at six.", "1 Quoted."],
            title="Gates",
        ),
        Odd(
            "broken-base64.eml",
            lambda p: p.write_bytes(
                b"Subject: Gates\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
                b"VGhlIGdhcmFnZSBvcGVucw\n"
            ),
            ["1 # Gates", "1 The garage opens"],
            title="Gates",
        ),
    ]


def transcripts() -> list[Odd]:
    return [
        Odd(
            "voices.vtt",
            raw(
                "WEBVTT\n\nNOTE made by\na tool\n\nSTYLE\n::cue { color: red }\n\nintro\n"
                "00:01.000 --> 00:03.000 align:start\n"
                "<v Payroll>Pay day is &amp; stays\n\n00:03.000 --> 00:05.000\n<v Payroll>the <i>fifth</i>.</v>\n\n"
                "5:10.000 --> 5:12.000\n<v.loud Benefits Desk>Thanks.</v>\n"
            ),
            [
                "1 ## From 00:00:00",
                "1 Payroll: Pay day is & stays the fifth.",
                "1 ## From 00:05:00",
                "1 Benefits Desk: Thanks.",
            ],
        ),
        Odd(
            "no-first-line.vtt",
            raw("\ufeff00:00:01,000 --> 00:00:02,000\r\nHello there.\r\n"),
            ["1 ## From 00:00:00", "1 Hello there."],
        ),
        Odd(
            "two-voices.vtt",
            raw("WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>Yes?</v>\n<v B>No.</v>\n"),
            ["1 ## From 00:00:00", "1 A: Yes?", "1 B: No."],
        ),
        Odd(
            "rolling.vtt",
            raw(
                "WEBVTT\n\n00:01.000 --> 00:02.000\nthe garage opens\n\n00:02.000 --> 00:03.000\n"
                "the garage opens\nat six o'clock\n\n"
                "00:03.000 --> 00:04.000\nat six o'clock\nevery day\n"
            ),
            ["1 ## From 00:00:00", "1 the garage opens at six o'clock every day"],
        ),
        Odd(
            "names.srt",
            raw(
                "1\r\n00:00:01,000 --> 00:00:02,000\r\nPayroll: Pay day\r\n\r\n2\r\n"
                "00:00:02,000 --> 00:00:03,000\r\nis the fifth.\r\n\r\n"
                "3\r\n00:00:03,500 --> 00:00:05,000\r\nBenefits Desk: {\\an8}<font color=red>Good.</font>\r\n"
            ),
            ["1 ## From 00:00:00", "1 Payroll: Pay day is the fifth.", "1 Benefits Desk: Good."],
        ),
        Odd(
            "no-blank-lines.srt",
            raw("1\n00:00:01,000 --> 00:00:02,000\nThe garage\n2\n00:00:02,000 --> 00:00:03,000\nhas 5 gates.\n"),
            ["1 ## From 00:00:00", "1 The garage has 5 gates."],
        ),
        Odd(
            "overlapping.srt",
            raw(
                "2\n00:00:02,000 --> 00:00:06,000\nA: First of all.\n\n3\n00:00:03,000 --> 00:00:04,000\n"
                "B: Wait, please.\n",
                "cp1252",
            ),
            ["1 ## From 00:00:00", "1 A: First of all.", "1 B: Wait, please."],
        ),
        Odd(
            "long.vtt",
            raw("WEBVTT\n\n100:00:00.000 --> 100:00:02.000\nStill here.\n"),
            ["1 ## From 100:00:00", "1 Still here."],
        ),
        Odd(
            "plain-transcript.txt",
            raw("Payroll: Pay day is the fifth.\nBenefits Desk: Thanks.\n"),
            ["1 Payroll: Pay day is the fifth.", "1 Benefits Desk: Thanks."],
        ),
    ]


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def word(build: Callable[[Any], None]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        from docx import Document

        document = Document()
        build(document)
        document.save(str(path))

    return make


def words() -> list[Odd]:
    from docx import Document
    from docx.enum.text import WD_BREAK
    from docx.oxml import parse_xml

    def add(document: Any, inner: str) -> None:
        document.element.body.insert(-1, parse_xml(f"<w:p {W}>{inner}</w:p>"))

    def headings(document: Any) -> None:
        document.add_heading("Remote Work", 0)
        document.add_heading("Equipment", 1)
        document.add_paragraph("A chair is paid for.")
        document.add_heading("Screens", 2)
        document.add_paragraph("Two of them.")

    def localized(document: Any) -> None:
        style = document.styles.add_style("Überschrift 2", 1)
        style.base_style = None
        document.add_paragraph("Geräte", style)
        document.add_paragraph("Zwei Bildschirme.")
        add(document, '<w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Reisen</w:t></w:r>')
        document.add_paragraph("Mit der Bahn.")

    def bold(document: Any) -> None:
        document.add_paragraph().add_run("Who pays").bold = True
        document.add_paragraph("The company does.")
        document.add_paragraph().add_run("All bold and last").bold = True

    def lists(document: Any) -> None:
        document.add_paragraph("Bring a badge.", "List Bullet")
        document.add_paragraph("Ask.", "List Number")
        document.add_paragraph("Wait.", "List Number")

    def table(document: Any) -> None:
        made = document.add_table(rows=4, cols=3)
        for row, cells in zip(
            made.rows,
            (
                ["Plan", "Tier", "Monthly"],
                ["PPO", "Single", "$120"],
                ["", "Family", "$300"],
                ["Rates are gross", "", ""],
            ),
            strict=True,
        ):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
        made.cell(1, 0).merge(made.cell(2, 0))
        made.cell(3, 0).merge(made.cell(3, 2))
        inner = made.cell(1, 1).add_table(1, 2)
        inner.cell(0, 0).text, inner.cell(0, 1).text = "one", "person"

    def tracked(document: Any) -> None:
        add(
            document,
            '<w:r><w:t xml:space="preserve">Pay day is the </w:t></w:r><w:del w:id="1" w:author="HR"><w:r>'
            "<w:delText>first</w:delText></w:r></w:del>"
            '<w:ins w:id="2" w:author="HR"><w:r><w:t>fifth</w:t></w:r></w:ins><w:hyperlink><w:r>'
            '<w:t xml:space="preserve"> of the month</w:t></w:r></w:hyperlink>'
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t> secret</w:t></w:r><w:r><w:t>.</w:t></w:r>",
        )

    def fields(document: Any) -> None:
        add(
            document,
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DATE</w:instrText></w:r><w:r>'
            '<w:fldChar w:fldCharType="separate"/></w:r>'
            '<w:r><w:t>May 5</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r><w:r><w:t>, e</w:t></w:r>'
            "<w:r><w:noBreakHyphen/></w:r><w:r><w:t>mail</w:t><w:tab/><w:t>us</w:t></w:r>",
        )
        document.element.body.insert(
            -1, parse_xml(f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>Chosen.</w:t></w:r></w:p></w:sdtContent></w:sdt>")
        )

    def turned(document: Any) -> None:
        document.add_paragraph("One.").add_run().add_break(WD_BREAK.PAGE)
        add(
            document,
            "<w:r><w:lastRenderedPageBreak/><w:t>Two starts here and</w:t></w:r><w:r><w:lastRenderedPageBreak/>"
            "<w:t>goes on.</w:t></w:r>",
        )
        document.add_paragraph("Four.").paragraph_format.page_break_before = True
        document.add_section()
        document.add_paragraph("Five.")

    def headed(document: Any) -> None:
        section = document.sections[0]
        section.header.paragraphs[0].text, section.footer.paragraphs[0].text = "Confidential", "Page 1"
        document.add_paragraph("The body.")

    def boxed(document: Any) -> None:
        choice = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
        mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
        add(
            document,
            f'<w:r><w:t>Around it.</w:t></w:r><w:r><mc:AlternateContent {mc}><mc:Choice Requires="wps">'
            f"<w:drawing>{choice}</w:drawing></mc:Choice>"
            f"<mc:Fallback><w:pict>{choice}</w:pict></mc:Fallback></mc:AlternateContent></w:r>",
        )

    def contents(document: Any) -> None:
        style = document.styles.add_style("toc 1", 1)
        document.add_paragraph("Equipment\t4", style)
        document.add_heading("Equipment", 1)
        document.add_paragraph("A chair.")

    def noted(path: Path) -> None:
        plain = io.BytesIO()
        document = Document()
        add(document, '<w:r><w:t>A night may cost $180.</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>')
        document.save(plain)
        note = (
            f'<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote><w:footnote w:id="2">'
            f"<w:p><w:r><w:t>In May, $240.</w:t></w:r></w:p></w:footnote></w:footnotes>"
        )
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
        patched(
            plain,
            path,
            {
                "[Content_Types].xml": lambda xml: xml.replace(
                    "</Types>", f'<Override PartName="/word/footnotes.xml" ContentType="{kind}"/></Types>'
                ),
                "word/_rels/document.xml.rels": lambda xml: xml.replace(
                    "</Relationships>",
                    '<Relationship Id="rId99" '
                    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes" '
                    'Target="footnotes.xml"/></Relationships>',
                ),
            },
            {"word/footnotes.xml": note},
        )

    return [
        Odd(
            "headings.docx",
            word(headings),
            ["1 # Remote Work", "1 ## Equipment", "1 A chair is paid for.", "1 ### Screens", "1 Two of them."],
            title="Remote Work",
        ),
        Odd("localized.docx", word(localized), ["1 ## Geräte", "1 Zwei Bildschirme.", "1 # Reisen", "1 Mit der Bahn."]),
        Odd("bold.docx", word(bold), ["1 ######### Who pays", "1 The company does.", "1 All bold and last"]),
        Odd("lists.docx", word(lists), ["1 • Bring a badge.", "1 1. Ask.", "1 2. Wait."]),
        Odd(
            "table.docx",
            word(table),
            [
                "1 Plan: PPO; Tier: Single one, person; Monthly: $120",
                "1 Plan: PPO; Tier: Family; Monthly: $300",
                "1 Rates are gross",
            ],
        ),
        Odd("tracked.docx", word(tracked), ["1 Pay day is the fifth of the month."]),
        Odd("fields.docx", word(fields), ["1 May 5, e-mail us", "1 Chosen."]),
        Odd("turned.docx", word(turned), ["1 One.", "2 Two starts here and", "3 goes on.", "4 Four.", "5 Five."]),
        Odd("headed.docx", word(headed), ["1 The body."]),
        Odd("boxed.docx", word(boxed), ["1 Around it.", "1 In a box."]),
        Odd("contents.docx", word(contents), ["1 # Equipment", "1 A chair."]),
        Odd("noted.docx", noted, ["1 A night may cost $180.", "1 Note 1: In May, $240."]),
    ]


def patched(made: io.BytesIO, path: Path, change: dict[str, Callable[[str], str]], add: dict[str, str]) -> None:
    """The same archive with some parts changed and some added."""
    with zipfile.ZipFile(made) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, change[name](data.decode()) if name in change else data)
        for name, text in add.items():
            after.writestr(name, text)


def deck(build: Callable[[Any], None]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        from pptx import Presentation

        shown = Presentation()
        build(shown)
        shown.save(str(path))

    return make


def decks() -> list[Odd]:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    def bullets(shown: Any) -> None:
        slide = shown.slides.add_slide(shown.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = "Open\venrollment", "Starts May 5\nEnds May 20"
        slide.notes_slide.notes_text_frame.text = "Say it twice."
        slide = shown.slides.add_slide(shown.slide_layouts[6])
        slide.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "No title here."

    def table(shown: Any) -> None:
        slide = shown.slides.add_slide(shown.slide_layouts[5])
        slide.shapes.title.text = "Rates"
        made = slide.shapes.add_table(3, 2, 0, 0, Inches(4), Inches(2)).table
        for place, text in enumerate(["Plan", "Monthly", "PPO", "$120", "", "$130"]):
            made.cell(place // 2, place % 2).text = text
        made.cell(1, 0).merge(made.cell(2, 0))

    def grouped(shown: Any) -> None:
        slide = shown.slides.add_slide(shown.slide_layouts[6])
        group = slide.shapes.add_group_shape()
        inner = group.shapes.add_group_shape()
        inner.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "Deep inside."
        group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "Outside it."

    def hidden(shown: Any) -> None:
        for text in ("Shown.", "Hidden."):
            slide = shown.slides.add_slide(shown.slide_layouts[6])
            slide.shapes.add_textbox(0, 0, 9, 9).text_frame.text = text
        slide._element.set("show", "0")

    def chart(shown: Any) -> None:
        slide = shown.slides.add_slide(shown.slide_layouts[6])
        untyped: Any = CategoryChartData
        data = untyped()
        data.categories = ["2025", "2026"]
        data.add_series("PPO", (120, 130.5))
        slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data)

    return [
        Odd(
            "bullets.pptx",
            deck(bullets),
            [
                "1 # Open enrollment",
                "1 • Starts May 5",
                "1 • Ends May 20",
                "1 Notes: Say it twice.",
                "2 No title here.",
            ],
            title="Open enrollment",
        ),
        Odd("table.pptx", deck(table), ["1 # Rates", "1 Plan: PPO; Monthly: $120", "1 Plan: PPO; Monthly: $130"]),
        Odd("grouped.pptx", deck(grouped), ["1 Deep inside.", "1 Outside it."]),
        Odd("hidden.pptx", deck(hidden), ["1 Shown."], notes=["Slide 2 is hidden and was not read."]),
        Odd("chart.pptx", deck(chart), ["1 2025; PPO: 120", "1 2026; PPO: 130.5"]),
    ]


def book(build: Callable[[Any], None]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        from openpyxl import Workbook

        made = Workbook()
        build(made)
        made.save(str(path))

    return make


def sheets() -> list[Odd]:
    from openpyxl import Workbook

    def shown(made: Any) -> None:
        sheet = made.active
        sheet.title = "Rates"
        sheet.append(["Plan", "Share", "Monthly", "From", "At", "Is new", "Members"])
        sheet.append(["PPO", 0.05, 1234.5, date(2026, 1, 5), time(9, 30), True, 1234567])
        for column, form in zip("BCDEG", ["0%", "$#,##0.00", "mmmm d, yyyy", "h:mm AM/PM", "#,##0"], strict=True):
            sheet[f"{column}2"].number_format = form

    def scattered(made: Any) -> None:
        sheet = made.active
        sheet["B2"] = "Rates of 2026"
        rows: list[list[Any]] = [["Plan", "Tier", "Monthly"], ["PPO", "Single", 120], [None, "Family", 300]]
        for place, row in enumerate(rows, 4):
            for column, value in enumerate(row, 3):
                sheet.cell(place, column, value)
        sheet.merge_cells("C5:C6")
        sheet["C900000"], sheet["D900000"], sheet["E900000"] = "EPO", "Single", 90

    def hidden(made: Any) -> None:
        made.active.append(["Shown", "here"])
        made.create_sheet("Bands").append(["Hidden", "there"])
        made["Bands"].sheet_state = "hidden"
        made.create_sheet("Empty")

    def formulas(made: Any) -> None:
        for row in [["Plan", "Monthly", "Yearly"], ["PPO", 10, "=B2*12"], ["EPO", 9, "=B3*12"]]:
            made.active.append(row)

    def counted(path: Path) -> None:
        plain = io.BytesIO()
        made = Workbook()
        formulas(made)
        made.save(plain)
        values = iter(["120", "108"])
        patched(
            plain,
            path,
            {"xl/worksheets/sheet1.xml": lambda xml: re.sub("<v ?/>|<v></v>", lambda _: f"<v>{next(values)}</v>", xml)},
            {},
        )

    def declared(extent: str) -> Callable[[Path], object]:
        def make(path: Path) -> None:
            plain = io.BytesIO()
            made: Any = Workbook()
            made.active.append(["Plan", "Monthly"])
            made.active.append(["PPO", 120])
            made.save(plain)
            change = {"xl/worksheets/sheet1.xml": lambda xml: xml.replace('ref="A1:B2"', f'ref="{extent}"')}
            patched(plain, path, change, {})

        return make

    def two(made: Any) -> None:
        sheet = made.active
        for row in [
            ["Plan", "Monthly"],
            ["PPO", 120],
            [],
            ["Site", "Desks", "Opens"],
            ["Portsmouth", 90, datetime(2026, 5, 1)],
        ]:
            sheet.append(row)

    return [
        Odd(
            "shown.xlsx",
            book(shown),
            [
                "1 # Rates",
                "1 Plan: PPO; Share: 5%; Monthly: $1,234.50; From: January 5, 2026; At: 9:30 AM; Is new: TRUE; "
                "Members: 1,234,567",
            ],
        ),
        Odd(
            "scattered.xlsx",
            book(scattered),
            [
                "1 # Sheet",
                "1 Rates of 2026",
                "1 Plan: PPO; Tier: Single; Monthly: 120",
                "1 Plan: PPO; Tier: Family; Monthly: 300",
                "1 Plan: EPO; Tier: Single; Monthly: 90",
            ],
        ),
        Odd(
            "hidden.xlsx",
            book(hidden),
            ["1 # Sheet", "1 Shown: here"],
            notes=["The sheet Bands is hidden and was not read."],
        ),
        Odd(
            "formulas.xlsx",
            book(formulas),
            ["1 # Sheet", "1 Plan: PPO; Monthly: 10", "1 Plan: EPO; Monthly: 9"],
            notes=[
                "In the sheet Sheet, 2 formulas have no value yet; open the file in a spreadsheet program and save it."
            ],
        ),
        Odd(
            "counted.xlsx",
            counted,
            ["1 # Sheet", "1 Plan: PPO; Monthly: 10; Yearly: 120", "1 Plan: EPO; Monthly: 9; Yearly: 108"],
        ),
        Odd("too-large.xlsx", declared("A1:XFD1048576"), ["1 # Sheet", "1 Plan: PPO; Monthly: 120"]),
        Odd("too-small.xlsx", declared("A1"), ["1 # Sheet", "1 Plan: PPO; Monthly: 120"]),
        Odd(
            "two-tables.xlsx",
            book(two),
            ["1 # Sheet", "1 Plan: PPO; Monthly: 120", "1 Site: Portsmouth; Desks: 90; Opens: 2026-05-01 0:00:00"],
        ),
    ]

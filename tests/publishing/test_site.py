"""The release site as files: whole, linked, small, in both languages, and about nobody."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest

import contracts

MOST = 4_800_000
"""Bytes of the site of this small demo city, both languages together: that of the default one is 3 % larger and must stay under 5 MB."""


class _Page(html.parser.HTMLParser):
    """Links, ids, outside addresses and pictures without words of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.sources: list[str] = []
        self.unnamed: list[str] = []
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if said.get("id"):
            self.ids.add(str(said["id"]))
        if tag == "html":
            self.language = said.get("lang") or ""
        if tag == "a" and said.get("href"):
            self.links.append(str(said["href"]))
        if tag in ("script", "img", "link", "iframe", "source"):
            self.sources += [str(said[name]) for name in ("src", "href") if said.get(name)]
        if tag == "img" and not said.get("alt"):
            self.unnamed.append("img")
        if tag == "svg" and not (said.get("aria-label") or said.get("aria-labelledby") or said.get("aria-hidden")):
            self.unnamed.append("svg")


@pytest.fixture(scope="module")
def site(demo_release: Path) -> Path:
    return demo_release / "internal" / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    found = {}
    for path in sorted(site.rglob("*.html")):
        found[path] = _Page()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_every_table_and_feed_has_a_page_in_both_languages(site: Path) -> None:
    for language in ("zh", "en"):
        # A restricted table's page says what it means, so that one knows what to ask for; it shows no row of it.
        assert {path.stem for path in (site / language / "tables").glob("*.html")} == set(contracts.tables())
        assert {path.stem for path in (site / language / "feeds").glob("*.html")} == set(contracts.feeds())
        for name in ("index", "books", "dictionary", "lineage", "quality", "linking", "pictures"):
            assert (site / language / f"{name}.html").is_file()


def test_every_link_leads_somewhere(pages: dict[Path, _Page]) -> None:
    missing = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                missing.append(f"{path.name}: {link} leads out of the release")
                continue
            target, _, anchor = unquote(link).partition("#")
            there = (path.parent / target).resolve() if target else path
            if not there.is_file():
                missing.append(f"{path.name}: {link}")
            elif anchor and there in pages and anchor not in pages[there].ids:
                missing.append(f"{path.name}: {link} (no such place)")
    assert missing == []


def test_nothing_comes_from_outside(pages: dict[Path, _Page], site: Path) -> None:
    assert [source for page in pages.values() for source in page.sources if re.match(r"(https?:)?//", source)] == []
    for path in (site / "static").iterdir():
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert not re.search(r"(@import|url\(|fetch\(|src=)\s*['\"]?https?:", text), path.name


def test_pictures_have_words_and_pages_a_language(pages: dict[Path, _Page]) -> None:
    assert [(path.name, page.unnamed) for path, page in pages.items() if page.unnamed] == []
    assert {page.language[:2] for path, page in pages.items() if path.parent.name != "site"} == {"zh", "en"}


def test_the_site_is_small(site: Path) -> None:
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST


def test_the_origin_of_a_published_column_is_the_offices_header(site: Path) -> None:
    page = (site / "zh" / "tables" / "event.ticket.html").read_text(encoding="utf-8")
    column = page[page.index('id="status"') :]
    column = column[: column.index("</details>")]
    assert "../feeds/ticket.html#c-status" in column
    assert "工单状态" in column


def test_the_books_of_the_site_are_the_table(site: Path, demo_release: Path) -> None:
    import duckdb

    with duckdb.connect(str(demo_release / "internal" / "subject.duckdb"), read_only=True) as connection:
        read = connection.execute("SELECT sum(rows_read) FROM reconciliation WHERE feed = 'ticket'").fetchall()[0][0]
    assert f"{read:,}" in (site / "zh" / "books.html").read_text(encoding="utf-8")


def _people_in(site: Path, people: pl.DataFrame) -> set[str]:
    """Which of the people's names and numbers stand anywhere in the site's files."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sorted(site.rglob("*")) if path.is_file())
    # Distinct runs of signs are a small part of the text: looking for every person takes no time in them.
    chinese = "\n".join(set(re.findall(r"[\u3400-\u9fff·]+", texts)))
    numbers = "\n".join(set(re.findall(r"[\dXx]{7,}", texts)))
    # Names of two characters are words of the language as well; the same people's numbers are looked for.
    names = {name for name in people["name"].drop_nulls() if len(name) > 2}
    return {name for name in names if name in chinese} | {
        number for column in ("id_number", "phone") for number in set(people[column].drop_nulls()) if len(number) > 6 and number in numbers
    }


def test_no_personal_value_is_in_it(demo_release: Path, demo_home: Path) -> None:
    people = pl.read_parquet(demo_home / "truth" / "person.parquet")
    assert people["name"].drop_nulls().len() > 100
    for audience in ("internal", "public"):
        site = demo_release / audience / "site"
        assert _people_in(site, people) == set()
        texts = "\n".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
        assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", texts), "a mobile number"
        assert not re.search(r"(?<!\d)\d{17}[\dX](?!\d)", texts), "an identity number"


@pytest.mark.parametrize("column", ["name", "id_number", "phone"])
def test_a_personal_value_would_be_found(tmp_path: Path, demo_home: Path, column: str) -> None:
    people = pl.read_parquet(demo_home / "truth" / "person.parquet")
    value = next(value for value in people[column].drop_nulls() if len(value) > 2)
    (tmp_path / "page.html").write_text(f"<p>来电人{value}反映</p>", encoding="utf-8")
    assert value in _people_in(tmp_path, people)


def test_the_public_site_shows_no_internal_column(demo_release: Path) -> None:
    public = demo_release / "public" / "site"
    for path in (public / "zh" / "tables").glob("*.html"):
        table = contracts.tables()[path.stem]
        assert "public" in table.audiences
        text = path.read_text(encoding="utf-8")
        shown = set(re.findall(r'<details class="column" id="([a-z0-9_]+)"', text))
        assert shown <= {column.name for column in table.columns if column.classification == "public"}


def test_the_public_site_shows_no_sum_that_lacks_a_suppressed_part(demo_release: Path) -> None:
    """Whatever the public page says of a feed's records, the whole internal table says too."""
    shown = {
        audience: dict(
            re.findall(
                r'<th scope="?row"?>([^<]+)(?:</th>)?<td class="?n"?>([\d,]+)',
                (demo_release / audience / "site/en/linking.html").read_text(encoding="utf-8"),
            )
        )
        for audience in ("internal", "public")
    }
    assert shown["internal"]
    assert shown["public"].items() <= shown["internal"].items()


def _figures(page: Path, picture: str) -> dict[str, list[str]]:
    """The first cell of each row of a picture's table → the others."""
    section = page.read_text(encoding="utf-8").partition(f'id="{picture}"')[2].partition("</section>")[0]
    body = section.partition("<tbody>")[2].partition("</table>")[0]
    rows = [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.split(r"<td[^>]*>", row)[1:]] for row in body.split("<tr>")[1:]]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize(
    ("page", "picture"), [("index", "effect"), ("index", "deadlines"), ("linking", "outcomes"), ("linking", "methods")]
)
@pytest.mark.parametrize(("language", "suppressed"), [("en", "suppressed"), ("zh", "已抑制")])
def test_a_public_sum_is_the_internal_one_or_said_to_be_suppressed(
    demo_release: Path, page: str, picture: str, language: str, suppressed: str
) -> None:
    internal, public = (
        _figures(demo_release / audience / "site" / language / f"{page}.html", picture) for audience in ("internal", "public")
    )
    # Both name twenty departments at most, the public's in another order.
    assert public.keys() & internal.keys()
    for name in public.keys() & internal.keys():
        assert all(shown in (whole, suppressed) for shown, whole in zip(public[name], internal[name], strict=True))

"""The release site in a real browser, opened as a file: no server, no network, no error; search, lineage, keyboard and print work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

MAIN = ("index", "books", "dictionary", "lineage", "quality", "linking", "pictures")


@pytest.fixture(scope="module")
def site(browser: Browser, demo_release: Path) -> Path:
    return demo_release / "internal" / "site"


class Watched:
    """A page and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.errors.append(request.url) if not request.url.startswith(("file:", "data:")) else None)

    def open(self, path: Path, anchor: str = "") -> Page:
        self.page.goto(path.as_uri() + anchor)
        return self.page


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    yield Watched(context.new_page())
    context.close()


def test_every_page_loads_without_an_error(watched: Watched, site: Path) -> None:
    for path in sorted(site.rglob("*.html")):
        page = watched.open(path)
        assert page.locator("h1").count() == 1 or path.parent == site, path.name
        assert watched.errors == [], path.name


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", MAIN)
def test_no_page_is_wider_than_a_small_screen_needs_to_scroll(watched: Watched, site: Path, language: str, name: str) -> None:
    watched.page.set_viewport_size({"width": 1024, "height": 768})
    page = watched.open(site / language / f"{name}.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024


def test_search_leads_to_a_column(watched: Watched, site: Path) -> None:
    page = watched.open(site / "zh" / "index.html")
    box = page.get_by_role("searchbox").first
    box.fill("满意度")
    hit = page.locator("a[href*='tables/']", has_text=re.compile("满意")).locator("visible=true").first
    expect(hit).to_be_visible()
    hit.click()
    expect(page).to_have_url(re.compile(r"/tables/.*\.html"))
    assert watched.errors == []


def test_the_dictionary_filters_as_one_types(watched: Watched, site: Path) -> None:
    page = watched.open(site / "en" / "dictionary.html")
    rows = page.locator("main tr:visible")
    before = rows.count()
    page.get_by_role("searchbox").last.fill("satisfaction")
    page.wait_for_timeout(500)
    assert (
        0 < page.locator("main tr:visible").count() < before or page.locator("a[href*='tables/']", has_text=re.compile("atisf")).count() > 0
    )


def test_a_columns_origin_is_two_clicks_from_the_overview_of_lineage(watched: Watched, site: Path) -> None:
    page = watched.open(site / "zh" / "tables" / "event.ticket.html")
    page.locator("details#status > summary").click()
    origin = page.locator("details#status a[href*='feeds/ticket.html#c-status']").first
    expect(origin).to_be_visible()
    origin.click()
    expect(page).to_have_url(re.compile(r"feeds/ticket\.html#c-status"))
    expect(page.get_by_text("工单状态").first).to_be_visible()


def test_the_lineage_picture_leads_to_tables(watched: Watched, site: Path) -> None:
    page = watched.open(site / "en" / "lineage.html")
    page.locator("a[href='tables/event.event.html']").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Events of all channels")
    assert watched.errors == []


def test_the_other_language_is_one_click_away_on_the_same_page(watched: Watched, site: Path) -> None:
    page = watched.open(site / "zh" / "tables" / "event.event.html")
    page.get_by_role("link", name="English").click()
    expect(page).to_have_url(re.compile(r"/en/tables/event\.event\.html"))


def test_a_keyboard_is_enough(watched: Watched, site: Path) -> None:
    page = watched.open(site / "zh" / "tables" / "event.ticket.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.locator("details.column > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.column").first.get_attribute("open") is not None
    outlined = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outlined != "none"


def test_print_shows_what_is_folded_and_leaves_navigation_out(watched: Watched, site: Path) -> None:
    page = watched.open(site / "zh" / "tables" / "event.ticket.html")
    page.emulate_media(media="print")
    assert not page.locator(".noprint").first.is_visible()
    assert len(page.pdf()) > 10_000

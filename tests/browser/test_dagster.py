"""What an engineer sees and does in Dagster's pages, in a real browser against a real `govlake ui`."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sources.demo import write_deliveries

SECONDS = 90
"""How long a page, the server's start or a run may take: a busy machine is no failure."""

LATE = "2024-07-20"
"""Looked at from this day the daily feeds are no longer fresh, so their freshness rules fail."""

expect.set_options(timeout=SECONDS * 1000)


def _govlake(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pipelines.cli", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Path:
    """A released home, whose daily feeds are stale."""
    folder = tmp_path_factory.mktemp("ui") / "home"
    write_deliveries(folder / "landing", folder / "truth", seed=5, tickets=500, people=300, days=20)
    _govlake("run", "--home", folder, "--district", "demo", "--as-of", LATE)
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Where `govlake ui` serves; it is ended with all that it started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "ui", "--home", str(home), "--port", str(port)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = f"http://127.0.0.1:{port}"
    until = time.monotonic() + SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{found}/server_info", timeout=5).close()
            break
        except (urllib.error.URLError, OSError):
            assert served.poll() is None, "govlake ui ended by itself"
            assert time.monotonic() < until, "Dagster did not start"
            time.sleep(0.5)
    yield found
    served.send_signal(signal.SIGTERM)
    served.wait(timeout=60)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1500, "height": 1000})
    yield opened
    opened.close()


def _closed(page: Page) -> list[str]:
    """Collects what a page asks of other machines; a closed network has none to answer."""
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if re.match(r"https?://(?!127\.0\.0\.1)", request.url) else None)
    return outside


def test_the_graph_shows_the_groups_in_the_order_of_the_flow(page: Page, address: str) -> None:
    outside = _closed(page)
    page.goto(f"{address}/asset-groups")
    for group in ("a_intake", "b_clean", "c_addresses", "d_event", "d_subject", "e_release"):
        expect(page.get_by_text(group).first).to_be_visible()
    across = [page.locator("svg").get_by_text(group).first.bounding_box() for group in ("a_intake", "b_clean", "d_event", "e_release")]
    left = [box["x"] for box in across if box]
    assert left == sorted(left)
    assert len(left) == 4
    assert not page.get_by_text("Join the Dagster community").is_visible()
    assert outside == []


def test_an_asset_page_tells_what_the_table_is_and_how_it_was_made(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/subject/community_monthly_effect")
    for words in (
        "社区月度成效 · Community monthly effect",
        "one row per community and month",
        "平均响应天数 | Mean response days",
        "Freshness policy",
        "rules passed",
        "preview 预览",
        "contract 数据契约",
        "made by 生成方式",
    ):
        expect(page.get_by_text(words, exact=False).first).to_be_visible()


def test_an_asset_page_leads_to_the_tables_page_in_the_release_site(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/subject/community_monthly_effect")
    link = page.locator("a[href$='/zh/tables/subject.community_monthly_effect.html']").first
    expect(link).to_be_visible()
    page.goto(str(link.get_attribute("href")))
    expect(page.get_by_role("heading", name=re.compile("社区月度成效"))).to_be_visible()


def test_row_counts_are_plotted_over_time(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/subject/community_monthly_effect?view=overview")
    page.get_by_text("Plots", exact=True).first.click()
    expect(page.get_by_text("rules failed").first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def test_a_failed_check_names_the_rule_and_counts_without_a_row(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/subject/reconciliation?view=checks")
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    expect(page.get_by_text("freshness:ticket").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"FAILED: \d+ of \d+ rows")).first).to_be_visible()


def test_a_person_table_has_no_preview(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/person/person")
    expect(page.get_by_text("rules passed").first).to_be_visible()
    assert page.get_by_text("preview 预览").count() == 0


def test_a_delivery_is_redone_from_its_event(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/raw/grid_event?view=events")
    # The newest event is the run's total; the one below it is a delivery with its certificate.
    events = page.get_by_text(re.compile(r"^[A-Z][a-z]{2} \d{1,2}, \d{1,2}:\d{2} [AP]M$"))
    expect(events.nth(1)).to_be_visible()
    events.nth(1).click()
    expect(page.get_by_text("certificate").first).to_be_visible()
    page.get_by_role("link", name="take this delivery in again").first.click()
    start = page.get_by_role("button", name="Launch Run")
    expect(start).to_be_enabled()
    expect(page.get_by_text("grid_event/2024-").first).to_be_visible()
    start.click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=3 * SECONDS * 1000)
    number = page.url.rsplit("/", 1)[-1]
    page.goto(f"{address}/assets/raw/grid_event?view=events")
    expect(page.get_by_text(re.compile(rf"Materialized in run\s+{number[:8]}")).first).to_be_visible()

"""Hot words rise against the usual; nothing personal is shown."""

from __future__ import annotations

import datetime as dt

import polars as pl

from governance.hot_words import hot

AS_OF = dt.date(2026, 6, 28)
"""A Sunday."""
NONE = pl.Series([], dtype=pl.String)
BODIES = ("楼道灯泡坏了没人换", "车位被占无法停车", "树枝挡住窗户要求修剪", "楼上装修噪音太大")


def _reports(extra: list[tuple[int, str]], weeks: int = 9, each: int = 40) -> pl.DataFrame:
    """Usual reports of every week, and `extra`: weeks ago and text, each by a caller of its own."""
    rows = [(week, BODIES[number % len(BODIES)]) for week in range(weeks) for number in range(each)] + extra
    return pl.DataFrame(
        {
            "event_id": [f"ticket:{number:05}" for number in range(len(rows))],
            "feed": "ticket",
            "reported_on": [AS_OF - dt.timedelta(weeks=week, days=number % 7) for number, (week, _) in enumerate(rows)],
            "title_redacted": None,
            "body_redacted": [text for _, text in rows],
            "reporter_key": [f"k{number}" for number in range(len(rows))],
            "category_key": ["夜市" if "烧烤" in text else "其他" for _, text in rows],
            "community_key": ["C1" if "烧烤" in text else None for _, text in rows],
        },
        schema_overrides={"title_redacted": pl.String, "body_redacted": pl.String, "reported_on": pl.Date},
    )


def _words(found: pl.DataFrame) -> set[str]:
    return set(found["word"])


def test_what_rises_is_hot_and_what_is_always_said_is_not() -> None:
    found = hot(_reports([(0, "露天烧烤烟雾呛人")] * 12 + [(week, "露天烧烤烟雾呛人") for week in range(1, 9)]), AS_OF, NONE, NONE)
    barbecue = found.filter(pl.col("word") == "烧烤").to_dicts()
    assert [(row["week"], row["reports"], row["reporters"]) for row in barbecue] == [(dt.date(2026, 6, 22), 12, 12)]
    assert 5 < float(barbecue[0]["weight"]) < 6.5
    assert (barbecue[0]["category_key"], barbecue[0]["community_key"]) == ("夜市", "C1")
    assert not _words(found) & {"灯泡", "车位", "树枝", "装修"}


def test_a_busy_week_makes_no_word_hot() -> None:
    usual = [(0, BODIES[number % len(BODIES)]) for number in range(160)]
    assert hot(_reports(usual), AS_OF, NONE, NONE).height == 0


def test_few_people_make_no_hot_word() -> None:
    reports = _reports([(0, "露天烧烤烟雾呛人")] * 12)
    one_caller = pl.when(pl.col("body_redacted").str.contains("烧烤")).then(pl.lit("k0")).otherwise("reporter_key")
    assert hot(reports.with_columns(one_caller.alias("reporter_key")), AS_OF, NONE, NONE).height == 0


def test_names_numbers_places_and_stop_words_are_never_shown() -> None:
    text = "王建国在光明街道[门牌]恳请处理烧烤13800138000联系电话[电话]张伟 京A12345"
    found = _words(hot(_reports([(0, text)] * 20), AS_OF, pl.Series(["光明街道", "东周社区"]), NONE))
    assert "烧烤" in found
    assert not found & {"王建国", "张伟", "建国", "光明", "光明街道", "街道", "恳请", "联系", "联系电话", "电话", "门牌"}
    assert all(word.isalpha() and not any(character.isascii() for character in word) for word in found)


def test_a_new_word_is_found_and_marked() -> None:
    heads, tails = ("岭云夜市油烟", "岭云夜市噪音", "岭云夜市占道", "昨晚岭云夜市"), ("熏人", "很大", "堵路", "又来", "不停")
    said = [(0, head + tail) for head in heads for tail in tails for _ in range(2)]
    found = hot(_reports(said), AS_OF, NONE, NONE).filter(pl.col("is_new_word"))
    assert any("岭云" in word for word in found["word"])


def test_the_order_of_the_reports_says_nothing() -> None:
    reports = _reports([(0, "露天烧烤烟雾呛人")] * 12)
    assert (
        hot(reports.sample(fraction=1, shuffle=True, seed=2), AS_OF, NONE, NONE)
        .sort("word")
        .equals(hot(reports, AS_OF, NONE, NONE).sort("word"))
    )


def test_nothing_reported_gives_nothing() -> None:
    assert hot(_reports([], weeks=0), AS_OF, NONE, NONE).height == 0

"""Longgang: four base libraries and topic libraries from 140 units' feeds; each catalogue row with steward, freshness, quality."""

from __future__ import annotations

import csv
import datetime as dt

import pytest
from stdnum.cn import uscc

from assets.home import shipped_districts

AS_OF = dt.datetime(2024, 6, 30, 23, 59, 59)
BASES = {"population", "legal_entity", "space", "economy"}


def units() -> dict[str, dict[str, str]]:
    with (shipped_districts()["longgang"] / "source.csv").open(encoding="utf-8") as lines:
        return {row["unit"]: row for row in csv.DictReader(lines)}


def written() -> dict[str, list[dict[str, object]]]:
    """Grid events of each street's grid centre: the first centre delivered in time, the others long ago, and one row in five is refused.

    The office for enterprises brings its own list for the library of the economy.
    """
    files: dict[str, list[dict[str, object]]] = {}
    centres = sorted(unit for unit, row in units().items() if unit.endswith("网格管理中心") and row["files"])
    for number, unit in enumerate(centres):
        day = dt.date(2024, 6, 25) if number == 0 else dt.date(2024, 4, 1 + number)
        files[f"grid_event/{day}/{unit}_网格事件.csv"] = [
            {
                "事件号": f"WG{20240401 + number:08d}{row:08d}",
                "上报时间": "" if row % 5 == 4 else f"2024-03-{1 + row:02d} 09:00",
                "大类": "市容环卫",
                "描述": "示例事件",
                "状态": "上报",
                "更新时间": dt.datetime(2024, 3, 1 + row, 9),
            }
            for row in range(10)
        ]
    office = "区投资推广和企业服务中心"
    code = "91440300YY0000415"
    shop = {"统一社会信用代码": code + uscc.calc_check_digit(code), "名称": "示例公司", "类型": "企业", "状态": "存续", "从业人数": 12}
    files[f"enterprise/2024-06-20/{office}_重点企业.csv"] = [shop]
    return files


@pytest.fixture(scope="module")
def longgang(town):
    return town("longgang", AS_OF, written(), "subject.source_catalogue", "subject.catalogue", "subject.reconciliation")


def test_140_units_fill_four_base_libraries_and_topic_libraries(longgang) -> None:
    assert longgang.rows("SELECT count(*), count(DISTINCT steward) FROM subject.source_catalogue") == [(140, 140)]
    assert set(longgang.column("SELECT DISTINCT library FROM subject.source_catalogue")) == BASES | {"topic"}
    topics = longgang.column("SELECT DISTINCT topic FROM subject.source_catalogue WHERE library = 'topic'")
    assert len(topics) >= 5
    assert None not in topics


def test_a_unit_s_row_tells_how_fresh_and_how_good_its_own_files_are(longgang) -> None:
    rows = longgang.rows(
        "SELECT steward, deliveries, last_delivery, freshness, rows_read, rows_accepted, accepted_pct FROM subject.source_catalogue WHERE deliveries > 0 ORDER BY last_delivery DESC"
    )
    centres = [row for row in rows if row[0].endswith("街道网格管理中心")]
    assert len(centres) == 11
    assert [row[1] for row in centres] == [1] * 11
    assert {(row[4], row[5], float(row[6])) for row in centres} == {(10, 8, 80.0)}
    assert [row[3] for row in centres] == ["fresh"] + ["stale"] * 10
    assert centres[0][2] == dt.date(2024, 6, 25)
    # The district's own centre stands for all files of the feed.
    assert next(row for row in rows if row[0] == "区网格管理中心")[1] == 11


def test_who_delivered_nothing_stands_in_the_catalogue_all_the_same(longgang) -> None:
    silent = longgang.rows(
        "SELECT count(*), count(steward), count(last_delivery), bool_and(freshness = 'none') FROM subject.source_catalogue WHERE deliveries = 0"
    )
    assert silent == [(126, 126, 0, True)]


def test_the_catalogue_of_tables_has_steward_and_contract(longgang) -> None:
    assert longgang.rows("SELECT * FROM subject.catalogue WHERE steward IS NULL") == []


def test_a_source_fills_the_library_that_it_is_registered_for(longgang, city) -> None:
    filled = city("longgang").rows("SELECT DISTINCT library FROM subject.source_catalogue WHERE rows_accepted > 0")
    assert {library for (library,) in filled} == BASES - {"economy"} | {"topic"}
    assert longgang.rows("SELECT steward, rows_accepted FROM subject.source_catalogue WHERE library = 'economy' AND deliveries > 0") == [
        ("区投资推广和企业服务中心", 1)
    ]


def test_the_queries_of_the_page_have_answers(longgang, queries) -> None:
    given = longgang.answered(queries("longgang"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []

"""Hubei community: its published monthly table comes out of event rows, all 24 cells; the contradiction in its text is reported."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

AS_OF = dt.datetime(2023, 2, 28, 23, 59, 59)
TABLES = ("subject.community_monthly_effect", "subject.published_figure", "subject.event_full_scope")
PUBLISHED = {
    "2022-08-01": (22, 35, "3.00", "67.0"),
    "2022-09-01": (28, 39, "5.00", "68.5"),
    "2022-10-01": (26, 42, "4.50", "72.6"),
    "2022-11-01": (39, 52, "0.50", "89.2"),
    "2022-12-01": (45, 57, "0.33", "93.2"),
    "2023-01-01": (58, 49, "0.25", "94.6"),
}
PLACE = {"街道": "示例街道", "社区": "示例社区", "地址": "示例街道示例社区"}


def answers(percent: str) -> tuple[int, int]:
    """Satisfied and all call-backs, few, whose share is the percentage at one decimal."""
    for whole in itertools.count(20):
        satisfied = round(float(percent) * whole / 100)
        if f"{satisfied * 100 / whole:.1f}" == percent:
            return satisfied, whole
    raise AssertionError


def written() -> dict[str, list[dict[str, object]]]:
    """Tickets in two states, hazards and call-backs that the published months are made of; response times differ around their mean."""
    tickets: list[dict[str, object]] = []
    hazards: list[dict[str, object]] = []
    calls: list[dict[str, object]] = []
    for month, (issues, found, days, percent) in PUBLISHED.items():
        mean = round(float(days) * 86400)
        numbers = []
        for number in range(issues):
            spread = 0 if number == issues - 1 and issues % 2 else mean // 2 * (1 if number % 2 else -1)
            reported = dt.datetime.fromisoformat(month) + dt.timedelta(days=number % 20, hours=9)
            answered = reported + dt.timedelta(seconds=mean + spread)
            numbers.append(f"{month[:7]}-{number:03d}")
            ticket = {
                "工单号": numbers[-1],
                "受理时间": reported,
                "诉求类型": "求助",
                "标题": "示例诉求",
                **PLACE,
            }
            tickets += [
                {**ticket, "状态": "受理", "更新时间": reported},
                {**ticket, "状态": "办理中", "更新时间": answered},
                {**ticket, "状态": "办结", "更新时间": answered + dt.timedelta(hours=2)},
            ]
        for number in range(found):
            at = dt.datetime.fromisoformat(month) + dt.timedelta(days=number % 25, hours=10)
            hazards.append({"隐患编号": f"{month[:7]}-{number:03d}", "检查时间": at, "隐患类型": "消防", "隐患等级": "一般", **PLACE})
        satisfied, whole = answers(percent)
        for number in range(whole):
            at = dt.datetime.fromisoformat(month) + dt.timedelta(days=26, minutes=number)
            calls.append(
                {
                    "回访编号": f"{month[:7]}-{number:03d}",
                    "工单号": numbers[number % issues],
                    "回访时间": at,
                    "是否接通": "是",
                    "满意度": 5 if number < satisfied else 2,
                }
            )
    return {"ticket/2023-02-28/ticket.csv": tickets, "hazard/2023-02-28/hazard.csv": hazards, "satisfaction/2023-02-28/calls.csv": calls}


@pytest.fixture(scope="module")
def hubei(town):
    return town("hubei", AS_OF, written(), *TABLES)


def test_all_24_cells_come_out_of_event_rows(hubei) -> None:
    made = hubei.rows(
        "SELECT month, issues, hazards, mean_response_days, satisfaction_pct FROM subject.community_monthly_effect ORDER BY month"
    )
    assert {str(month): (issues, hazards, str(days), str(percent)) for month, issues, hazards, days, percent in made} == PUBLISHED


def test_each_published_cell_is_held_against_the_rows(hubei) -> None:
    cells = hubei.rows("SELECT figure, stated, computed, agrees FROM subject.published_figure WHERE NOT figure LIKE 'text-%'")
    assert len(cells) == 24
    assert [cell for cell in cells if not cell[3]] == []


def test_the_contradiction_in_the_text_is_reported(hubei) -> None:
    said = {row[0]: row[1:] for row in hubei.rows("SELECT figure, stated, computed, agrees, contradicted_by FROM subject.published_figure")}
    assert said["text-issues"][:3] == (142, 142, True)
    assert said["text-handled"][:3] == (142, 142, True)
    assert said["text-handled-pct"] == (99, 100, False, "text-handled/text-issues")
    assert [figure for figure, facts in said.items() if facts[3]] == ["text-handled-pct"]


def test_a_figure_that_the_rows_do_not_bear_out_does_not_agree(town, pack_copy) -> None:
    folder = pack_copy("hubei", "hubei_altered")
    path = folder / "published_figure.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("2022-08-01,22,", "2022-08-01,24,"), encoding="utf-8")
    town = town(folder, AS_OF, written(), *TABLES)
    said = town.rows("SELECT figure, stated, computed FROM subject.published_figure WHERE NOT agrees ORDER BY figure")
    assert said == [("2022-08-issues", 24, 22), ("text-handled-pct", 99, 100)]


def test_the_queries_of_the_page_have_answers(hubei, queries) -> None:
    given = hubei.answered(queries("hubei"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []

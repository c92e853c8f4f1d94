"""The monthly table that a Hubei community published is reproduced from event rows, all 24 cells.

The source gives the figures alone; the rows behind them are made here so that they are what the figures say. Its text speaks of 142
matters "all handled" beside a handling rate of 99 %: the last three months do add up to 142, and their rate then is 100 %.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from lakehouse import Lakehouse, lakehouse

PUBLISHED = {
    # month: issues, hazards, mean response days, satisfaction %
    dt.date(2022, 8, 1): (22, 35, Decimal("3.00"), Decimal("67.0")),
    dt.date(2022, 9, 1): (28, 39, Decimal("5.00"), Decimal("68.5")),
    dt.date(2022, 10, 1): (26, 42, Decimal("4.50"), Decimal("72.6")),
    dt.date(2022, 11, 1): (39, 52, Decimal("0.50"), Decimal("89.2")),
    dt.date(2022, 12, 1): (45, 57, Decimal("0.33"), Decimal("93.2")),
    dt.date(2023, 1, 1): (58, 49, Decimal("0.25"), Decimal("94.6")),
}
ANSWERS = {"67.0": (65, 97), "68.5": (37, 54), "72.6": (98, 135), "89.2": (66, 74), "93.2": (41, 44), "94.6": (35, 37)}
"""For each published percentage, satisfied answers of all answers that give it."""


@pytest.fixture(scope="module")
def house() -> Lakehouse:
    """Six months of one community: tickets and grid events that are handled, hazards, call-backs."""
    made = lakehouse(as_of=dt.datetime(2023, 2, 28, 23, 59, 59))
    made.put("addresses.base", [{"address_key": "C1", "level": "community", "name": "某社区"}])
    tickets, grid_events, hazards, callbacks, links = [], [], [], [], []
    for month, (issues, hazard_count, days, satisfaction) in PUBLISHED.items():
        start = dt.datetime.combine(month, dt.time(8))
        handling = dt.timedelta(days=float(days))
        for number in range(issues):
            at = start + dt.timedelta(hours=number * 11)
            # A pair around the mean has that mean, so that the figure is not the same for every row.
            spread = handling * 0.1 * (1 if number % 2 else -1) if number < issues // 2 * 2 else dt.timedelta()
            key = f"{month:%Y%m}-{number}"
            if number % 3:
                row = {"ticket_no": key, "created_at": at, "status": "received", "status_time": at, "kind": "complaint"}
                tickets += [row, row | {"status": "handled", "status_time": at + handling + spread}]
            else:
                event = {"event_no": key, "found_at": at, "status": "received", "status_time": at}
                grid_events += [event, event | {"status": "closed", "status_time": at + handling + spread}]
        hazards += [{"hazard_no": f"{month:%Y%m}-{number}", "found_at": start, "kind": "消防"} for number in range(hazard_count)]
        satisfied, answered = ANSWERS[str(satisfaction)]
        ticket_numbers = sorted({row["ticket_no"] for row in tickets if row["created_at"] >= start})
        callbacks += [
            {
                "callback_no": f"{month:%Y%m}-{number}",
                "ticket_no": ticket_numbers[number % len(ticket_numbers)],
                "called_at": start + dt.timedelta(days=40),
                "score": 5 if number < satisfied else 2,
            }
            for number in range(answered)
        ]
    for feed, rows, key in (("ticket", tickets, "ticket_no"), ("grid_event", grid_events, "event_no"), ("hazard", hazards, "hazard_no")):
        for source_row, row in enumerate(rows):
            row |= {"delivery": f"{feed}/2023-02/a.csv", "source_row": source_row}
        made.put(f"clean.{feed}", [dict(row, source_row=source_row) for source_row, row in enumerate(rows)])
        links += [
            {"feed": feed, "record_key": row[key], "delivery": row["delivery"], "source_row": source_row, "address_key": "C1",
             "level": "community", "outcome": "partial", "method": "hint", "community_key": "C1", "community": "某社区"}
            for source_row, row in enumerate(rows)
        ]  # fmt: skip
    made.put("addresses.link", links)
    made.put("clean.satisfaction", callbacks)
    made.build("subject.community_monthly_effect")
    return made


def test_all_24_cells_are_reproduced(house: Lakehouse) -> None:
    found = house.rows(
        "SELECT month, issues, hazards, mean_response_days, satisfaction_pct FROM subject.community_monthly_effect ORDER BY month"
    )
    assert {row[0]: row[1:] for row in found} == PUBLISHED


def test_its_text_contradicts_itself(house: Lakehouse) -> None:
    handled, issues = house.rows("SELECT sum(handled), sum(issues) FROM subject.community_monthly_effect WHERE month >= DATE '2022-11-01'")[
        0
    ]
    assert issues == 142
    assert 100 * handled / issues == 100, "'142 all handled' and 'a rate of 99 %' cannot both hold"

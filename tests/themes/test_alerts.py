"""An alert sounds once: its id stays while it lasts, and what stands out again after it had stopped is a new alert."""

from __future__ import annotations

import datetime as dt

from lakehouse import lakehouse

RULES = (
    {"rule": "community_many", "title_zh": "社区诉求密集", "kind": "threshold", "amount": 3, "days": 3, "severity": "yellow"},
    {"rule": "category_rise", "title_zh": "事项突增", "kind": "rise", "amount": 2, "days": 3, "severity": "orange"},
    {"rule": "caller_repeats", "title_zh": "反复投诉", "kind": "repeat", "amount": 3, "days": 3, "severity": "yellow"},
    {"rule": "overdue", "title_zh": "超期", "kind": "overdue", "amount": 1, "days": 1, "severity": "red"},
    {"rule": "word_gas", "title_zh": "敏感词", "kind": "word", "word": "煤气", "days": 5, "severity": "red"},
    {"rule": "device_high", "title_zh": "超上限", "kind": "device", "days": 2, "severity": "orange"},
)
JUNE = dt.datetime(2026, 6, 1, 9)


def _alerts(day: int, reported: list[int]) -> dict[str, tuple[object, ...]]:
    """Alerts on a day of June: one ticket by one caller on each day listed, a device out of range on the same days."""
    house = lakehouse(as_of=dt.datetime(2026, 6, day, 23, 59, 59))
    house.put("district.alert_rule", RULES)
    house.put("district.deadline", [{"kind": "*", "category_1": "*", "category_2": "*", "flow": "*", "amount": 1, "unit": "working_day"}])
    known = [(number, moment) for number, moment in enumerate(JUNE + dt.timedelta(days=at - 1, minutes=number) for number, at in enumerate(reported)) if moment.day <= day]  # fmt: skip
    house.put(
        "clean.ticket",
        [
            {
                "ticket_no": f"T{number}", "created_at": moment, "category_1": "燃气", "caller_key": "k1", "status": "received",
                "status_time": moment, "body_redacted": "煤气味", "delivery": "t", "source_row": number,
            }
            for number, moment in known
        ],
    )  # fmt: skip
    house.put("addresses.base", [{"address_key": "C1", "level": "community", "name": "南园社区"}])
    house.put(
        "addresses.link",
        [{"feed": "ticket", "delivery": "t", "source_row": number, "address_key": "C1", "community_key": "C1"} for number, _ in known],
    )
    house.put("clean.device", [{"device_no": "V1", "kind": "水位计", "threshold_low": 1, "threshold_high": 5}])
    house.put(
        "clean.device_reading",
        [{"device_no": "V1", "read_at": moment, "record_key": f"V1|{number}", "value": 6} for number, moment in known],
    )
    house.build("subject.alert")
    rows = house.rows("SELECT alert_id, rule, raised_on, is_new, evidence FROM subject.alert")
    assert len(rows) == len({row[0] for row in rows})
    return {str(row[0]): row[1:] for row in rows}


def _of(alerts: dict[str, tuple[object, ...]], rule: str) -> set[str]:
    return {name for name, row in alerts.items() if row[0] == rule}


def test_every_kind_of_rule_is_hit_with_evidence() -> None:
    found = _alerts(13, [8, 10, 12, 13, 13, 13, 13])
    assert {row[0] for row in found.values()} == {rule["rule"] for rule in RULES}
    assert all(row[3] >= 1 for row in found.values())  # type: ignore[operator]


def test_an_alert_that_lasts_keeps_its_id_and_is_new_on_its_first_day_only() -> None:
    reported = [8, 9, 10, 11, 12]
    first, second = _alerts(10, reported), _alerts(11, reported)
    for rule in ("community_many", "caller_repeats", "device_high"):
        assert _of(first, rule) == _of(second, rule) != set()
    name = next(iter(_of(first, "caller_repeats")))
    assert first[name][1:3] == (dt.date(2026, 6, 10), True)
    assert second[name][1:3] == (dt.date(2026, 6, 10), False)


def test_the_same_run_again_finds_the_same_alerts() -> None:
    assert _alerts(11, [8, 9, 10, 11]) == _alerts(11, [8, 9, 10, 11])


def test_what_stopped_and_comes_again_is_a_new_alert() -> None:
    reported = [8, 9, 10, 20, 21, 22]
    before, between, after = _alerts(10, reported), _alerts(15, reported), _alerts(22, reported)
    assert _of(before, "caller_repeats")
    assert not _of(between, "caller_repeats")
    assert _of(after, "caller_repeats")
    assert not _of(before, "caller_repeats") & _of(after, "caller_repeats")


def test_one_report_sets_a_word_or_a_deadline_off_once() -> None:
    first, second = _alerts(10, [8]), _alerts(11, [8])
    assert _of(first, "word_gas") == _of(second, "word_gas") == {"word_gas|ticket:T0"}
    assert _of(second, "overdue") == {"overdue|ticket:T0"}
    assert _of(first, "overdue") <= _of(second, "overdue")

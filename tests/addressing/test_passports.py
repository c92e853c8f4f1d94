"""Keys over time: each event on generated dumps, keys on a past day and through to their successors."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addressing import AddressBase, Grammar, build_base, resolve, trace

GRAMMAR = Grammar.load("mainland")
DAYS = [dt.date(2026, month, 1) for month in range(1, 5)]


def dump(communities: dict[str, range], road: str = "长春路", *, codes: bool = True, former: dict[int, str] | None = None) -> pa.Table:
    """Doors of one road by community; a door's code is its number's, so that it stays the same door under another name."""
    rows = [
        {"address_code": f"D{number:04d}" if codes else None, "district": "青山区", "street": "河湾街道", "community": community, "road": road,
         "number": f"{number}号", "full_address": f"青山区河湾街道{community}{road}{number}号", "former_name": (former or {}).get(number)}
        for community, numbers in communities.items() for number in numbers
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def base_of(*tables: pa.Table) -> AddressBase:
    return build_base(list(zip(DAYS, tables, strict=False)), GRAMMAR)


def key_of(base: AddressBase, path: str) -> str:
    return next(node["address_key"] for node in base.nodes.to_pylist() if node["path"].endswith(path))


def events(base: AddressBase, key: str, day: dt.date) -> set[str]:
    return {row["event"] for row in base.passports.to_pylist() if row["address_key"] == key and row["version"] == day}


def leads_to(base: AddressBase, key: str) -> set[str]:
    return {row["current_path"] for row in trace(base, [key]).to_pylist() if row["current_path"]}


FIRST = {"东里社区": range(1, 21), "西里社区": range(21, 41)}


def test_created() -> None:
    base = base_of(dump(FIRST), dump({**FIRST, "西里社区": range(21, 43)}))
    key = key_of(base, "长春路42号")
    assert events(base, key, DAYS[1]) == {"created"}
    assert [row["status"] for day in DAYS[:2] for row in trace(base, [key], day).to_pylist()] == ["not_yet", "current"]


def test_renamed() -> None:
    base = base_of(dump(FIRST), dump(FIRST, road="永春路"))
    key = key_of(base, "永春路7号")
    assert events(base, key, DAYS[1]) == {"renamed"}
    paths = [trace(base, [key], day)["path"][0].as_py() for day in DAYS[:2]]
    assert [path[-5:] for path in paths] == ["长春路7号", "永春路7号"]
    old = resolve(base, pa.table({"text": ["长春路7号"]})).to_pylist()[0]
    assert (old["address_key"], old["method"]) == (key, "alias")


def test_moved() -> None:
    base = base_of(dump(FIRST), dump({"东里社区": range(1, 20), "西里社区": range(20, 41)}))
    key = key_of(base, "长春路20号")
    assert events(base, key, DAYS[1]) == {"moved"}
    assert [trace(base, [key], day)["path"][0].as_py()[7:11] for day in DAYS[:2]] == ["东里社区", "西里社区"]


def test_split() -> None:
    base = base_of(dump(FIRST), dump({"东里社区": range(1, 21), "南里社区": range(21, 31), "北里社区": range(31, 41)}))
    key = next(row["address_key"] for row in base.nodes.to_pylist() if row["name"] == "西里社区")
    assert events(base, key, DAYS[1]) == {"retired", "split"}
    assert {path[-4:] for path in leads_to(base, key)} == {"南里社区", "北里社区"}


def test_merged() -> None:
    base = base_of(dump(FIRST), dump({"和里社区": range(1, 41)}))
    for name in ("东里社区", "西里社区"):
        key = next(row["address_key"] for row in base.nodes.to_pylist() if row["name"] == name)
        assert events(base, key, DAYS[1]) == {"retired", "merged"}
        assert {path[-4:] for path in leads_to(base, key)} == {"和里社区"}
        assert trace(base, [key], DAYS[0])["status"].to_pylist() == ["current"]


def test_retired() -> None:
    base = base_of(dump(FIRST), dump({"东里社区": range(1, 21), "西里社区": range(21, 40)}))
    key = key_of(base, "长春路40号")
    assert events(base, key, DAYS[1]) == {"retired"}
    assert leads_to(base, key) == set()
    assert [trace(base, [key], day)["status"][0].as_py() for day in DAYS[:2]] == ["current", "retired"]
    found = resolve(base, pa.table({"text": ["长春路40号"]})).to_pylist()[0]
    assert (found["outcome"], found["reason_code"]) == ("not_in_register", "retired")


def test_a_place_without_a_code_is_followed_by_the_former_address_that_the_dump_gives() -> None:
    new = {number: f"青山区河湾街道{'东' if number < 21 else '西'}里社区长春路{number}号" for number in range(1, 41)}
    base = base_of(dump(FIRST, codes=False), dump(FIRST, road="永春路", codes=False, former=new))
    key = key_of(base, "长春路7号")
    assert {path[-5:] for path in leads_to(base, key)} == {"永春路7号"}


def test_a_line_of_successors_is_followed_to_its_end_and_unknown_keys_say_so() -> None:
    base = base_of(dump(FIRST), dump({"和里社区": range(1, 41)}), dump({"南里社区": range(1, 31), "北里社区": range(31, 41)}))
    key = next(row["address_key"] for row in base.nodes.to_pylist() if row["name"] == "东里社区")
    assert {path[-4:] for path in leads_to(base, key)} == {"南里社区", "北里社区"}
    assert trace(base, ["NO-SUCH-KEY"])["status"].to_pylist() == ["unknown"]


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 39), st.integers(1, 3), st.booleans()), min_size=1, max_size=3))
def test_no_key_that_was_given_out_is_ever_lost(changes: list[tuple[int, int, bool]]) -> None:
    tables = [dump(FIRST)]
    for cut, step, renamed in changes:
        tables.append(dump({"东里社区": range(1, cut, step), "中里社区": range(cut, 41)}, road="永春路" if renamed else "长春路"))
    given_out: set[str] = set()
    for count in range(1, len(tables) + 1):
        base = base_of(*tables[:count])
        given_out |= set(base.nodes["address_key"].to_pylist())
        assert given_out <= set(base.published_keys["address_key"].to_pylist())
        assert "unknown" not in trace(base, sorted(given_out))["status"].to_pylist()


@pytest.mark.parametrize("as_of", [None, DAYS[0]])
def test_rows_come_in_the_order_asked(as_of: dt.date | None) -> None:
    base = base_of(dump(FIRST))
    keys = [key_of(base, f"长春路{number}号") for number in (9, 3, 5)]
    assert trace(base, keys, as_of)["address_key"].to_pylist() == keys

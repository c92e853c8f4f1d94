"""What a contract may change within a major version, and what blocks: one case for every line of the table in docs/contracts.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.load import ContractError, Retired, retired, tables
from contracts.model import Column, Feed, Table
from warehouse.compatibility import breaking_changes


def column(name: str, **given: object) -> Column:
    return Column.model_validate({"name": name, "title": name, "title_zh": name, "class": "public", **given})


CODES = {"a": ["A", "甲"], "b": ["B", "乙"]}
COLUMNS = {
    "id": column("id", required=True),
    "kind": column("kind", codes=CODES, required=True),
    "amount": column("amount", type="decimal(9,2)", unit="CNY"),
    "note": column("note", **{"class": "internal"}),
    "number": column("number", type="integer", unique=True),
}


def table(version: str = "1.0.0", **changes: object) -> Table:
    columns = {name: changes.get(name, given) for name, given in COLUMNS.items()} | {
        name: given for name, given in changes.items() if name.startswith("new")
    }
    base = {"name": "small", "theme": "event", "title": "S", "title_zh": "小", "grain": "one row", "keys": ("id",), "steward": "x"}
    more = {name: given for name, given in changes.items() if name in ("keys", "audiences")}
    return Table.model_validate(
        {"audiences": ("internal", "public"), **base, **more, "version": version, "columns": [given for given in columns.values() if given]}
    )


def former(folder: Path, *contracts: Table | Feed) -> Path:
    for one in contracts:
        path = folder / "contracts" / (one.theme if isinstance(one, Table) else "feed") / f"{one.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.model_dump_json(by_alias=True, exclude_defaults=True), encoding="utf-8")
    return folder


def changed(name: str, **given: object) -> Column:
    return COLUMNS[name].model_copy(update=given)


BREAKS = {
    "removed column": ({"note": None}, "column note would be gone"),
    "changed type": ({"amount": changed("amount", type="text")}, "changes type"),
    "narrowed type": ({"amount": changed("amount", type="decimal(7,2)")}, "changes type"),
    "widened type": ({"amount": changed("amount", type="decimal(12,2)")}, "changes type"),
    "changed key": ({"keys": ("id", "number")}, "keys change"),
    "required to optional": ({"kind": changed("kind", required=False)}, "may become null"),
    "no longer unique": ({"number": changed("number", unique=False)}, "may repeat"),
    "other unit": ({"amount": changed("amount", unit="万元")}, "changes unit"),
    "lost code": ({"kind": changed("kind", codes={"a": ("A", "甲")})}, "loses the codes b"),
    "code list given up": ({"kind": changed("kind", codes={})}, "loses its code list"),
    "classification raised": ({"kind": changed("kind", classification="internal")}, "public audience loses column kind"),
    "audience lost": ({"audiences": ("internal",)}, "public audience loses the table"),
}
KEEPS = {
    "nothing": {},
    "new column": {"new": column("new")},
    "optional to required": {"amount": changed("amount", required=True)},
    "new code": {"kind": changed("kind", codes={**COLUMNS["kind"].codes, "c": ("C", "丙")})},
    "first code list": {"note": changed("note", codes=COLUMNS["kind"].codes)},
    "classification lowered among open ones": {"note": changed("note", classification="public")},
    "new audience": {"audiences": ("internal", "public", "restricted")},
    "other titles": {"note": changed("note", title="Remark", title_zh="备注", description="d")},
    "limits": {"number": changed("number", minimum="0")},
}


@pytest.mark.parametrize(("change", "message"), BREAKS.values(), ids=BREAKS.keys())
def test_what_breaks_readers_is_said_with_table_and_column_and_passes_with_a_new_major_version(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    before = former(tmp_path, table())
    found = breaking_changes(before, {"event.small": table(**change)})
    assert len(found) == 1
    assert found[0].startswith("event.small: ")
    assert message in found[0]
    assert "raise version to 2.0.0" in found[0]
    assert breaking_changes(before, {"event.small": table("1.1.0", **change)}) == found
    assert breaking_changes(before, {"event.small": table("2.0.0", **change)}) == []


@pytest.mark.parametrize("change", KEEPS.values(), ids=KEEPS.keys())
def test_what_breaks_nobody_passes(tmp_path: Path, change: dict[str, object]) -> None:
    assert breaking_changes(former(tmp_path, table()), {"event.small": table(**change)}) == []


def test_a_lower_version_is_no_new_major_version(tmp_path: Path) -> None:
    assert breaking_changes(former(tmp_path, table("2.0.0")), {"event.small": table("1.0.0", note=None)})


def test_peoples_data_may_not_reach_more_readers_without_a_new_major_version(tmp_path: Path) -> None:
    before = table(note=changed("note", classification="personal"), audiences=("restricted",))
    now = table(note=changed("note", classification="internal"), audiences=("restricted",))
    (found,) = breaking_changes(former(tmp_path, before), {"event.small": now})
    assert "was personal and would be internal" in found


def test_a_removed_table_blocks_until_it_is_listed_as_retired(tmp_path: Path) -> None:
    before = former(tmp_path, table("1.4.0"))
    (found,) = breaking_changes(before, {})
    assert "contracts/retired.yaml with version 1.4.0" in found

    def entry(version: str) -> dict[str, Retired]:
        return {"event.small": Retired.model_validate({"version": version, "date": "2026-03-31", "reason": "r", "reason_zh": "由"})}

    assert breaking_changes(before, {}, retired=entry("1.4.0")) == []
    assert breaking_changes(before, {}, retired=entry("1.3.0")) == [found], "an entry about an older version does not cover a later one"


def test_the_list_of_retired_tables_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "retired.yaml"
    assert retired(tmp_path) == {}
    path.write_text("tables:\n  event.x: {version: 1.0.0, date: 2026-03-31, reason: r}\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"retired\.yaml:2: .*reason_zh"):
        retired.__wrapped__(tmp_path)
    path.write_text(
        "tables:\n  event.x: {version: 1.0.0, date: 2026-03-31, reason: r, reason_zh: 由, instead: event.y}\n", encoding="utf-8"
    )
    with pytest.raises(ContractError, match=r"no table event\.y"):
        retired.__wrapped__(tmp_path)


def test_the_shipped_list_of_retired_tables_loads() -> None:
    assert set(retired()) & set(tables()) == set()


FEED = Feed.model_validate(
    {
        "name": "calls", "title": "C", "title_zh": "电话", "grain": "g", "keys": ("id",), "steward": "x", "mode": "append",
        "columns": [column("id", required=True), column("kind", codes=CODES, headers=["种类"]), column("note")],
    }
)  # fmt: skip


def feed(version: str = "1.0.0", **changes: object) -> Feed:
    columns = [changes.get(one.name, one) for one in FEED.columns] + [given for name, given in changes.items() if name.startswith("new")]
    more = {name: given for name, given in changes.items() if name in ("keys", "mode")}
    return FEED.model_copy(update={"version": version, "columns": tuple(one for one in columns if one), **more})


KIND, NOTE = FEED.columns[1:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"note": None}, "column note would be gone"),
        ({"note": NOTE.model_copy(update={"required": True})}, "becomes required"),
        ({"note": NOTE.model_copy(update={"type": "date"})}, "changes type"),
        ({"note": NOTE.model_copy(update={"codes": KIND.codes})}, "accepts only codes"),
        ({"kind": KIND.model_copy(update={"headers": ()})}, "no longer accepts the headers 种类"),
        ({"kind": KIND.model_copy(update={"codes": {"a": ("A", "甲"), "b": ("B",)}})}, "no longer accepts the codes 乙"),
        ({"new": column("new", required=True)}, "new and required"),
        ({"keys": ("id", "note")}, "keys change"),
        ({"mode": "snapshot"}, "mode changes"),
    ],
)
def test_a_feed_that_becomes_stricter_blocks_too(tmp_path: Path, change: dict[str, object], message: str) -> None:
    before = former(tmp_path, FEED)
    (found,) = breaking_changes(before, {}, {"calls": feed(**change)})
    assert message in found
    assert breaking_changes(before, {}, {"calls": feed("2.0.0", **change)}) == []


def test_a_feed_may_accept_more(tmp_path: Path) -> None:
    wider = feed(
        new=column("new"),
        kind=KIND.model_copy(update={"headers": ("种类", "类型"), "codes": {**KIND.codes, "c": ("C",)}}),
        id=FEED.columns[0].model_copy(update={"required": False}),
    )
    assert breaking_changes(former(tmp_path, FEED), {}, {"calls": wider}) == []
    assert "would be gone" in breaking_changes(former(tmp_path, FEED), {}, {})[0]

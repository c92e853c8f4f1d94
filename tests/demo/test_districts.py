"""The demo and template district folders: they load, and their rules hold together."""

from __future__ import annotations

import csv
import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest

from contracts.district import Declared, District, FeedMapping, load_district
from contracts.settings_file import FROM_DISTRICT, all_settings
from sources.demo import texts
from sources.demo.world import ANCHOR_ALIASES, ANCHOR_ESTATES

DISTRICTS = Path(__file__).parents[2] / "districts"


def rows(name: str) -> list[dict[str, str]]:
    with (DISTRICTS / "demo" / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("name", ["demo", "template"])
def test_every_setting_is_there_and_loads(name: str) -> None:
    tables = all_settings(load_district(DISTRICTS / name))
    may_be_empty = {*FROM_DISTRICT, *(["published_figure"] if name == "demo" else [])}  # nothing was published of an invented city
    assert [name for name, table in tables.items() if not table.num_rows and name not in may_be_empty] == []


def test_the_template_explains_every_key() -> None:
    text = (DISTRICTS / "template" / "district.yaml").read_text(encoding="utf-8")
    for model in (District, FeedMapping, Declared):
        for key in model.model_fields:
            assert key == "folder" or f"{key}:" in text, key


def test_the_category_tree_is_strict_and_is_the_generator_s() -> None:
    category = rows("category")
    paths = [(row["category_1"], row["category_2"], row["category_3"]) for row in category]
    assert len(set(paths)) == len(paths) >= 80
    assert len({path[0] for path in paths}) >= 12
    assert paths == list(texts.catalogue().paths.iter_rows())
    assert len({row["code"] for row in category}) == len(category)


@pytest.mark.parametrize("day", [dt.date(2024, 1, 1), dt.date(2024, 5, 1), dt.date(2024, 6, 1), dt.date(2024, 6, 30)])
def test_each_item_has_exactly_one_department_at_any_date(day: dt.date) -> None:
    departments = {row["department_code"] for row in rows("department")}
    streets = {row["name"] for row in rows("division") if row["level"] == "street"}
    held: dict[tuple[str, ...], list[str]] = {}
    for row in rows("responsibility"):
        assert row["department_code"] in departments
        if row["valid_from"] <= day.isoformat() and (not row["valid_to"] or day.isoformat() < row["valid_to"]):
            held.setdefault((row["category_1"], row["category_2"], row["category_3"], row["street"]), []).append(row["department_code"])
    assert all(len(found) == 1 for found in held.values())
    for path in texts.catalogue().paths.iter_rows():
        named = {street for *leaf, street in held if tuple(leaf) == path}
        assert "*" in named
        assert named in ({"*"}, {"*"} | streets)


def test_responsibilities_change_in_time() -> None:
    assert {row["valid_to"] for row in rows("responsibility")} >= {"2024-05-01", "2024-06-01"}


def test_the_ticket_flows_have_five_to_nine_nodes() -> None:
    for flow in ("general", "simple"):
        nodes = {status for row in rows("flow") if row["flow"] == flow for status in (row["from_status"], row["to_status"])} - {"start"}
        assert 5 <= len(nodes) <= 9


def test_aliases_of_estates_are_those_that_people_write() -> None:
    known = {(row["name"], row["alias"]) for row in rows("alias") if row["level"] == "estate"}
    assert known == set(zip(ANCHOR_ESTATES, ANCHOR_ALIASES, strict=True))


def test_grid_cells_lie_in_one_community_at_a_time() -> None:
    cells = sorted(rows("grid_cell"), key=lambda row: (row["grid_code"], row["valid_from"]))
    communities = {row["name"] for row in rows("division") if row["level"] == "community"}
    assert {row["community"] for row in cells} == communities
    assert len({row["industry"] for row in cells if row["industry"]}) == 24
    for one, two in pairwise(cells):
        assert one["grid_code"] != two["grid_code"] or one["valid_to"] == two["valid_from"]

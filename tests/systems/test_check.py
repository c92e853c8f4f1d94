"""`govlake district check` reports a pack's problems: file, row, field, remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app


def spoil(folder: Path, name: str, former: str, now: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert former in text
    path.write_text(text.replace(former, now, 1), encoding="utf-8")


def checked(folder: Path) -> list[str]:
    """The mistakes that the command reports, each with its remedy; it fails where there are any."""
    result = CliRunner().invoke(app, ["district", "check", str(folder), "--json"])
    mistakes = json.loads(result.stdout)["mistakes"]
    assert (result.exit_code != 0) == bool(mistakes)
    assert all("; remedy: " in mistake for mistake in mistakes)
    return mistakes


SPOILT = {
    "unknown code": ("longhua", "alert_rule.csv", "device_high,设备读数超上限,device", "device_high,设备读数超上限,sensor", "alert_rule.csv:2: kind: 'sensor' is no code"),
    "lost field": ("shanghai", "population_rule.csv", "age>=60,老年人台账,180,true", "age>=60,老年人台账,180", "population_rule.csv:2: 5 fields where the header has 6"),
    "condition on age": ("shanghai", "population_rule.csv", "age>=60", "age>60", "population_rule.csv:2: terms: 'age>60' is no condition on age"),
    "department": ("yantian", "responsibility.csv", "GM001", "GM999", "responsibility.csv:2: department_code: GM999 is not in department.csv"),
    "street": ("yantian", "responsibility.csv", ",*,GM001", ",盐田街道,GM001", "responsibility.csv:2: street: 盐田街道 is no street of division.csv"),
    "cell": ("guangming", "industry_grid.csv", "440311001001", "990311001001", "industry_grid.csv:2: grid_code"),
    "period": ("guangming", "industry_grid.csv", "2024-01-01,,", "2024-01-01,2023-01-01,", "industry_grid.csv:2: valid_to: 2023-01-01 is not after valid_from 2024-01-01"),
    "field of another kind": ("futian", "collection_rule.csv", "resident,,sex", "resident,,staff", "collection_rule.csv:2: field: resident has no staff"),
    "pair of codes": ("baoan", "code_link.csv", "person,house", "building,house", "code_link.csv:2: to_kind: building is linked to address alone"),
    "feed": ("luohu", "source.csv", ",household,", ",households,", "source.csv:3: feed: there is no feed households"),
    "month": ("hubei", "published_figure.csv", "2022-08-01,2022-08-01,22", "2022-08-15,2022-08-01,22", "published_figure.csv:2: month_from: 2022-08-15 is no first day of a month"),
    "rank": ("nanshan", "grade_rule.csv", "A,A级（低风险）,4", "A,A级（低风险）,3", "grade_rule.csv:8: rank: 3 is that of B in line 6"),
    "channel named twice": ("pingshan", "channel.csv", "市长信箱,综合渠道", "12345政务服务便民热线,综合渠道", "channel.csv:3: the same channel as in line 2"),
    "map into nowhere": ("luohu", "category_map.csv", ",true\n", ",true\n示例,*,*,示例,示例,示例,true\n", "category_map.csv:3: 示例>示例>示例 is no leaf of category.csv"),
    "deadline of no class": (
        "pingshan",
        "deadline.csv",
        "complaint,能源保障,燃气安全",
        "complaint,能源保障,燃气",
        "deadline.csv:10: 能源保障>燃气 is not in category.csv",
    ),
    "nodes of a flow": ("pingshan", "flow.csv", "simple,简易流程,checked,closed,true\n", "", "declared.flow_nodes.simple: 5 declared, flow.csv has 4"),
    "count of something unknown": ("luohu", "district.yaml", "source: {rows: 17}", "sources: {rows: 17}", "declared.counts.sources: no such setting"),
    "base that is not there": ("luohu", "district.yaml", "based_on: demo", "based_on: luohu", "based_on: luohu is based on this district itself"),
    "unknown key": ("guangming", "district.yaml", "dispatch_minutes", "dispatch_minute", "district.yaml:6: dispatch_minute"),
}  # fmt: skip


@pytest.mark.parametrize(("pack", "name", "former", "now", "said"), SPOILT.values(), ids=SPOILT.keys())
def test_a_mistake_is_reported_with_file_row_field_and_remedy(pack_copy, pack: str, name: str, former: str, now: str, said: str) -> None:
    folder = pack_copy(pack)
    assert checked(folder) == []
    spoil(folder, name, former, now)
    mistakes = checked(folder)
    assert any(said in mistake for mistake in mistakes), mistakes


def test_every_mistake_of_a_pack_is_reported_at_once(pack_copy) -> None:
    folder = pack_copy("futian")
    spoil(folder, "collection_rule.csv", ",180,", ",soon,")
    spoil(folder, "collection_rule.csv", "resident,,sex", "resident,,shoe_size")
    spoil(folder, "district.yaml", "service_item: {rows: 70}", "service_item: {rows: 71}")
    (folder / "colours.csv").write_text("a\n", encoding="utf-8")
    mistakes = "\n".join(checked(folder))
    for said in (
        "again_days: 'soon' is no integer",
        "'shoe_size' is no code",
        "71 declared, service_item.csv has 70",
        "colours.csv: no such setting",
    ):
        assert said in mistakes


def test_overlapping_periods_of_a_grid_cell_are_a_mistake(pack_copy) -> None:
    folder = pack_copy("nanshan")
    path = folder / "grid_cell.csv"
    line = path.read_text(encoding="utf-8").splitlines()[1].split(",")
    line[6] = "2024-06-01"
    path.write_text(path.read_text(encoding="utf-8") + ",".join(line) + "\n", encoding="utf-8")
    assert any("grid_cell.csv:" in mistake and "while line 2 still holds" in mistake for mistake in checked(folder))

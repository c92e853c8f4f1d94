"""Rules over several lines or files of a district, and what a district takes over from another one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.district import District, load_district
from contracts.load import ContractError
from contracts.settings_file import load_setting, setting_path

FIRST = dt.date(2024, 1, 1)
DAYS = 12
LEAF = "市容环卫,垃圾处理,暴露垃圾"
DEMO = Path(__file__).parents[1] / "districts" / "demo"

periods = st.lists(st.tuples(st.booleans(), st.integers(0, DAYS - 1), st.integers(1, DAYS) | st.none()), min_size=1, max_size=5)


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def pack(folder: Path, text: str = "", **files: str) -> District:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.csv"):
        path.unlink()
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text(lines, encoding="utf-8")
    (folder / "district.yaml").write_text("name: mine\ntitle: Mine\ntitle_zh: 本区\n" + text, encoding="utf-8")
    return load_district(folder)


@given(periods)
def test_one_department_a_day_is_what_a_count_of_every_day_says(tmp_path_factory: pytest.TempPathFactory, lines: list) -> None:
    """A line for the leaf goes before one for its class; within either, two at once are a mistake, and so is a day without any."""
    spans = [(leaf, start, DAYS if length is None else min(DAYS, start + length), length) for leaf, start, length in lines]
    if len({(leaf, start) for leaf, start, *_ in spans}) < len(spans):
        return
    rows = "\n".join(
        f"{LEAF if leaf else '市容环卫,*,*'},*,D{number},{day(start)},{'' if length is None else day(start + length)}"
        for number, (leaf, start, _, length) in enumerate(spans)
    )
    folder = tmp_path_factory.mktemp("rules")
    district = pack(
        folder,
        f"grammar: mainland\nfeeds: {{}}\ndeclared: {{one_department_from: {FIRST}}}\n",
        category=f"category_1,category_2,category_3\n{LEAF}\n",
        responsibility=f"category_1,category_2,category_3,street,department_code,valid_from,valid_to\n{rows}\n",
    )
    ends = [(leaf, start, 10**6 if length is None else start + length) for leaf, start, _, length in spans]
    horizon = [*range(3 * DAYS), 10**5]
    double = any(sum(own is leaf and start <= number < end for own, start, end in ends) > 1 for leaf in (True, False) for number in horizon)
    empty = any(not any(start <= number < end for _, start, end in ends) for number in horizon)
    if double or empty:
        with pytest.raises(ContractError, match=r"a second department from|has no department from") as raised:
            load_setting(district, "responsibility")
        assert ("a second department" in str(raised.value)) == double
        assert ("has no department" in str(raised.value)) == empty
    else:
        assert load_setting(district, "responsibility").num_rows == len(spans)


def test_a_district_based_on_another_takes_over_what_it_does_not_change(tmp_path: Path) -> None:
    own = pack(
        tmp_path / "mine", "based_on: demo\nfeeds: {ticket: {stale_after_days: 9}}\n", channel="channel,channel_group\n示例渠道,示例\n"
    )
    demo = load_district(DEMO)
    assert load_setting(own, "channel").to_pylist()[0]["channel"] == "示例渠道"
    assert load_setting(own, "department").equals(load_setting(demo, "department"))
    assert setting_path(own, "department") == DEMO / "department.csv"
    assert own.feeds["ticket"].stale_after_days == 9
    assert own.feeds["ticket"].key_pattern == demo.feeds["ticket"].key_pattern
    assert own.feeds["household"] == demo.feeds["household"]


def test_counts_that_the_base_declares_hold_only_for_files_that_it_still_supplies(tmp_path: Path) -> None:
    demo = load_district(DEMO).declared.counts
    own = pack(
        tmp_path / "mine",
        "based_on: demo\ndeclared: {counts: {channel: {rows: 1}}}\n",
        category=f"category_1,category_2,category_3\n{LEAF}\n",
        channel="channel,channel_group\n示例渠道,示例\n",
    )
    assert "category" in demo
    assert own.declared.counts == {name: counts for name, counts in demo.items() if name != "category"} | {"channel": {"rows": 1}}
    assert own.declared.one_department_from is None
    assert load_setting(own, "category").num_rows == 1


def test_a_mistake_in_the_base_names_the_base(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (below / "district.yaml").write_text(
        "name: below\ntitle: Below\ntitle_zh: 下\ngrammar: mainland\nfeeds: {}\nlarge_group: 5\n", encoding="utf-8"
    )
    with pytest.raises(ContractError, match=r"^below/district\.yaml:6: large_group"):
        pack(tmp_path / "mine", "based_on: below\n")


def test_what_district_yaml_says_is_a_setting_too() -> None:
    demo = load_district(DEMO)
    assert load_setting(demo, "profile").to_pylist()[0]["small_group"] == demo.small_group
    counts = {(row["setting"], row["counted"]): row["declared"] for row in load_setting(demo, "declared_count").to_pylist()}
    assert counts[("service_item", "rows")] == 70

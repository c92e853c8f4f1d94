"""The receipt of one text names the stage that settled it, what was tried before, and each candidate that was ruled out, in both languages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from addressing import AddressBase, explain, resolve
from addressing.cascade import STAGES
from addressing.confusion import KINDS
from addressing.considered import MOST
from addressing.reasons import DAMAGE, RULED_OUT
from addressing.receipt import _STAGES


def test_every_stage_has_a_name_in_both_languages() -> None:
    assert {stage.__name__ for stage in STAGES} == set(_STAGES)
    assert all(english and chinese for english, chinese in _STAGES.values())


def test_what_was_tried_stands_before_what_settled(mainland: AddressBase) -> None:
    names = [stage.__name__ for stage in STAGES]
    receipt = explain(mainland, "没有这个地方")
    assert receipt.settled_by == "stage_rest"
    assert receipt.ruled_out == sorted(receipt.ruled_out, key=names.index)
    assert {"stage_exact", "stage_corrected", "stage_division"} <= set(receipt.ruled_out)
    # A register in columns has no full texts, and no coordinates were given.
    assert not {"stage_full_text", "stage_nearest_number", "stage_rest"} & set(receipt.ruled_out)
    shown = receipt.render("both")
    assert "Tried" in shown
    assert "先试" in shown


def test_every_reason_for_ruling_out_is_said_in_both_languages() -> None:
    assert set(KINDS) <= set(DAMAGE)
    assert all(english and chinese for english, chinese in (*RULED_OUT.values(), *DAMAGE.values()))


@pytest.mark.parametrize(
    ("text", "code", "place", "english", "chinese"),
    [
        ("别墅路9号", "other_number", "别墅路7号", "9号 is not registered", "9号未登记"),
        ("别墅路9号", "other_number", "别墅路13号", "above it", "较大"),
        ("翠湖花园3栋1单元909室", "other_part", "翠湖花园3栋1单元402室", "another room", "房间不同"),
        ("阳光花园1栋101", "fits_too", "红花路1号阳光花园1栋101", "none of them is certain", "无法确定"),
        ("凤凰街道阳光花园1栋101", "division", "公明街道下村社区红花路1号阳光花园1栋101", "vetoed by its street office", "因街道不符"),
        ("甲子塘社区红化路1号", "damage_away", "红花路", "but no place of it lies", "不在文本所写的"),
        ("人名路77号", "damage_number", "人民路", "the number is not registered there", "未登记此门牌号"),
    ],
)
def test_a_candidate_that_was_ruled_out_is_named_with_the_reason(
    mainland: AddressBase, text: str, code: str, place: str, english: str, chinese: str
) -> None:
    receipt = explain(mainland, text)
    named = [entry for entry in receipt.considered if entry.text.endswith(place)]
    assert named
    assert named[0].code == code
    assert english in named[0].why
    assert chinese in named[0].why_zh
    assert f"{named[0].text}: {named[0].why}" in receipt.render("en")
    assert f"{named[0].text}：{named[0].why_zh}" in receipt.render("zh")
    assert named[0].as_dict() in receipt.as_dict()["considered"]


@pytest.mark.parametrize("text", ["翠湖花园3栋1单元101室", "", "没有这个地方", "?" * 30, "别墅路与红花路交叉口", "12号"])
def test_no_candidate_is_the_answer_itself_and_there_are_few(mainland: AddressBase, text: str) -> None:
    receipt = explain(mainland, text)
    assert len(receipt.considered) <= MOST
    assert receipt.answer["matched_text"] not in [entry.text for entry in receipt.considered]


def test_tracing_changes_no_answer(mainland: AddressBase) -> None:
    for text in ("别墅路9号", "红化路1号", "人名路5号", "阳光花园1栋101"):
        answer = explain(mainland, text).answer
        assert answer == resolve(mainland, pa.table({"text": [text]})).to_pylist()[0]


def test_the_receipt_does_not_import_pandas(mainland: AddressBase, tmp_path: Path) -> None:
    """Its import takes longer than the answer."""
    mainland.save(tmp_path / "base")
    code = (
        "import sys\nfrom pathlib import Path\nfrom addressing import AddressBase, explain\n"
        "explain(AddressBase.open(Path(sys.argv[1])), '碧新路27号', street='光明街道')\nprint('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "base")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

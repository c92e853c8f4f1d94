"""Changes between two deliveries of a feed are events that people see."""

from __future__ import annotations

from pathlib import Path

from delivering import deliver, take_in

from sources.drift import drift


def kinds(tmp_path: Path, before: str, after: str, encoding: str = "utf-8") -> list[str]:
    former = take_in(deliver(tmp_path, before.encode(), date="2024-02")).certificate
    now = take_in(deliver(tmp_path, after.encode(encoding), date="2024-03")).certificate
    return [problem.kind for problem in drift(now, former)]


def test_nothing_changed(tmp_path: Path) -> None:
    assert kinds(tmp_path, "工单号,登记时间\n1,2024-01-01\n", "工单号,登记时间\n2,2024-01-01\n") == []


def test_columns_come_go_move_and_change_their_names(tmp_path: Path) -> None:
    before = "工单号,登记时间,地址,旧列\n1,2024-01-01,甲,x\n"
    assert kinds(tmp_path, before, "受理编号,登记时间,地址,旧列\n1,2024-01-01,甲,x\n") == ["column_renamed"]
    assert kinds(tmp_path, before, "工单号,登记时间,地址\n1,2024-01-01,甲\n") == ["column_gone"]
    assert kinds(tmp_path, before, "工单号,登记时间,地址,旧列,新列\n1,2024-01-01,甲,x,y\n") == ["column_came"]
    assert kinds(tmp_path, before, "登记时间,工单号,地址,旧列\n2024-01-01,1,甲,x\n") == ["columns_reordered"]
    assert kinds(tmp_path, before, before, "gb18030") == ["encoding_changed"]

"""Personal numbers in fields that are open by their contract."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from quality.open_fields import NUMBER, PHONE, masked

LATEST = dt.date(2024, 7, 1)
IDENTITY = "449999195203050029"  # of a division that does not exist


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"联系人证件{IDENTITY}，电话19170000013", f"联系人证件{NUMBER}，电话{PHONE}"),
        ("电话19170000013、19170000026", f"电话{PHONE}、{PHONE}"),
        (IDENTITY, NUMBER),
        ("449999195203050020", "449999195203050020"),  # its check digit is wrong: an office's own number
        ("19170000013", "19170000013"),  # a code of eleven digits
        ("工单GM2024060112345678", "工单GM2024060112345678"),
        ("楼道灯坏了", "楼道灯坏了"),
        (None, None),
    ],
)
def test_identity_and_telephone_numbers_give_way_to_a_mark_and_codes_stay(text: str | None, expected: str | None) -> None:
    made, changed = masked(pl.Series("note", [text], dtype=pl.String), LATEST)
    assert made.to_list() == [expected]
    assert changed.to_list() == [text != expected]
    assert made.name == "note"

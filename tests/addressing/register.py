"""A small invented register in the mainland's way and one in Taiwan's, for the tests of addressing."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from addressing import AddressBase, Grammar, build_base

DAY = dt.date(2026, 1, 1)


def mainland_rows() -> list[dict[str, str | None]]:
    rows: list[dict[str, str | None]] = []

    def add(community: str, street: str = "公明街道", **parts: str) -> None:
        address = "".join(parts.get(c, "") for c in ("road", "number", "estate", "building", "unit", "room"))
        rows.append(
            {
                "address_code": f"A{len(rows):05d}",
                "full_address": f"广东省深圳市光明区{street}{community}{address}",
                "province": "广东省",
                "city": "深圳市",
                "district": "光明区",
                "street": street,
                "community": community,
                **parts,
            }
        )

    for building in ("1栋", "2栋", "3栋"):
        for unit, shift in (("1单元", 0), ("2单元", 2)):
            for floor in range(1, 5):
                for door in (1, 2):
                    add("上村社区", road="松白路", number="12号", estate="翠湖花园", building=building, unit=unit, floor=f"{floor}层",
                        room=f"{floor}0{door + shift}室")  # fmt: skip
    for number in (1, 3, 5, 7, 13, 21, 23):
        add("上村社区" if number < 20 else "下村社区", road="别墅路", number=f"{number}号")
    for number in (8, 10):
        add("甲子塘社区", street="凤凰街道", road="科裕路", number=f"{number}号")
    add("下村社区", road="人民路", number="5号", estate="平安国际金融中心大厦", building="A座", floor="12层", room="1203")
    for room in ("101", "102", "201"):
        add("下村社区", road="建设路", number="7号", building="2栋", room=room)
    add("下村社区", road="红花路", number="1号", estate="阳光花园", building="1栋", room="101")
    add("甲子塘社区", street="凤凰街道", road="兰溪路", number="2号", estate="阳光花园", building="1栋", room="101")
    return rows


def divisions() -> pa.Table:
    return pa.table(
        {
            "code": ["440311", "440311001", "440311001001", "440311001002", "440311001003"],
            "name": ["光明区", "公明街道", "上村社区", "下村社区", "李松蓢社区"],
            "level": ["district", "street", "community", "community", "community"],
            "parent_code": [None, "440311", "440311001", "440311001", "440311001"],
        }
    )


def aliases() -> pa.Table:
    return pa.table(
        {
            "name": ["平安国际金融中心大厦", "别墅路"], "alias": ["平安大厦", "老围路"], "level": ["estate", "road"], "kind": ["short", "former"]
        }
    )  # fmt: skip


def mainland_base() -> AddressBase:
    return build_base([(DAY, pa.Table.from_pylist(mainland_rows()))], Grammar.load("mainland"), divisions=divisions(), aliases=aliases())


def taiwan_rows() -> list[dict[str, str | None]]:
    plates = [
        ("甲和里", "3鄰", "松濤路", "三段", "12巷", None, "5號"),
        ("甲和里", "3鄰", "松濤路", "三段", "12巷", None, "5號二樓"),
        ("甲和里", "3鄰", "松濤路", "三段", "12巷", None, "5號二樓之3"),
        ("甲和里", "3鄰", "松濤路", "三段", "12巷", "4弄", "9之1號"),
        ("甲和里", "4鄰", "松濤路", "三段", None, None, "101號"),
        ("甲和里", "4鄰", "松濤路", "三段", None, None, "105號"),
        ("乙安里", "1鄰", "松濤路", "三段", None, None, "109號"),
        ("乙安里", "1鄰", "松濤路", "一段", None, None, "8號"),
        ("乙安里", "2鄰", "廈港街", None, None, None, "24號"),
        ("乙安里", "2鄰", "廈港街", None, None, None, "臨6號"),
        ("乙安里", "2鄰", "廈港街", None, None, None, "30號地下一層"),
    ]
    return [
        {"city": "海東市", "district": "青山區", "community": v, "neighbourhood": n, "road": r, "section": s, "lane": ln, "alley": al, "number": no,
         "full_address": f"海東市青山區{v}{n}{r}{s or ''}{ln or ''}{al or ''}{no}"}
        for v, n, r, s, ln, al, no in plates
    ]  # fmt: skip


def taiwan_base() -> AddressBase:
    return build_base([(DAY, pa.Table.from_pylist(taiwan_rows()))], Grammar.load("taiwan"))

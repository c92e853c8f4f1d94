"""One dump of a register read into nodes: canonical parts, identities, both chains. Knows one dump only; versions.py folds several.

A structured register gives its parts in columns; one that has the full text alone is read by textual.py into the same columns first.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from .grammar import END, MARK, Grammar
from .schema import REGISTER_COLUMNS
from .slots import read_slots, split_street_part
from .text import comparable, rewrite

GONE_STATUS = r"(?i)demolish|abolish|retired|cancel|拆|注销|註銷|停用|废|廢|撤销|撤銷|灭失|滅失"

ADMIN = ("province", "city", "district", "street", "community", "neighbourhood")
THOROUGHFARE = ("road", "lane", "alley", "number", "estate", "building", "unit", "floor", "room")
CODE_OF = {"district": "district_code", "street": "street_code", "community": "community_code"}
_UNITS_TRADITIONAL = {"号": "號", "楼": "樓", "邻": "鄰", "栋": "棟", "单元": "單元", "临": "臨", "B": "地下"}


@dataclass
class Snapshot:
    """What one dump says. Row numbers of `nodes` are the ids used in its own columns (parent, district, …) and in `keys`.

    nodes: identity, level, chain, name, path, parent, district, street, community, neighbourhood, road, lane, number, building (row
    numbers or null), register_code, lng, lat. keys: key, form (0 full, 1 a part left out), node. names: surface, kind, canonical,
    is_alias. former: node, former (text of a former name or address). unread: rows whose door could not be read into slots.
    """

    nodes: pl.DataFrame
    keys: pl.DataFrame
    names: pl.DataFrame
    former: pl.DataFrame
    unread: int


def register_frame(table: pa.Table | pl.DataFrame) -> pl.DataFrame:
    """The register's known columns as trimmed text; missing columns are null, rows said to be gone are left out."""
    frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(pl.from_arrow(table))
    unknown = pl.lit(None, dtype=pl.String)
    frame = frame.select(
        (pl.col(name).cast(pl.String).str.strip_chars() if name in frame.columns else unknown).alias(name) for name in REGISTER_COLUMNS
    ).with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in REGISTER_COLUMNS)
    return frame.filter(~pl.col("status").str.contains(GONE_STATUS).fill_null(False))


def division_rows(divisions: pa.Table | None) -> pl.DataFrame:
    """The administrative tree (code, name, level, parent_code) as register rows without a door, one per division."""
    empty = pl.DataFrame(schema=dict.fromkeys(REGISTER_COLUMNS, pl.String))
    if divisions is None or divisions.num_rows == 0:
        return empty
    tree = pl.DataFrame(pl.from_arrow(divisions)).select(pl.col("code", "name", "level", "parent_code").cast(pl.String))
    rows = tree.with_columns(_level=pl.col("level"), _up=pl.col("parent_code"), _name=pl.col("name"), _code=pl.col("code"))
    columns: dict[str, pl.Expr] = {}
    for level in ADMIN:
        columns[level] = pl.when(pl.col("_level") == level).then(pl.col("_name"))
        if level in CODE_OF:
            columns[CODE_OF[level]] = pl.when(pl.col("_level") == level).then(pl.col("_code"))
    rows = rows.with_columns(**columns)
    parents = tree.select(_up="code", _name="name", _level="level", _next="parent_code")
    for _ in ADMIN:
        rows = rows.drop("_level", "_name").join(parents, on="_up", how="left", maintain_order="left")
        for level in ADMIN:
            is_here = pl.col("_level") == level
            rows = rows.with_columns(pl.when(is_here & pl.col(level).is_null()).then("_name").otherwise(level).alias(level))
            if level in CODE_OF:
                code = CODE_OF[level]
                rows = rows.with_columns(pl.when(is_here & pl.col(code).is_null()).then("_up").otherwise(code).alias(code))
        rows = rows.with_columns(_up=pl.col("_next")).drop("_next")
    return pl.concat([empty, rows.select(name for name in REGISTER_COLUMNS if name in rows.columns)], how="diagonal")


def _marked_rows(rows: pl.DataFrame, grammar: Grammar) -> pl.DataFrame:
    """Comparison form per column, and the row's thoroughfare text with its names marked."""
    columns = ["province", "city", "district", "street", "community", "neighbourhood", "road", "estate",
               *(slot.column for slot in (*grammar.outer, *grammar.inner))]  # fmt: skip
    forms = {}
    for name in dict.fromkeys(columns):
        if rows[name].null_count() == rows.height:
            forms[name] = rows[name]
            continue
        raw = rows[name].cast(pl.Categorical)
        distinct = raw.unique().drop_nulls()
        clean = distinct.cast(pl.String).str.replace_all(r"[(（\[【][^)）\]】]*[)）\]】]?", "").str.replace(r"[.*。、\s]+$", "")
        mapping = pl.DataFrame({"code": distinct.to_physical(), "form": comparable(clean, grammar)})
        forms[name] = raw.to_physical().to_frame("code").join(mapping, on="code", how="left", maintain_order="left")["form"]
    frame = pl.DataFrame({f"c_{name}": form for name, form in forms.items()})
    parts: list[pl.Expr] = [_wrapped("c_road", "road")]
    for slot in grammar.outer:
        value = pl.col(f"c_{slot.column}")
        bare = value.str.contains(r"^[0-9A-Z-]+$")
        text = pl.when(bare).then(pl.format(slot.format, value)).otherwise(value)
        if slot.named:
            text = pl.when(value.str.contains(f"^{slot.pattern}$") | bare).then(text).otherwise(MARK["lane"] + value + END)
        parts.append(text)
    parts.append(_wrapped("c_estate", "estate"))
    for slot in grammar.inner:
        value = pl.col(f"c_{slot.column}")
        bare = value.str.contains(r"^[0-9A-Z]+$")
        parts.append(pl.when(bare).then(pl.format(slot.format, value)).otherwise(value))
    return frame.with_columns(marked=pl.concat_str([part.fill_null("") for part in parts]))


def _wrapped(column: str, kind: str) -> pl.Expr:
    return pl.lit(MARK[kind]) + pl.col(column) + pl.lit(END)


def _fill_upper(rows: pl.DataFrame) -> pl.DataFrame:
    """Province, city and district where a row leaves out what the dump's other rows of the same district or street say alike."""
    for below, above in (("city", ["province"]), ("district", ["province", "city"]), ("street", ["province", "city", "district"]),
                         ("community", ["province", "city", "district", "street"])):  # fmt: skip
        said = rows.filter(pl.col(below).is_not_null()).select(below, *above).unique()
        one = said.group_by(below).agg(pl.col(c).drop_nulls().unique().alias(c) for c in above)
        one = one.with_columns(pl.when(pl.col(c).list.len() == 1).then(pl.col(c).list.first()).alias(f"_{c}") for c in above)
        rows = (
            rows.join(one.select(below, *(f"_{c}" for c in above)), on=below, how="left", maintain_order="left")
            .with_columns(pl.coalesce(c, f"_{c}").alias(c) for c in above)
            .drop(f"_{c}" for c in above)
        )
    return rows


def read_snapshot(rows: pl.DataFrame, grammar: Grammar, *, every_text: bool = False) -> Snapshot:
    """Nodes, keys and names of one dump. `rows` as `register_frame` gives them (division rows may be among them).

    every_text: two different full texts are two places, even where their slots read alike (registers of full texts alone).
    """
    rows = _fill_upper(rows)
    # A column that holds road and number in one (老坑大道12号).
    both = pl.col("road").str.extract_groups(r"^(.*[^\d０-９])([\d０-９]+(?:[-之][\d０-９]+)*[号號])$")
    joined = pl.col("number").is_null() & both.struct.field("2").is_not_null()
    rows = rows.with_columns(
        road=pl.when(joined).then(both.struct.field("1")).otherwise("road"),
        number=pl.when(joined).then(both.struct.field("2")).otherwise("number"),
    )
    # Doors numbered by their village alone (南门村12号): the village's name stands where the road's does.
    alone = pl.col("road").is_null() & pl.col("estate").is_null() & pl.any_horizontal(pl.col("lane", "alley", "number").is_not_null())
    rows = rows.with_columns(road=pl.when(alone).then("community").otherwise("road"))
    # Doors numbered by their estate or hamlet alone (小区 石榴新村, 巷 三巷, 门牌 5号), which no row places on a road: likewise.
    on_roads = rows.filter(pl.col("road").is_not_null())["estate"].drop_nulls().unique()
    by_estate = pl.col("road").is_null() & pl.any_horizontal(pl.col("lane", "alley", "number").is_not_null())
    by_estate &= pl.col("estate").is_not_null() & ~pl.col("estate").is_in(on_roads.implode())
    rows = rows.with_columns(road=pl.when(by_estate).then("estate").otherwise("road"), estate=pl.when(~by_estate).then("estate"))
    forms = _marked_rows(rows, grammar)
    marked = rewrite(forms["marked"], grammar)
    distinct = marked.unique(maintain_order=True)
    slots = read_slots(distinct, grammar).with_columns(marked=distinct)
    slots = slots.with_columns(split_street_part(slots["street_part"], grammar).select("road", "lane", "alley"))
    inner = [slot.level for slot in grammar.inner]
    read = ["street_part", "number", "estate", *inner]
    whole = pl.concat_str([pl.col(name).fill_null("") for name in read])
    plain = pl.col("marked").str.replace_all(",", "", literal=True)
    slots = slots.with_columns(residue=pl.when(whole != plain).then(plain))
    frame = pl.concat([rows, forms.drop("marked")], how="horizontal").with_columns(marked=marked)
    frame = frame.rename({name: f"raw_{name}" for name in (*THOROUGHFARE, "section") if name in frame.columns})
    frame = frame.join(slots, on="marked", how="left", maintain_order="left").drop("marked")
    frame = _identities(frame, grammar)
    frame = _keep_apart(frame, grammar, "full_address" if every_text else "address_code")
    return _nodes_of(frame, grammar)


def _whole_road(road: pl.Expr) -> pl.Expr:
    """The marked road name without its section."""
    return road.str.extract(f"^([^{END}]+{END})", 1)


def _identities(frame: pl.DataFrame, grammar: Grammar) -> pl.DataFrame:
    """One identity column (`i_<level>`) per level, null where the row does not reach it; and `k_*`, the thoroughfare keys."""

    def text(name: str) -> pl.Expr:
        return pl.col(name).fill_null("")

    city = pl.concat_str(text("c_province"), pl.lit("/"), text("c_city"))
    district = city + "/" + text("c_district")
    community = district + "/" + text("c_community")
    frame = frame.with_columns(
        i_province=pl.when(pl.col("c_province").is_not_null()).then("P:" + pl.col("c_province")),
        i_city=pl.when(pl.col("c_city").is_not_null()).then("Y:" + city),
        i_district=pl.when(pl.col("c_district").is_not_null()).then("D:" + district),
        i_street=pl.when(pl.col("c_street").is_not_null()).then("S:" + district + "/" + text("c_street")),
        i_community=pl.when(pl.col("c_community").is_not_null()).then("C:" + community),
        i_neighbourhood=pl.when(pl.col("c_neighbourhood").is_not_null()).then(
            "N:" + community + "/" + pl.col("c_neighbourhood").str.strip_chars_start("0")
        ),
        i_road=pl.when(pl.col("road").is_not_null()).then("R:" + city + "|" + pl.col("road")),
        i_whole_road=pl.when(pl.col("road").is_not_null()).then("R:" + city + "|" + _whole_road(pl.col("road"))),
        i_lane=pl.when(pl.col("lane").is_not_null()).then("L:" + city + "|" + pl.col("lane")),
        i_alley=pl.when(pl.col("alley").is_not_null()).then("A:" + city + "|" + pl.col("alley")),
        _head=pl.concat_str(pl.col("street_part"), pl.col("number")),
    )
    # Two streets (towns) of one district may each have a 人民路 1号: such doors carry the street in their identity.
    for named in ("_head", "estate"):
        if frame["c_street"].n_unique() < 2 or frame[named].null_count() == frame.height:
            frame = frame.with_columns(pl.lit("").alias(f"_street_{named}"))
            continue
        several = (
            frame.filter(pl.col(named).is_not_null())
            .group_by("i_district", named)
            .agg(_many=(pl.col("c_street").n_unique() > 1) & (pl.col("c_street").null_count() == 0))
            .filter("_many")
        )
        frame = (
            frame.join(several, on=["i_district", named], how="left", maintain_order="left", nulls_equal=True)
            .with_columns(pl.when(pl.col("_many")).then("/" + text("c_street")).otherwise(pl.lit("")).alias(f"_street_{named}"))
            .drop("_many")
        )
    frame = frame.with_columns(
        i_number=pl.when(pl.col("number").is_not_null()).then("H:" + district + pl.col("_street__head") + "|" + pl.col("_head")),
        i_estate=pl.when(pl.col("estate").is_not_null()).then("E:" + district + pl.col("_street_estate") + "|" + pl.col("estate")),
    )
    head = pl.coalesce("i_estate", "i_number", "i_alley", "i_lane", "i_road", "i_community")
    chain: pl.Expr = pl.lit("")
    within = []
    for slot in grammar.inner:
        present = pl.col(slot.level).is_not_null()
        if slot.level == "room" and grammar.floor_from_room:
            # 501 says its floor: a register that writes the floor and one that does not mean the same room.
            without_floor = pl.concat_str([text(s.level) for s in grammar.inner if s.level not in ("floor", "room")])
            chain = without_floor + text("room")
        else:
            chain = chain + text(slot.level)
        within.append(pl.when(present).then(slot.level[0].upper() + "I:" + head + "|" + chain).alias(f"i_{slot.level}"))
    frame = frame.with_columns(within)
    # A rest that no slot takes (49號臨八樓) stays a place of its own below the deepest part that was read.
    deepest = pl.coalesce(*(f"i_{slot.level}" for slot in reversed(grammar.inner)), head, pl.lit(""))
    frame = frame.with_columns(
        i_room=pl.when(pl.col("residue").is_not_null() & (pl.col("residue") != ""))
        .then("X:" + deepest + "‖" + pl.col("residue"))
        .otherwise("i_room")
    )
    return frame.drop("_street__head", "_street_estate")


def _keep_apart(frame: pl.DataFrame, grammar: Grammar, by: str) -> pl.DataFrame:
    """Register entries that read alike but carry different codes (or texts) stay places of their own: the first keeps the slots, the others
    hang beside it under their code or text."""
    if frame[by].null_count() == frame.height:
        return frame
    leaf = pl.coalesce(*(f"i_{level}" for level in ("room", "floor", "unit", "building", "estate", "number") if f"i_{level}" in frame.columns), *(
        f"i_{level}" for level in ("alley", "lane", "road")), *(f"i_{level}" for level in reversed(ADMIN)))  # fmt: skip
    other = pl.col(by).is_not_null() & (pl.col(by) != pl.col(by).min().over("_leaf"))
    frame = frame.with_columns(_leaf=leaf)
    if "i_room" not in frame.columns or not frame.select(other.any()).item():
        return frame.drop("_leaf")
    return frame.with_columns(
        i_room=pl.when(other).then("X:" + pl.col("_leaf") + "‖" + pl.col(by)).otherwise("i_room"),
        residue=pl.when(other).then(pl.col(by)).otherwise("residue"),
    ).drop("_leaf")


def _display(grammar: Grammar, expression: pl.Expr) -> pl.Expr:
    """A canonical slot as people of the region write it."""
    cleaned = expression.str.replace_all(f"[{END}-\ue00f]", "")
    if grammar.script == "traditional":
        cleaned = cleaned.str.replace_many(list(_UNITS_TRADITIONAL), list(_UNITS_TRADITIONAL.values()))
        return cleaned.str.replace_all(r"(\d)-(\d)", "${1}之${2}").str.replace(r"^-(\d)", "之${1}")
    return cleaned


def _as_written(level: str) -> pl.Expr:
    """A slot's name: of a building the register's own word for it (A座, 3号楼), else the comparison form."""
    if level != "building":
        return pl.col(level)
    said = pl.col("raw_building").str.extract(r"^([0-9A-Za-z]{1,4}\p{Han}{1,2}?)(?:[0-9A-Za-z一二三四五六七八九十]|$)", 1)
    number = "^([0-9A-Z]+)"
    same = said.str.to_uppercase().str.extract(number, 1) == pl.col("building").str.extract(number, 1)
    return pl.when(same).then(said).otherwise("building")


def _nodes_of(frame: pl.DataFrame, grammar: Grammar) -> Snapshot:
    levels = [level for level in (*ADMIN, *THOROUGHFARE) if f"i_{level}" in frame.columns]
    order = [level for level in THOROUGHFARE if level in levels]
    frame = frame.with_columns(
        i_leaf=pl.coalesce(*(f"i_{level}" for level in reversed(order)), *(f"i_{level}" for level in reversed(ADMIN))),
        d_road=pl.concat_str(pl.col("raw_road").fill_null(""), pl.col("raw_section").fill_null("")),
        d_lane=pl.col("lane").str.strip_prefix(pl.col("road")),
        d_alley=pl.col("alley").str.strip_prefix(pl.coalesce("lane", "road")),
        d_number=pl.col("number"),
        d_estate=pl.col("raw_estate"),
        **{f"d_{slot.level}": _as_written(slot.level) for slot in grammar.inner},
        **{f"d_{level}": pl.col(level) for level in ADMIN},
        _lng=pl.col("lng").cast(pl.Float64, strict=False),
        _lat=pl.col("lat").cast(pl.Float64, strict=False),
    ).with_columns(d_neighbourhood=pl.col("d_neighbourhood").str.strip_chars_start("0"))
    if "residue" in frame.columns:
        frame = frame.with_columns(
            d_room=pl.when(pl.col("i_room").str.starts_with("X:"))
            .then(pl.col("residue").str.replace_all(f"[{END}-\ue00f]", ""))
            .otherwise("d_room")
        )
    names = _names_of(frame, grammar)
    former = frame.filter(pl.col("former_name").is_not_null()).select(identity="i_leaf", former="former_name")
    unread = int(frame["i_room"].str.starts_with("X:").sum() or 0)
    # From here on only what nodes and keys are made of is carried along: a city's dump is wide.
    kept = [name for name in frame.columns if name.startswith(("i_", "d_")) or name in (
        "full_address", "address_code", *CODE_OF.values(), "_lng", "_lat", "_head", "road", "lane", "alley", "estate", "raw_road",
        *(slot.level for slot in grammar.inner))]  # fmt: skip
    frame = frame.select(kept)
    numbered = frame.with_columns(_codes(frame, levels))
    numbered = numbered.with_columns(
        n_leaf=pl.coalesce(*(f"n_{level}" for level in reversed(order)), *(f"n_{level}" for level in reversed(ADMIN)))
    )
    del frame
    with ThreadPoolExecutor(min(2, pl.thread_pool_size())) as pool:
        tables = list(pool.map(lambda level: _level_table(numbered, level, order, grammar), levels))
    sectioned = numbered.select("n_whole_road", "n_road").filter(pl.col("n_whole_road") != pl.col("n_road")).unique()
    if sectioned.height:
        # 羅斯福路 as a whole, of which 羅斯福路三段 is a part: texts often leave the section out.
        whole = numbered.filter(pl.col("n_whole_road").is_in(sectioned["n_whole_road"].implode())).with_columns(
            i_road=pl.col("i_whole_road"),
            n_road=pl.col("n_whole_road"),
            d_road=pl.col("raw_road"),
        )
        table = _level_table(whole, "road", order, grammar)
        tables.append(table.join(tables[levels.index("road")], on="identity", how="anti"))
        wholes = table.select(_whole="identity", _code="code")
        parts = tables[levels.index("road")].with_columns(_whole=pl.col("identity").str.extract(f"^([^{END}]+{END})", 1))
        parts = parts.join(wholes, on="_whole", how="left", maintain_order="left")
        tables[levels.index("road")] = parts.with_columns(
            ref_parent=pl.when(pl.col("_code") != pl.col("code")).then("_code").otherwise("ref_parent")
        ).drop("_whole", "_code")
    nodes = pl.concat([table for table in tables if table.height], how="diagonal_relaxed").with_row_index("row")
    refs = ("parent", "district", "street", "community", "neighbourhood", "road", "lane", "number", "building")
    lookup = nodes.select(identity="identity", row="row")
    row_of = np.zeros(int(nodes["code"].max() or 0) + 1, dtype=np.uint32)  # type: ignore[arg-type]
    row_of[nodes["code"].to_numpy()] = nodes["row"].to_numpy()
    rows_of_codes = pl.Series(row_of)
    nodes = nodes.with_columns(rows_of_codes.gather(nodes[f"ref_{ref}"]).alias(ref) for ref in (*refs, "city", "province"))
    nodes = nodes.with_columns(name=pl.when(pl.col("level").is_in(["lane", "alley", "number", *(s.level for s in grammar.inner)])).then(
        _display(grammar, pl.col("name"))).otherwise("name"))  # fmt: skip
    nodes = _compose_paths(nodes, grammar)
    keys = _keys_of(numbered, grammar, pl.DataFrame({"code": nodes["code"], "row": nodes["row"]}))
    former = former.join(lookup, on="identity", how="inner").select(node="row", former=pl.col("former").str.split(";")).explode("former")
    former = former.with_columns(pl.col("former").str.strip_chars()).filter(pl.col("former") != "").unique().sort("node", "former")
    columns = ["identity", "level", "chain", "name", "path", *refs, "register_code", "lng", "lat", "own_text"]
    return Snapshot(nodes.select(columns), keys, names, former, unread)


def _codes(frame: pl.DataFrame, levels: list[str]) -> list[pl.Series]:
    """`n_<level>`: a number for each identity, different over all levels (a whole road and a road are one level), for cheap grouping."""
    series, offset = [], 0
    for name in levels:
        names = [name, "whole_road"] if name == "road" else [name]
        joined = pl.concat([frame[f"i_{n}"].rename("i") for n in names]).cast(pl.Categorical).to_physical().cast(pl.UInt32)
        for place, n in enumerate(names):
            series.append((joined.slice(place * frame.height, frame.height) + offset).alias(f"n_{n}"))
        offset += int(joined.max() or 0) + 1  # type: ignore[arg-type]
    return series


def _level_table(frame: pl.DataFrame, level: str, order: list[str], grammar: Grammar) -> pl.DataFrame:
    """The nodes of one level: what is uniform over their rows, and the row that is the node itself, if there is one."""
    is_admin = level in ADMIN
    wanted = [name for name in frame.columns if name.startswith(("n_", "d_")) or name in (
        "full_address", "address_code", *CODE_OF.values(), "_lng", "_lat", f"i_{level}")]  # fmt: skip
    rows = frame.lazy().select(wanted).filter(pl.col(f"i_{level}").is_not_null()).collect()
    if not rows.height:
        return pl.DataFrame()
    above = list(ADMIN[: ADMIN.index(level)]) if is_admin else [*ADMIN, *order[: order.index(level)]]
    if level == "estate":
        above = [name for name in above if name not in ("building", "unit", "floor", "room")]
    above = [name for name in above if rows[f"n_{name}"].null_count() < rows.height]

    def uniform(name: str) -> pl.Expr:
        same = pl.col(f"n_{name}").min() == pl.col(f"n_{name}").max()
        return pl.when(same & (pl.col(f"n_{name}").null_count() == 0)).then(pl.col(f"n_{name}").first()).alias(f"u_{name}")

    is_leaf = pl.col("n_leaf") == pl.col(f"n_{level}")
    own = CODE_OF.get(level)
    if not is_admin and level not in ("road", "lane", "alley"):
        # A door with a row of its own says itself where it lies, whatever its floors say.
        rows = rows.with_columns(_leaf=is_leaf).filter(pl.col("_leaf") | ~pl.col("_leaf").any().over(f"n_{level}"))
    table = rows.group_by(f"n_{level}").agg(
        pl.col(f"i_{level}").first().alias("identity"),
        pl.col(f"d_{level}").first().alias("name"),
        *(uniform(name) for name in above),
        *(pl.col(f"d_{name}").filter(pl.col(f"d_{name}").is_not_null()).first().alias(f"d_{name}") for name in above if name not in ADMIN),
        pl.col("full_address").filter(is_leaf).min().alias("own_path"),
        (pl.col(own).first() if own else pl.col("address_code").filter(is_leaf).min()).alias("register_code"),
        pl.col("_lng").filter(is_leaf).first().fill_null(pl.col("_lng").first()).alias("lng"),
        pl.col("_lat").filter(is_leaf).first().fill_null(pl.col("_lat").first()).alias("lat"),
    )
    if not is_admin and "u_neighbourhood" in table.columns:
        table = _majority_neighbourhood(table, rows, level)
    have = {f"u_{name}" for name in above}

    def ref(name: str) -> pl.Expr:
        return (pl.col(f"u_{name}") if f"u_{name}" in have else pl.lit(None, dtype=pl.UInt32)).alias(f"ref_{name}")

    if is_admin:
        parents = [f"u_{name}" for name in reversed(above)]
    elif level == "road":
        parents = [f"u_{name}" for name in ("city", "district") if f"u_{name}" in have]
    elif level in ("lane", "alley"):
        parents = [f"u_{name}" for name in ("lane", "road") if f"u_{name}" in have]
    elif level == "number":
        parents = [f"u_{name}" for name in ("alley", "lane", "road", "community") if f"u_{name}" in have]
    elif level == "estate":
        parents = [f"u_{name}" for name in ("number", "community", "street", "district") if f"u_{name}" in have]
    else:
        inner = [name for name in reversed(above) if name not in ADMIN]
        chain = [name for name in inner if name in ("building", "unit", "floor")] + [
            "estate",
            "number",
            "alley",
            "lane",
            "road",
            "community",
        ]
        parents = [f"u_{name}" for name in chain if f"u_{name}" in have]
    lane = pl.coalesce(*(f"u_{name}" for name in ("alley", "lane") if f"u_{name}" in have), pl.lit(None, dtype=pl.UInt32))
    chain_name = "administrative" if is_admin else "thoroughfare" if level in ("road", "lane", "alley") else "both"
    self_ref = {
        name: pl.col("code").alias(f"ref_{name}")
        for name in ("district", "street", "community", "neighbourhood", "road", "number", "building")
        if name == level
    }
    lane_ref = pl.col("code").alias("ref_lane") if level in ("lane", "alley") else lane.alias("ref_lane")
    refs = [self_ref.get(name, ref(name)) for name in ("district", "street", "community", "neighbourhood", "road", "number", "building")]
    shown = [pl.col("name").alias(f"d_{level}")] if not is_admin else []
    table = table.rename({f"n_{level}": "code"})
    return (
        table.with_columns(
            pl.lit(level).alias("level"),
            pl.lit(chain_name).alias("chain"),
            (pl.coalesce(*parents) if parents else pl.lit(None, dtype=pl.UInt32)).alias("ref_parent"),
            (pl.col("u_city") if "u_city" in have else pl.lit(None, dtype=pl.UInt32)).alias("ref_city"),
            (pl.col("u_province") if "u_province" in have else pl.lit(None, dtype=pl.UInt32)).alias("ref_province"),
            lane_ref,
            *refs,
            *shown,
        )
        .select(
            "code",
            "identity",
            "level",
            "chain",
            "name",
            "own_path",
            "register_code",
            "lng",
            "lat",
            "ref_parent",
            "ref_lane",
            "ref_city",
            "ref_province",
            *(f"ref_{name}" for name in ("district", "street", "community", "neighbourhood", "road", "number", "building")),
            *(name for name in (f"d_{n}" for n in (*order,)) if name in table.columns or name == f"d_{level}"),
        )
        .sort("identity")
    )


def _majority_neighbourhood(table: pl.DataFrame, rows: pl.DataFrame, level: str) -> pl.DataFrame:
    """A number whose floors lie in several neighbourhoods of one community is in that of most of them, if more than half agree."""
    mixed = table.filter(pl.col("u_neighbourhood").is_null() & pl.col("u_community").is_not_null()).select(f"n_{level}")
    if not mixed.height:
        return table
    counted = (
        rows.join(mixed, on=f"n_{level}", how="semi")
        .group_by(f"n_{level}", "n_neighbourhood").len()
        .with_columns(total=pl.col("len").sum().over(f"n_{level}"))
        .filter((pl.col("len") * 2 > pl.col("total")) & pl.col("n_neighbourhood").is_not_null())
        .select(f"n_{level}", _most="n_neighbourhood")
    )  # fmt: skip
    return (
        table.join(counted, on=f"n_{level}", how="left", maintain_order="left")
        .with_columns(u_neighbourhood=pl.coalesce("u_neighbourhood", "_most"))
        .drop("_most")
    )


def _compose_paths(nodes: pl.DataFrame, grammar: Grammar) -> pl.DataFrame:
    """`path`: the register's own full text where the node has a row of its own, else composed in the same order."""
    bare = nodes.filter(pl.col("own_path").is_null())
    of_street = bare["level"].is_in(["road", "lane", "alley"])
    texts: list[pl.Series] = []
    for level in ADMIN:
        own = bare["level"] == level
        text = pl.select(pl.when(own).then(bare["name"]).otherwise(nodes["name"].gather(bare[level]))).to_series().fill_null("")
        if level in ("street", "community", "neighbourhood"):
            # A road is no child of a community, even where all its doors lie in one.
            text = pl.select(pl.when(of_street).then(pl.lit("")).otherwise(text)).to_series()
        texts.append(text.alias(f"t_{level}"))
    shown = [f"d_{level}" for level in THOROUGHFARE if f"d_{level}" in bare.columns]
    slots = bare.select(
        (pl.col(name) if name in ("d_road", "d_estate") else _display(grammar, pl.col(name))).fill_null("").alias(name) for name in shown
    )
    if "d_road" in slots.columns:
        # A village that stands in the road's place is not named twice.
        slots = slots.with_columns(d_road=pl.when(pl.col("d_road") == texts[ADMIN.index("community")]).then(pl.lit("")).otherwise("d_road"))
    composed = pl.concat([pl.DataFrame(texts), slots], how="horizontal").select(pl.concat_str(pl.all())).to_series()
    path = nodes["own_path"].scatter((nodes["own_path"].is_null()).arg_true(), composed) if bare.height else nodes["own_path"]
    return nodes.with_columns(path=path, own_text=pl.col("own_path").is_not_null())


def _keys_of(frame: pl.DataFrame, grammar: Grammar, lookup: pl.DataFrame) -> pl.DataFrame:
    """Every text form under which a node of the thoroughfare chain may be named: by road and number, by estate, with parts left out."""
    plain = frame.filter(~pl.col("i_room").str.starts_with("X:").fill_null(False))
    tables = []
    for level in ("road", "lane", "alley"):
        tables.append(_key_rows(plain, level, pl.col(level), 0))
    tables.append(_key_rows(plain, "whole_road", _whole_road(pl.col("road")), 0))
    number, estate = pl.col("_head"), pl.col("estate")
    tables += [_key_rows(plain, "number", number, 0), _key_rows(plain, "estate", estate, 0)]
    no_section = None
    section = next((slot for slot in grammar.street_slots if slot.level == "road"), None)
    if section is not None:
        stripped = number.str.replace(f"{END}{section.expression}", END)
        no_section = pl.when(stripped != number).then(stripped)
        tables.append(_key_rows(plain, "number", no_section, 1))
    for slot in grammar.inner:
        for form, skipped in ((0, False), (1, True)):
            inner = inner_key(grammar, slot.level, skip_optional=skipped)
            if inner is None:
                continue
            present = pl.col(slot.level).is_not_null()
            tables.append(_key_rows(plain, slot.level, pl.when(present).then(number + inner), form))
            tables.append(_key_rows(plain, slot.level, pl.when(present).then(estate + inner), form))
    keys = pl.concat(tables).join(lookup, on="code", how="inner").select("key", "form", node="row")
    # A full form shuts out the shortened forms of other places under the same key.
    return keys.unique().filter(pl.col("form") == pl.col("form").min().over("key")).sort("key", "node")


def inner_key(grammar: Grammar, level: str, *, skip_optional: bool = False) -> pl.Expr | None:
    """The inner part of a key down to `level`, from columns named by the inner levels. None where nothing can be skipped."""
    parts = []
    skipped = False
    for slot in grammar.inner:
        if slot.level == "floor" and level == "room" and grammar.floor_from_room:
            continue
        if skip_optional and slot.optional_in_key and slot.level != level:
            skipped = True
            continue
        parts.append(pl.col(slot.level).fill_null(""))
        if slot.level == level:
            break
    if skip_optional and not skipped:
        return None
    return pl.concat_str(parts)


def _key_rows(frame: pl.DataFrame, level: str, key: pl.Expr, form: int) -> pl.DataFrame:
    return (
        frame.lazy()
        .select(code=pl.col(f"n_{level}"), key=key, form=pl.lit(form, dtype=pl.Int8))
        .filter(pl.col("code").is_not_null() & pl.col("key").is_not_null())
        .unique()
        .collect()
    )


def _names_of(frame: pl.DataFrame, grammar: Grammar) -> pl.DataFrame:
    """Names for the gazetteer, in comparison form."""
    tables = []
    kinds = {"c_province": "region", "c_city": "region", "c_district": "district", "c_street": "street", "c_community": "community",
             "c_road": "road", "c_estate": "estate"}  # fmt: skip
    for column, kind in kinds.items():
        names = frame[column].unique().drop_nulls()
        if kind == "road":
            # A village that numbers its doors is known as a village; see AddressBase.mark.
            names = names.filter(~names.is_in(frame["c_community"].drop_nulls().unique().implode()))
        tables.append(pl.DataFrame({"surface": names, "canonical": names}).with_columns(kind=pl.lit(kind), is_alias=pl.lit(False)))
    for slot in grammar.street_slots:
        if slot.named:
            names = frame[f"c_{slot.column}"].unique().drop_nulls()
            names = names.filter(~names.str.contains(f"^{slot.pattern}$") & ~names.str.contains("^[0-9A-Z-]+$"))
            tables.append(pl.DataFrame({"surface": names, "canonical": names}).with_columns(kind=pl.lit("lane"), is_alias=pl.lit(False)))
    return (
        pl.concat(tables, how="diagonal_relaxed")
        .select("surface", "kind", "canonical", "is_alias")
        .unique()
        .sort("kind", "surface", "canonical")
    )

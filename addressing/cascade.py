"""The resolver: distinct texts through a cascade of named stages, each taking only what the former left open.

Every stage is a set operation over all open texts; none loops over rows, and no text's answer depends on another text. What a stage finds
is written into `Work`; `report_of` turns it into the columns of RESOLUTION_SCHEMA.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pyarrow as pa

from .base import AddressBase
from .candidates import lies_elsewhere, settle_found, weigh
from .confusion import prepare_tables
from .correctable import confusions, correctable, estates_by_number, whereabouts
from .corrected import corrected_stage, estate_stage
from .divisions import find_divisions
from .fragments import fragment_stage, street_heads
from .grammar import ALIAS, END, MARK
from .register import inner_key
from .report import calibration, report_of
from .schema import RESOLUTION_SCHEMA
from .slots import read_slots
from .streets import number_order, stage_missing_number, stage_nearest_number, stage_number_unread, stage_other_district, stage_street
from .text import comparable, rewrite
from .textual import build_text_index, normal_form, rank
from .work import (
    DISTRICT_AGREES,
    HINTS,
    LEVEL,
    METHOD,
    NONE,
    OUTCOME,
    REASON,
    Work,
    division_mark,
    division_tree,
    index_of,
    level_codes,
    take,
)


def resolve(base: AddressBase, queries: pa.Table) -> pa.Table:
    """Link texts to the base. queries: `text`, optionally district, street, community (names), lng, lat (degrees, WGS 84 or the register's own).

    One row per query, same order; columns of RESOLUTION_SCHEMA. Equal queries get equal answers whatever stands beside them.
    """
    frame = query_frame(queries)
    all_distinct = frame.width == 1 and frame["text"].n_unique() == frame.height  # several times cheaper than making them distinct
    distinct = frame if all_distinct else frame.unique(maintain_order=True)
    report = _in_batches(base, distinct)
    if distinct.height < frame.height:
        place = frame.join(distinct.with_row_index("_place"), on=frame.columns, how="left", nulls_equal=True, maintain_order="left")[
            "_place"
        ]
        report = report.take(place.to_arrow())
    return report


_BATCH = 300_000


def _in_batches(base: AddressBase, distinct: pl.DataFrame) -> pa.Table:
    """All stages on batches in parallel (Polars lets go of the interpreter; one text operation alone uses one core)."""
    workers = pl.thread_pool_size()
    # Equal batches, the same number for every worker: the last one to finish sets the time.
    rounds = max(1, -(-distinct.height // (_BATCH * workers)))
    size = max(5_000, -(-distinct.height // (rounds * workers)))
    if distinct.height <= size:
        return _answers(base, distinct)
    prepare(base)
    parts = [distinct.slice(start, size) for start in range(0, distinct.height, size)]
    with ThreadPoolExecutor(workers) as pool:
        return pa.concat_tables(pool.map(lambda part: _answers(base, part), parts))


def prepare(base: AddressBase) -> None:
    """Build all that the resolver keeps beside the saved index, so that the first texts do not wait for it."""
    prepare_tables()
    for prepared in (base.key_index, base.gazetteer, base.numbers_communities, base.numbers, correctable(base), confusions(base), whereabouts(base), estates_by_number(base), division_tree(base),
                     level_codes(base), division_mark(base, "district"), division_mark(base, "community"), number_order(base), street_heads(base), calibration()):  # fmt: skip
        del prepared


def _answers(base: AddressBase, distinct: pl.DataFrame) -> pa.Table:
    return report_of(run(base, distinct)).to_arrow().cast(RESOLUTION_SCHEMA)


def query_frame(queries: pa.Table) -> pl.DataFrame:
    if "text" not in queries.column_names:
        raise ValueError(f"queries need a column `text`; there are: {', '.join(queries.column_names)}")
    frame = pl.DataFrame(pl.from_arrow(queries))
    columns = [pl.col("text").cast(pl.String).fill_null("")]
    for hint in HINTS:
        if hint in frame.columns and frame[hint].null_count() < frame.height:
            columns.append(pl.col(hint).cast(pl.Float64 if hint in ("lng", "lat") else pl.String, strict=False))
    return frame.select(columns)


def run(base: AddressBase, distinct: pl.DataFrame, *, trace: dict[str, pl.DataFrame] | None = None) -> Work:
    """All stages over distinct queries. The order is the cascade; each stage says how many texts it settled."""
    work = Work(base, distinct, trace=trace)
    for stage in STAGES:
        before = len(work.open)
        stage(work)
        work.stages.append((stage.__name__, before - len(work.open)))
    return work


def stage_read(work: Work) -> None:
    """Comparison form, names marked, slots read."""
    base = work.base
    text = comparable(work.queries["text"], base.grammar)
    marked = base.mark(text)
    work.marked = marked
    work.slots = read_slots(marked, base.grammar)


def stage_full_text(work: Work) -> None:
    """Of a register of full texts: the text equals a registered one."""
    base = work.base
    if not base.text_only:
        return
    own = own_texts(base)
    asked = pl.DataFrame({"row": np.arange(len(work.marked)), "form": normal_form(work.queries["text"], base.grammar)})
    found = asked.filter(pl.col("form") != "").join(own.unique("form", keep="none"), on="form", how="inner").sort("row")
    work.settle(found["row"].to_numpy(), found["node"].to_numpy(), "resolved", "exact", "full_text")


def own_texts(base: AddressBase) -> pl.DataFrame:
    """node, path, form: current places that have a text of their own in the register."""
    if "_own_texts" not in base.__dict__:
        core = base.core.with_row_index("node").filter((pl.col("status") == "current") & pl.col("own_text"))
        base.__dict__["_own_texts"] = core.select(pl.col("node").cast(pl.Int64), "path", form=normal_form(core["path"], base.grammar))
    return base.__dict__["_own_texts"]


def is_list_of_places(base: AddressBase) -> bool:
    """True of a text register most of whose entries are no addresses in slots but names and descriptions."""
    if "_is_list" not in base.__dict__:
        own = base.core.filter(pl.col("own_text"))
        base.__dict__["_is_list"] = base.text_only and own.height > 0 and float(own["identity"].str.starts_with("X:").mean() or 0) > 0.4  # type: ignore[arg-type]
    return base.__dict__["_is_list"]


# Likeness below which a ranked text is no answer at all (two texts share no more than a road's name), and none against a placed text. Both measured on
# pairs_dev: they change its share of right first ranks by less than 0.2 points.
_LIKE, _LIKELY = 0.15, 0.28


def stage_similar_text(work: Work) -> None:
    """Of a register of full texts: the likeliest one for what is still open. Never sure: outcome ambiguous, the score says how alike."""
    base = work.base
    if not base.text_only:
        return
    full_text = (work.outcome == OUTCOME["resolved"]) & (work.reason == REASON["full_text"])
    if is_list_of_places(base):
        rows = np.flatnonzero(~full_text)
    else:
        rows = np.flatnonzero((work.outcome != OUTCOME["resolved"]) & (work.reason == REASON["unknown_name"]))
    if not len(rows):
        return
    if "_text_index" not in base.__dict__:
        own = own_texts(base)
        base.__dict__["_text_index"] = build_text_index(own["node"], own["path"], base.grammar)
    ranked = rank(base.__dict__["_text_index"], work.queries["text"].gather(rows), base.grammar)
    # A street, door or community that the text names outweighs a text that is little like it.
    placed = np.isin(work.outcome, [OUTCOME[name] for name in ("resolved", "partial", "not_in_register")]) & np.isin(
        level_codes(base)[work.node], [LEVEL[name] for name in ("community", "road", "lane", "alley", "number", "building", "unit", "room")]
    )
    enough = pl.when(pl.Series(placed[rows]).gather(ranked["row"])).then(_LIKELY).otherwise(_LIKE)
    ranked = ranked.filter(pl.col("s").first().over("row") >= enough)
    first = ranked.filter(pl.col("rank") == 1)
    second = ranked.filter(pl.col("rank") == 2)
    at = rows[first["row"].to_numpy()]
    work.settle(at, first["node"].cast(pl.Int64).to_numpy(), "ambiguous", "correction", "similar_text")
    for array in (work.community, work.neighbourhood, work.runner_up, work.level):
        array[at] = NONE
    work.runner_up[rows[second["row"].to_numpy()]] = second["node"].cast(pl.Int64).to_numpy()
    work.similarity[at] = first["s"].clip(0, 1).to_numpy()
    work.similarity_next[rows[second["row"].to_numpy()]] = second["s"].clip(0, 1).to_numpy()


def stage_exact(work: Work) -> None:
    """The deepest registered place on the text's own road and number, or estate."""
    base, grammar, slots = work.base, work.base.grammar, work.slots
    levels = [slot.level for slot in grammar.inner]
    rows = np.flatnonzero(slots["shape"].is_in(["door", "estate"]).fill_null(False).to_numpy() & (work.outcome == NONE))
    if not len(rows):
        return
    part = slots[rows] if len(rows) < slots.height else slots
    head = part.select(pl.concat_str("street_part", "number")).to_series()
    named = np.full(len(rows), NONE, dtype=np.int8)  # place of the deepest inner level that the text names
    node = np.full(len(rows), NONE, dtype=np.int64)
    count = np.zeros(len(rows), dtype=np.int32)
    place = np.full(len(rows), NONE, dtype=np.int64)
    reached = np.full(len(rows), NONE, dtype=np.int8)
    for depth in reversed(range(len(levels))):
        has = part[levels[depth]].is_not_null()
        if not has.any():
            continue
        named = np.where((named == NONE) & has.to_numpy(), depth, named)
        for key_head in (head, part["estate"]):
            # Several estates may stand at one number: the estate that the text names leaves one of them.
            open_still = (node == NONE) | ((reached == depth) & (count > 1))
            wanted = np.flatnonzero(has.to_numpy() & open_still & key_head.is_not_null().to_numpy())
            if not len(wanted):
                continue
            key = part[wanted].select(key_head.gather(wanted).alias("_head") + inner_key(grammar, levels[depth])).to_series()
            found, many, at = base.key_index.find(key)
            hit = (found != NONE) & ((node[wanted] == NONE) | (many == 1))
            node[wanted[hit]], count[wanted[hit]], place[wanted[hit]] = found[hit], many[hit], at[hit]
            reached[wanted[hit]] = depth
    for key_head in (part["estate"], head):
        wanted = np.flatnonzero((node == NONE) & key_head.is_not_null().to_numpy())
        if len(wanted):
            found, many, at = base.key_index.find(key_head.gather(wanted))
            hit = found != NONE
            node[wanted[hit]], count[wanted[hit]], place[wanted[hit]] = found[hit], many[hit], at[hit]
    hit = node != NONE
    settle_found(work, rows[hit], node[hit], count[hit], place[hit], named[hit], reached[hit], reason=None)


def stage_short_name(work: Work) -> None:
    """An estate's short form before a building or room (翠湖3栋 for 翠湖花园): taken only where that building or room is registered."""
    base, grammar = work.base, work.base.grammar
    if not grammar.has_estates:
        return
    rows = work.open
    rows = rows[work.slots["shape"].gather(rows).is_null().to_numpy()]
    if not len(rows):
        return
    inner_slots = "|".join(slot.pattern for slot in grammar.inner)
    marked = work.marked.gather(rows)
    asked = pl.DataFrame({"row": rows, "marked": marked}).with_columns(
        chunk=pl.col("marked").str.extract(rf"([\p{{Han}}]{{2,10}}?(?:小区)?)(?:{inner_slots}|\d+-\d)", 1)
    ).drop_nulls()  # fmt: skip
    if not asked.height:
        return
    sizes = pl.concat_list([pl.when(pl.col("chunk").str.len_chars() >= n).then(pl.col("chunk").str.tail(n)) for n in range(2, 11)])
    pieces = asked.with_columns(piece=sizes).explode("piece").drop_nulls().with_columns(short=pl.col("piece").str.strip_suffix("小区"))
    # 盛柏新城 is another estate than 新城广场: what ends like an estate's type is a short name only where nothing stands before it.
    typed = pl.col("short").str.contains(f"(?:{'|'.join(grammar.estate_suffixes)})$")
    pieces = pieces.filter((pl.col("piece") == pl.col("chunk")) | ~typed)
    chosen = pieces.join(_short_names(base), on="short", how="inner").sort("row", pl.col("piece").str.len_chars(), descending=[False, True])
    chosen = chosen.unique("row", keep="first", maintain_order=True)
    if not chosen.height:
        return
    around = chosen.select(pl.col("marked").str.splitn(pl.col("piece"), 2), "mark").unnest("marked")
    inner = Work(base, work.queries[chosen["row"].to_numpy()])
    inner.marked = rewrite(around.select(pl.col("field_0") + ALIAS + pl.col("mark") + pl.col("field_1")).to_series(), grammar)
    inner.slots = read_slots(inner.marked, grammar)
    stage_exact(inner)
    taken = (inner.outcome == OUTCOME["resolved"]) & (inner.node != NONE)
    taken &= ~lies_elsewhere(inner, np.arange(len(inner.node)))
    take(work, inner, np.flatnonzero(taken), chosen["row"].to_numpy()[taken])


def _short_names(base: AddressBase) -> pl.DataFrame:
    """short, mark: an estate's name without its type word, or its first two characters with or without it, where only one estate of the base is so
    called and no other name is."""
    if "_short_names" not in base.__dict__:
        table = correctable(base).filter(pl.col("mark").str.starts_with(MARK["estate"])).select("name", "mark").unique()
        suffix = "|".join(sorted(base.grammar.estate_suffixes, key=len, reverse=True))
        kind = pl.col("name").str.extract(f"({suffix})$", 1)
        without = pl.col("name").str.replace(f"({suffix})$", "")
        shorts = pl.concat([
            table.select(without.alias("short"), "mark"), table.select((pl.col("name").str.slice(0, 2) + kind).alias("short"), "mark"),
            table.filter(pl.col("name").str.len_chars() >= 4).select(pl.col("name").str.slice(0, 2).alias("short"), "mark"),
        ]).filter(pl.col("short").str.len_chars() >= 2).drop_nulls().unique()  # fmt: skip
        known = base.names.select(short="surface")
        base.__dict__["_short_names"] = shorts.filter(pl.len().over("short") == 1).join(known, on="short", how="anti")
    return base.__dict__["_short_names"]


def stage_contradiction(work: Work) -> None:
    """A number or floor in the text that differs from the found place's own is a veto: what both share remains."""
    base, slots = work.base, work.slots
    if not base.grammar.has_estates:
        return
    core = base.core
    rows = np.flatnonzero((work.node != NONE) & slots["estate"].is_not_null().to_numpy() & slots["number"].is_not_null().to_numpy())
    if len(rows):
        own = core["number"].gather(work.node[rows])
        said, _, _ = base.key_index.find(slots[rows].select(pl.concat_str("street_part", "number")).to_series())
        differs = own.is_not_null().to_numpy() & (own.cast(pl.Int64).fill_null(NONE).to_numpy() != said)
        at = rows[differs]
        community = core["community"].gather(work.node[at]).cast(pl.Int64).fill_null(NONE).to_numpy()
        other = core["community"].gather(index_of(said[differs])).cast(pl.Int64).fill_null(NONE).to_numpy()
        shared = np.where((other == NONE) | (other == community), community, NONE)
        work.runner_up[at] = work.node[at]
        work.settle(at, shared, "ambiguous", None, "contradiction")
    rows = np.flatnonzero((work.node != NONE) & slots["floor"].is_not_null().to_numpy())
    if len(rows):
        level, parent = core["level"].gather(work.node[rows]), core["parent"].gather(work.node[rows])
        own_floor = core["name"].gather(parent).str.extract(r"^(B?\d+)", 1)
        said_floor = slots["floor"].gather(rows).str.extract(r"^(B?\d+)", 1)
        is_room = (level == "room") & (core["level"].gather(parent) == "floor")
        differs = (is_room & (own_floor != said_floor)).fill_null(False).to_numpy()
        at = rows[differs]
        building = pl.select(pl.coalesce(core["building"].gather(work.node[at]), core["number"].gather(work.node[at]))).to_series()
        work.runner_up[at] = work.node[at]
        work.settle(at, building.cast(pl.Int64).fill_null(NONE).to_numpy(), "ambiguous", None, "contradiction")


def stage_list(work: Work) -> None:
    """Lists and ranges of numbers (24、26號, 1–19號): the first member that is registered."""
    base, grammar = work.base, work.base.grammar
    rows = work.open
    if not len(rows):
        return
    separators = "".join(sorted({s for s in grammar.list_separators if len(s) == 1 and s != "-"}))
    expression = f"({grammar.street_expression})((?:临)?\\d[\\d号{separators}-]*)号"
    marked = work.marked.gather(rows)
    has = marked.str.contains(expression).fill_null(False)
    rows = rows[has.to_numpy()]
    if not len(rows):
        return
    groups = marked.filter(has).to_frame("t").select(pl.col("t").str.extract_groups(expression)).unnest("t")
    members = groups.select(
        row=pl.Series(np.arange(len(rows))), street=pl.col("1"), member=pl.col("2").str.extract_all(r"\d+(?:-\d+)?"),
        is_list=pl.col("2").str.contains(rf"[号{separators}]"),
    ).explode("member")  # fmt: skip
    # A hyphen is a range where the second number is the larger one of the same side (81-85號); else it is a sub-number (12-1號).
    low = members["member"].str.extract(r"^(\d+)-", 1).cast(pl.Int64, strict=False)
    high = members["member"].str.extract(r"-(\d+)$", 1).cast(pl.Int64, strict=False)
    is_range = ((high > low) & ((high - low) % 2 == 0) & (high - low <= 200)).fill_null(False)
    ends = members.filter(is_range).with_columns(member=low.filter(is_range).cast(pl.String))
    members = pl.concat([members.filter("is_list"), ends]).with_row_index("order").sort("row", "order").drop("order", "is_list")
    if not members.height:
        return
    key = members.select(pl.col("street") + pl.col("member") + "号").to_series()
    found, count, place = base.key_index.find(key)
    members = members.with_columns(node=pl.Series(found), count=pl.Series(count), place=pl.Series(place))
    _name_first_member(work, rows, members)
    first = members.filter(pl.col("node") != NONE).group_by("row", maintain_order=True).first()
    if not first.height:
        return
    at = first["row"].to_numpy()
    nothing = np.full(len(at), NONE, dtype=np.int8)
    settle_found(
        work, rows[at], first["node"].to_numpy(), first["count"].to_numpy(), first["place"].to_numpy(), nothing, nothing, reason="list"
    )


def _name_first_member(work: Work, rows: np.ndarray, members: pl.DataFrame) -> None:
    """Of a list none of whose members is registered the first counts as the text's number, so that the street and its neighbours answer."""
    missing = members.group_by("row", maintain_order=True).agg(pl.col("street", "member").first(), none=(pl.col("node") == NONE).all())
    missing = missing.filter(pl.col("none") & work.slots["number"].gather(rows[missing["row"].to_numpy()]).is_null())
    at = rows[missing["row"].to_numpy()]
    number = missing.select(pl.col("member") + "号").to_series()
    work.slots = work.slots.with_columns(
        street_part=work.slots["street_part"].scatter(at, missing["street"]), number=work.slots["number"].scatter(at, number)
    )


def stage_near(work: Work) -> None:
    """Near X is X's place, at its building or above: a relation word says that the matter is not in the room."""
    core = work.base.core
    rows = np.flatnonzero(np.isin(work.outcome, (OUTCOME["resolved"], OUTCOME["partial"])) & (work.node != NONE))
    if not len(rows):
        return
    near = work.marked.gather(rows).str.contains_any(list(work.base.grammar.near_words)).to_numpy()
    rows = rows[near]
    inside = core["level"].gather(work.node[rows]).is_in(["unit", "floor", "room"]).to_numpy()
    outer = pl.select(pl.coalesce(core["building"].gather(work.node[rows]), core["number"].gather(work.node[rows]))).to_series()
    lift = np.flatnonzero(inside & outer.is_not_null().to_numpy())
    work.node[rows[lift]] = outer.gather(lift).to_numpy()
    plain = work.level[rows] == NONE
    work.reason[rows[plain]] = REASON["near"]


def stage_elsewhere(work: Work) -> None:
    """A text that names a city or district which the register does not cover has no door here, whatever its road is called."""
    base = work.base
    if base.grammar.division("province") is None:
        return
    rows = np.flatnonzero((work.node != NONE) & ((work.evidence & 3) != DISTRICT_AGREES))
    if not len(rows):
        return
    marked = work.marked.gather(rows)
    own = marked.str.contains(f"[{MARK['district']}{MARK['street']}{MARK['community']}]")
    foreign = marked.str.contains(r"\p{Han}{2,}[省市县区旗州]")
    rows = rows[(foreign & ~own).fill_null(False).to_numpy()]
    if not len(rows):
        return
    found = find_divisions(work.queries["text"].gather(rows)).filter(pl.col("full") & (pl.col("level").is_between(1, 2)))
    text = work.queries["text"].gather(rows)
    names = pl.DataFrame({"row": found["row"], "name": text.gather(found["row"])}).with_columns(start=found["start"], end=found["end"])
    names = names.with_columns(
        name=comparable(names.select(pl.col("name").str.slice("start", pl.col("end") - pl.col("start"))).to_series(), base.grammar)
    )
    covered = comparable(base.core.filter(pl.col("level").is_in(["city", "district"]))["name"].unique(), base.grammar)
    away = rows[names.filter(~pl.col("name").is_in(covered.implode()))["row"].unique().sort().to_numpy()]
    if len(away) and len(covered):
        work.settle(away, np.full(len(away), NONE), "not_in_register", None, "elsewhere")
        for array in (work.community, work.neighbourhood, work.runner_up, work.level):
            array[away] = NONE


def stage_landmark(work: Work) -> None:
    """A landmark of the district's alias file: the place that the file says it is."""
    base = work.base
    rows = work.open
    table = base.alias_rows.filter(pl.col("kind") == "landmark").with_columns(pl.col("node").cast(pl.Int64))
    if not len(rows) or not table.height:
        return
    table = table.select("node", name=comparable(table["alias"], base.grammar)).unique("name", keep="none")
    named = pl.DataFrame({"row": rows, "name": work.marked.gather(rows).str.extract(f"{MARK['landmark']}([^{END}]+){END}", 1)})
    found = named.join(table, on="name", how="inner").sort("row")
    work.settle(found["row"].to_numpy(), found["node"].to_numpy(), "resolved", "alias", "alias")
    weigh(work, found["row"].to_numpy())


def stage_division(work: Work) -> None:
    """Texts without street or estate: the deepest division that the text or the hints name."""
    base = work.base
    rows = work.open
    if not len(rows):
        return
    marked = work.marked.gather(rows)
    names: dict[str, pl.Series] = {}
    from_hint = np.zeros(len(rows), dtype=bool)
    for level in ("district", "street", "community"):
        named = marked.str.extract(f"{MARK[level]}([^{END}]+){END}", 1)
        if level in work.queries.columns:
            hint = comparable(work.queries[level].gather(rows), base.grammar)
            from_hint |= (named.is_null() & hint.is_not_null()).to_numpy()
            named = pl.select(pl.coalesce(named, hint)).to_series()
        names[level] = named
    tree = division_tree(base)
    node = np.full(len(rows), NONE, dtype=np.int64)
    clash = np.zeros(len(rows), dtype=bool)
    for level in ("community", "street", "district"):
        wanted = np.flatnonzero((node == NONE) & names[level].is_not_null().to_numpy())
        if not len(wanted):
            continue
        asked = pl.DataFrame(
            {"at": wanted, "name": names[level].gather(wanted), "d": names["district"].gather(wanted), "s": names["street"].gather(wanted)}
        )
        found = asked.join(tree.filter(pl.col("level") == level), on="name", how="inner", suffix="_own")
        found = found.with_columns(
            fit=(pl.col("d") == pl.col("own_district")).fill_null(False).cast(pl.Int8) * 2
            + (pl.col("s") == pl.col("own_street")).fill_null(False).cast(pl.Int8)
        )
        best = (
            found.filter(pl.col("fit") == pl.col("fit").max().over("at"))
            .group_by("at", maintain_order=True)
            .agg(pl.col("node").first(), n=pl.len())
        )
        single = best.filter(pl.col("n") == 1)
        node[single["at"].to_numpy()] = single["node"].to_numpy()
        clash[best.filter(pl.col("n") > 1)["at"].to_numpy()] = True
    hit = node != NONE
    work.settle(rows[hit], node[hit], "partial", "exact", "names_no_more")
    hinted = rows[hit & from_hint]
    work.method[hinted], work.reason[hinted] = METHOD["hint"], REASON["hint_only"]
    street = rf"[\p{{Han}}](?:{'|'.join(base.grammar.road_suffixes)})(?:\d+段)?(?:\d+巷)?(?:\d+弄)?\d[\d-]*号"
    plain = np.flatnonzero(hit & ~from_hint & marked.str.contains("号", literal=True).to_numpy())
    unknown = rows[plain[marked.gather(plain).str.contains(street).to_numpy()]]
    work.outcome[unknown], work.reason[unknown] = OUTCOME["not_in_register"], REASON["street_missing"]
    ambiguous = rows[hit & clash]
    work.outcome[ambiguous], work.reason[ambiguous] = OUTCOME["ambiguous"], REASON["several"]
    weigh(work, rows[hit])


def stage_rest(work: Work) -> None:
    """What no stage could place."""
    rows = work.open
    if not len(rows):
        return
    looks = work.marked.gather(rows).str.contains(r"\d+(?:号|巷|弄|栋|室)|[路街]").fill_null(False).to_numpy()
    nothing = np.full(len(rows), NONE, dtype=np.int64)
    work.settle(rows, nothing, "no_address", None, "no_address")
    work.outcome[rows[looks]], work.reason[rows[looks]] = OUTCOME["not_in_register"], REASON["unknown_name"]


stage_corrected = corrected_stage((stage_exact, stage_list, stage_missing_number))
stage_estate_corrected = estate_stage((stage_exact,))
stage_fragment = fragment_stage((stage_exact, stage_list, stage_missing_number, stage_street, stage_number_unread))

# The cascade, in order.
STAGES: tuple[Callable[[Work], None], ...] = (
    stage_read, stage_full_text, stage_exact, stage_short_name, stage_list, stage_contradiction, stage_other_district, stage_missing_number,
    stage_corrected, stage_estate_corrected, stage_street, stage_number_unread, stage_fragment, stage_nearest_number, stage_landmark, stage_division, stage_rest, stage_near, stage_elsewhere, stage_similar_text,
)  # fmt: skip

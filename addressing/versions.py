"""Folding register dumps, oldest first, into one base: what was created, renamed, moved, split, merged, retired, and under which key.

A node is the same node as before where its register code is the same, else where its identity (canonical path) is the same. A key given out
once is never given to another place and never forgotten.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa

from . import keys as address_keys
from .base import AddressBase, empty_core
from .grammar import END, MARK, Grammar
from .register import Snapshot, division_rows, read_snapshot, register_frame
from .schema import REGISTER_COLUMNS
from .text import comparable

_REFS = ("parent", "district", "street", "community", "neighbourhood", "road", "lane", "number", "building")
# Where there are divisions and no register there is no date either.
NO_VERSION = dt.date(1900, 1, 1)


def build_base(
    registers: Sequence[tuple[dt.date, pa.Table]],
    grammar: Grammar,
    *,
    divisions: pa.Table | None = None,
    aliases: pa.Table | None = None,
    published_keys: pa.Table | None = None,
    previous: AddressBase | None = None,
) -> AddressBase:
    """Fold register dumps into one address base.

    registers: (date, table) of full dumps, columns of REGISTER_COLUMNS (any may be missing; `full_address` alone is enough). They are
    folded by date, oldest first; with `previous` they are folded on top of it. divisions: code, name, level, parent_code. aliases: name,
    alias, level, kind. published_keys: address_key, path, level, first_version; a place whose path is there keeps that key.
    Raises ValueError where a dump is older than what has been folded already.
    """
    base = previous or AddressBase(grammar=grammar)
    if published_keys is not None and published_keys.num_rows:
        table = pl.DataFrame(pl.from_arrow(published_keys)).select(
            pl.col("address_key", "path", "level").cast(pl.String), pl.col("first_version").cast(pl.Date)
        )
        known = pl.concat([base.published_rows, table]).unique("address_key", keep="first", maintain_order=True).sort("address_key")
        base = _with(base, published_rows=known)
    tree = division_rows(divisions)
    dumps = sorted(registers, key=lambda dump: dump[0]) or (
        [(NO_VERSION, pa.table({"full_address": pa.array([], pa.string())}))] if previous is None else []
    )
    for version, table in dumps:
        if base.version is not None and version < base.version:
            raise ValueError(f"register of {version} is older than the base's version {base.version}; fold all dumps anew, oldest first")
        frame = register_frame(table)
        frame, text_only = _with_parts_of_texts(frame, grammar, tree)
        rows = pl.concat([tree.select(REGISTER_COLUMNS), frame.select(REGISTER_COLUMNS)])
        base = fold(base, read_snapshot(rows, grammar, every_text=text_only), version)
        base.text_only = text_only
    return add_aliases(base, aliases)


_DOOR_COLUMNS = ("road", "estate", "lane", "number", "building", "unit", "floor", "room")


def _with_parts_of_texts(frame: pl.DataFrame, grammar: Grammar, tree: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """The dump's rows, those that have a full address and no column below the community read from that text; and whether all are so."""
    from .textual import columns_from_text

    bare = frame.select(
        pl.all_horizontal(pl.col(name).is_null() for name in _DOOR_COLUMNS) & pl.col("full_address").is_not_null()
    ).to_series()
    if not bare.any():
        return frame, False
    if bare.all():
        return columns_from_text(frame, grammar, tree), True
    read = columns_from_text(frame.filter(bare), grammar, tree)
    return pl.concat([frame.filter(~bare), read], how="vertical_relaxed"), False


def _with(base: AddressBase, **changes: object) -> AddressBase:
    """A copy with some tables exchanged; nothing prepared is carried over."""
    fields = {name: getattr(base, name) for name in AddressBase.__dataclass_fields__}
    return AddressBase(**{**fields, **changes})


def fold(base: AddressBase, snapshot: Snapshot, version: dt.date) -> AddressBase:
    """The base with one newer dump on top. Equal to folding all dumps from the start."""
    old = base.core
    new = snapshot.nodes.with_row_index("row").sort("identity").with_row_index("_sorted")
    node = _match(old, new)
    rows = new.with_columns(node=node)
    fresh = rows.filter(pl.col("node").is_null()).with_columns(node=pl.int_range(pl.len(), dtype=pl.UInt32) + old.height)
    rows = pl.concat([rows.filter(pl.col("node").is_not_null()), fresh]).sort("row")
    to_node = rows["node"]
    rows = rows.with_columns(to_node.gather(rows[ref]).alias(ref) for ref in _REFS)
    matched = rows.filter(pl.col("node") < old.height)
    added = rows.filter(pl.col("node") >= old.height).sort("node")
    added = _with_keys(added, base, version)
    core, events = _update(old, matched, version)
    core = pl.concat([core, added.select(empty_core().columns)])
    events.append(
        added.select(
            "node",
            version=pl.lit(version),
            event=pl.lit("created"),
            former_path=pl.lit(None, dtype=pl.String),
            successor=pl.lit(None, dtype=pl.UInt32),
            detail=pl.lit(None, dtype=pl.String),
        )
    )
    former = snapshot.former.with_columns(to_node.gather(snapshot.former["node"]).alias("node"))
    successions = _successions(old, core, former, version, base.grammar)
    keys, former_names = _fold_keys(base, snapshot, to_node, former, successions)
    from_former = former.select("node", alias="former").with_columns(kind=pl.lit("former"))
    renamed = pl.concat(events).filter(pl.col("event").is_in(["renamed"]) & pl.col("former_path").is_not_null())
    changed_paths = renamed.select("node", alias="former_path", kind=pl.lit("former"))
    heirs = successions.filter(pl.col("successor").is_not_null()).select(node="successor", alias="former_path", kind=pl.lit("former"))
    passport_rows = pl.concat([base.passport_rows, *events, successions], how="vertical_relaxed")
    names = _fold_names(base, snapshot, old, core, successions, former_names)
    return AddressBase(
        grammar=base.grammar,
        version=version,
        core=core,
        keys=keys,
        names=names,
        alias_rows=pl.concat([base.alias_rows, from_former, changed_paths, heirs], how="vertical_relaxed")
        .unique()
        .sort("node", "alias", "kind"),
        passport_rows=passport_rows.unique().sort("version", "node", "event", "successor"),
        published_rows=base.published_rows,
        text_only=base.text_only,
    )


# Forms of a key: 0 as the register writes it, 1 with a part left out, ALIAS_FORM by a former name or address, RETIRED_FORM of a place that is gone.
ALIAS_FORM, RETIRED_FORM = 2, 9


def _fold_keys(
    base: AddressBase, snapshot: Snapshot, to_node: pl.Series, former: pl.DataFrame, successions: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The dump's keys, then under which former addresses its places may still be named, then the keys of places that are gone. And the road
    and estate names that the former addresses bring."""
    current = snapshot.keys.with_columns(to_node.gather(snapshot.keys["node"]).alias("node")).select("key", "form", "node")
    said, names = keys_of_texts(former, base.grammar)
    alive = current.select("node").unique().with_columns(alive=pl.lit(True))
    earlier = base.keys.join(alive, on="node", how="left").with_columns(alive=pl.col("alive").fill_null(False))
    heir = successions.filter(pl.col("successor").is_not_null()).unique("node", keep="none").select("node", "successor")
    gone = earlier.filter(~pl.col("alive")).join(heir, on="node", how="left")
    gone = gone.select(
        "key", form=pl.when(pl.col("successor").is_not_null()).then(ALIAS_FORM).otherwise(RETIRED_FORM).cast(pl.Int8),
        node=pl.coalesce("successor", "node"),
    )  # fmt: skip
    changed = earlier.filter("alive").select("key", pl.lit(ALIAS_FORM, dtype=pl.Int8).alias("form"), "node")
    others = pl.concat([said, changed, gone]).join(current.select("key").unique(), on="key", how="anti").unique()
    others = others.filter(pl.col("form") == pl.col("form").min().over("key"))
    return pl.concat([current, others]).sort("key", "form", "node"), names


def keys_of_texts(former: pl.DataFrame, grammar: Grammar) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Former full addresses (node, former) as keys; and the names of their roads and estates for the gazetteer."""
    from .register import read_snapshot
    from .textual import columns_from_text

    keys = pl.DataFrame(schema={"key": pl.String, "form": pl.Int8, "node": pl.UInt32})
    names = pl.DataFrame(schema={"surface": pl.String, "kind": pl.String, "canonical": pl.String, "is_alias": pl.Boolean})
    texts = former.filter(pl.col("former").str.contains(r"\d|[一二三四五六七八九十]+[号號]"))
    if not texts.height:
        return keys, names
    frame = register_frame(pl.DataFrame({"full_address": texts["former"], "address_code": texts["node"].cast(pl.String)}))
    read = read_snapshot(columns_from_text(frame, grammar, frame.head(0)).with_columns(address_code=frame["address_code"]), grammar)
    leaf = read.nodes.with_row_index("row").filter(pl.col("register_code").is_not_null())
    found = read.keys.filter(pl.col("form") == 0).join(leaf.select(node="row", own="register_code"), on="node", how="inner")
    keys = found.select("key", pl.lit(ALIAS_FORM, dtype=pl.Int8).alias("form"), node=pl.col("own").cast(pl.UInt32))
    return keys.unique(), read.names.filter(pl.col("kind").is_in(["road", "estate", "lane"]))


def _fold_names(
    base: AddressBase, snapshot: Snapshot, old: pl.DataFrame, core: pl.DataFrame, successions: pl.DataFrame, former_names: pl.DataFrame
) -> pl.DataFrame:
    """The dump's names, the roads and estates of before (their keys still lead somewhere), and former names of divisions as aliases."""
    divisions = ["district", "street", "community"]
    kept = base.names.filter(~pl.col("kind").is_in(divisions) | pl.col("is_alias"))
    tables = [snapshot.names, kept, former_names]
    if old.height:
        now = core.head(old.height)
        renamed = pl.DataFrame({"level": old["level"], "was": old["name"], "is": now["name"]}).filter(
            pl.col("level").is_in(divisions) & (pl.col("was") != pl.col("is"))
        )
        heirs = successions.unique("node", keep="none").filter(pl.col("successor").is_not_null())
        merged = pl.DataFrame({
            "level": core["level"].gather(heirs["node"]), "was": core["name"].gather(heirs["node"]), "is": core["name"].gather(heirs["successor"])
        }).filter(pl.col("level").is_in(divisions))  # fmt: skip
        both = pl.concat([renamed, merged])
        if both.height:
            tables.append(pl.DataFrame({
                "surface": comparable(both["was"], base.grammar), "kind": both["level"], "canonical": comparable(both["is"], base.grammar)
            }).with_columns(is_alias=pl.lit(True)))  # fmt: skip
    return pl.concat(tables).unique().sort("kind", "surface", "canonical", "is_alias")


def _match(old: pl.DataFrame, new: pl.DataFrame) -> pl.Series:
    """Per new row its node in `old` (null: unknown so far): by register code and level, else by identity."""
    known = old.with_row_index("node").select("node", "identity", "register_code", "level")
    by_code = known.filter(pl.col("register_code").is_not_null()).unique(["register_code", "level"], keep="none")
    codes = (
        new.filter(pl.col("register_code").is_not_null())
        .unique(["register_code", "level"], keep="none")
        .select("row", "register_code", "level")
    )
    codes = codes.join(by_code.select("register_code", "level", by_code="node"), on=["register_code", "level"], how="inner")
    taken = codes.select(node="by_code")
    by_identity = new.select("row", "identity", "register_code").join(
        known.select("identity", "node", old_code="register_code"), on="identity", how="inner"
    )
    # The same path under another code is another place only if its old code lives on elsewhere in the dump.
    by_identity = (
        by_identity.join(codes.select("row"), on="row", how="anti").join(taken, on="node", how="anti").unique("node", keep="first")
    )
    matches = pl.concat([codes.select("row", node="by_code"), by_identity.select("row", "node")])
    return new.select("row").join(matches, on="row", how="left", maintain_order="left")["node"]


def _with_keys(added: pl.DataFrame, base: AddressBase, version: dt.date) -> pl.DataFrame:
    """Keys for new nodes: a published key of the same path and level, the register's code, or a minted one."""
    taken = pl.concat([base.core.select("address_key"), base.published_rows.select("address_key")]).unique()
    published = base.published_rows.join(base.core.select("address_key"), on="address_key", how="anti").unique(
        ["path", "level"], keep="first", maintain_order=True
    )
    frame = added.join(published.select("path", "level", published="address_key"), on=["path", "level"], how="left", maintain_order="left")
    first = pl.int_range(pl.len()).over("published") == 0
    frame = frame.with_columns(published=pl.when(first).then("published"))
    has_codes = frame["register_code"].null_count() < frame.height
    code_once = pl.col("register_code").is_not_null() & (pl.len().over("register_code") == 1) if has_codes else pl.lit(False)
    in_core = pl.col("register_code").is_in(base.core["address_key"].implode())
    code_free = ~in_core & code_once
    # A code that was given out as a key is that place's own, whatever its path was then: a dump that arrives late must not lose it, nor
    # take by its path the code of another place.
    code_given_out = code_free & pl.col("register_code").is_in(base.published_rows["address_key"].implode())
    codes_here = frame["register_code"].drop_nulls().implode()
    frame = frame.with_columns(minted=address_keys.mint(frame["identity"].to_list()))
    frame = frame.with_columns(
        address_key=pl.coalesce(
            pl.when(code_given_out).then("register_code"),
            pl.when(~pl.col("published").is_in(codes_here)).then("published"),
            pl.when(code_free).then("register_code"),
            "minted",
        )
    )
    for salt in range(1, 9):
        minted = frame["address_key"] == frame["minted"]
        clash = (
            minted
            & frame["published"].is_null()
            & (frame["address_key"].is_duplicated() | frame["address_key"].is_in(taken["address_key"].implode()))
        )
        if not clash.any():
            break
        again = address_keys.mint([f"{identity}#{salt}" for identity in frame.filter(clash)["identity"].to_list()])
        frame = frame.with_columns(frame["address_key"].scatter(clash.arg_true(), again))
    return frame.with_columns(valid_from=pl.lit(version), valid_to=pl.lit(None, dtype=pl.Date), status=pl.lit("current"))


def _update(old: pl.DataFrame, matched: pl.DataFrame, version: dt.date) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The old rows with the new dump's facts; and the events renamed, moved, restored, retired."""
    if not old.height:
        return old, []
    frame = old.with_row_index("node").join(
        matched.select("node", *(pl.col(c).alias(f"new_{c}") for c in matched.columns if c in old.columns)),
        on="node",
        how="left",
        maintain_order="left",
    )
    present = pl.col("new_identity").is_not_null()
    was_current = pl.col("status") == "current"
    moved = pl.any_horizontal(
        pl.col(ref).ne_missing(pl.col(f"new_{ref}")) & pl.col(f"new_{ref}").is_not_null() & pl.col(ref).is_not_null()
        for ref in ("district", "street", "community")
    )
    repathed = pl.col("path") != pl.col("new_path")
    event = (
        pl.when(~present & was_current).then(pl.lit("retired"))
        .when(present & ~was_current).then(pl.lit("restored"))
        .when(present & moved).then(pl.lit("moved"))
        .when(present & repathed).then(pl.lit("renamed"))
    )  # fmt: skip
    frame = frame.with_columns(event=event)
    events = frame.filter(pl.col("event").is_not_null()).select(
        "node", version=pl.lit(version), event="event", former_path="path", successor=pl.lit(None, dtype=pl.UInt32),
        detail=pl.lit(None, dtype=pl.String),
    )  # fmt: skip
    facts = [c for c in old.columns if c not in ("address_key", "valid_from", "valid_to", "status")]
    frame = frame.with_columns(
        *(pl.when(present).then(pl.col(f"new_{c}")).otherwise(pl.col(c)).alias(c) for c in facts),
        status=pl.when(present).then(pl.lit("current")).otherwise(pl.lit("retired")),
        valid_to=pl.when(present).then(pl.lit(None, dtype=pl.Date)).when(was_current).then(pl.lit(version)).otherwise("valid_to"),
    )
    return frame.select(old.columns), [events]


def _successions(old: pl.DataFrame, core: pl.DataFrame, former: pl.DataFrame, version: dt.date, grammar: Grammar) -> pl.DataFrame:
    """Where retired places went: by the former names that the new dump gives, and divisions by the doors that changed hands."""
    empty = pl.DataFrame(schema={"node": pl.UInt32, "version": pl.Date, "event": pl.String, "former_path": pl.String,
                                 "successor": pl.UInt32, "detail": pl.String})  # fmt: skip
    retired = core.with_row_index("node").filter((pl.col("status") == "retired") & (pl.col("valid_to") == version))
    if not retired.height:
        return empty
    links = [_by_doors(old, core, retired)]
    if former.height:
        said = former.with_columns(form=comparable(former["former"], grammar))
        own = retired.select(
            old="node", level="level", form=comparable(retired["path"], grammar), old_name=comparable(retired["name"], grammar)
        )
        by_path = said.join(own.select("old", "form"), on="form", how="inner").select("old", "node")
        by_name = (
            said.join(own.select("old", "level", form="old_name"), on="form", how="inner")
            .with_columns(
                core["level"]
                .gather(said.join(own.select("old", "level", form="old_name"), on="form", how="inner")["node"])
                .alias("new_level")
            )
            .filter(pl.col("level") == pl.col("new_level"))
            .select("old", "node")
        )
        links += [by_path, by_name]
    return _succession_events(links, retired, version)


def _by_doors(old: pl.DataFrame, core: pl.DataFrame, retired: pl.DataFrame) -> pl.DataFrame:
    """old, node: the divisions in which the doors of a retired division lie now, each with at least a twentieth of them."""
    now = core.head(old.height)
    pairs = []
    for level in ("district", "street", "community"):
        gone = retired.filter(pl.col("level") == level).select(old="node")
        moved = pl.DataFrame({"old": old[level], "node": now[level], "status": now["status"]})
        moved = moved.filter((pl.col("status") == "current") & pl.col("node").is_not_null()).join(gone, on="old", how="semi")
        counted = moved.group_by("old", "node").len().filter(pl.col("len") * 20 >= pl.col("len").sum().over("old"))
        pairs.append(counted.filter(pl.col("old") != pl.col("node")).select("old", "node"))
    return pl.concat(pairs)


def _succession_events(links: list[pl.DataFrame], retired: pl.DataFrame, version: dt.date) -> pl.DataFrame:
    pairs = pl.concat(links).unique().with_columns(heirs=pl.len().over("old"), ancestors=pl.len().over("node"))
    event = (
        pl.when(pl.col("heirs") > 1).then(pl.lit("split")).when(pl.col("ancestors") > 1).then(pl.lit("merged")).otherwise(pl.lit("renamed"))
    )
    return pairs.join(retired.select(old="node", former_path="path"), on="old", how="left").select(
        node="old",
        version=pl.lit(version),
        event=event,
        former_path="former_path",
        successor="node",
        detail=pl.lit("by the register's former names or by the doors"),
    )


_ALIAS_KIND = {"road": "road", "estate": "estate", "district": "district", "street": "street", "community": "community"}


def _name_form(core: pl.DataFrame, grammar: Grammar) -> pl.Series:
    """Comparison form of a node's name; of a road the name that texts carry (its identity's mark)."""
    marked = core["identity"].str.extract(f"[{MARK['road']}{MARK['estate']}]([^{END}]+){END}", 1)
    form = comparable(core["name"], grammar)
    return pl.select(pl.when(core["level"].is_in(["road", "estate"])).then(pl.coalesce(marked, form)).otherwise(form)).to_series()


def _abolished_districts(base: AddressBase) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Names of districts that were merged into one of the base's (崇文区 for 东城区 in Beijing), as names and as alias rows; none where the base has a
    district so called. A register that says nothing above its districts is taken at the name, where only one district of the country has it."""
    table = pl.read_csv(Path(__file__).parent / "data" / "successors.csv", comment_prefix="#", infer_schema=False)
    forms = table.with_columns(
        surface=comparable(table["former"], base.grammar), canonical=comparable(table["successor"], base.grammar),
        above=comparable(table["above"], base.grammar),
    )  # fmt: skip
    core = base.core.with_row_index("node").filter((pl.col("level") == "district") & (pl.col("status") == "current"))
    places = core.select("node", canonical=comparable(core["name"], base.grammar), path=comparable(core["path"], base.grammar))
    unsaid = (pl.col("path") == pl.col("canonical")) & (pl.col("only") == "yes")
    named = forms.join(places, on="canonical").filter(pl.col("path").str.contains(pl.col("above"), literal=True) | unsaid)
    named = named.filter(pl.col("canonical").n_unique().over("surface") == 1)
    named = named.join(base.names.select("surface").unique(), on="surface", how="anti")
    names = named.select("surface", kind=pl.lit("district"), canonical="canonical", is_alias=pl.lit(True))
    return names, named.select("node", alias="former", kind=pl.lit("former"))


def add_aliases(base: AddressBase, aliases: pa.Table | None) -> AddressBase:
    """The base with a district's alias file (name, alias, level, kind) and abolished districts' names on top of the register's own former names."""
    abolished, abolished_rows = _abolished_districts(base)
    surfaces = [base.names, abolished]
    rows = [base.alias_rows, abolished_rows]
    if aliases is not None and aliases.num_rows:
        table = pl.DataFrame(pl.from_arrow(aliases))
        table = (
            table.select(
                (pl.col(c).cast(pl.String) if c in table.columns else pl.lit(None, dtype=pl.String)).alias(c)
                for c in ("name", "alias", "level", "kind")
            )
            .rename({"kind": "alias_kind"})
            .filter(pl.col("name").is_not_null() & pl.col("alias").is_not_null())
        )
        table = table.with_columns(canonical=comparable(table["name"], base.grammar), surface=comparable(table["alias"], base.grammar))
        core = base.core.with_row_index("node").filter(pl.col("name").is_not_null() & pl.col("level").is_in(list(_ALIAS_KIND)))
        places = core.select("node", own_level="level", canonical=_name_form(core, base.grammar))
        named = table.join(places, on="canonical", how="inner").filter(
            pl.col("level").is_null() | ~pl.col("level").is_in(list(_ALIAS_KIND)) | (pl.col("level") == pl.col("own_level"))
        )
        kind = pl.col("own_level").replace_strict(_ALIAS_KIND, return_dtype=pl.String)
        surfaces.append(named.select("surface", kind=kind, canonical="canonical", is_alias=pl.lit(True)))
        rows.append(named.select("node", "alias", kind=pl.col("alias_kind").fill_null("short")))
        others = table.join(named.select("surface").unique(), on="surface", how="anti")
        if others.height:
            # A landmark's `name` is an address of the register (台北101: 信義路五段7號).
            from .cascade import resolve

            places = pl.DataFrame(pl.from_arrow(resolve(_with(base), pa.table({"text": others["name"].to_arrow()}))))
            keyed = others.with_columns(address_key=places["address_key"], outcome=places["outcome"]).join(
                base.core.with_row_index("node").select("node", "address_key"), on="address_key", how="inner"
            ).filter(pl.col("outcome").is_in(["resolved", "partial"]))  # fmt: skip
            surfaces.append(keyed.select("surface", kind=pl.lit("landmark"), canonical="surface", is_alias=pl.lit(True)))
            rows.append(keyed.select("node", "alias", kind=pl.lit("landmark")))
    names = pl.concat(surfaces).unique().sort("kind", "surface", "canonical", "is_alias")
    return _with(base, names=names, alias_rows=pl.concat(rows, how="vertical_relaxed").unique().sort("node", "alias", "kind"))

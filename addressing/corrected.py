"""The stages for misspelt names: which registered names may be meant, each read again in the text's place, and the rule by which one is taken.

Belongs here: where a misspelt name stands in a text, which candidates are tried, and what must speak for one. Not here: the damage itself
(confusion), the register's names (correctable), what the rest of the text then says (the stages handed in).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from .base import AddressBase
from .candidates import note_common
from .confusion import confusion_index, corrections
from .correctable import confusions, correctable, estates_by_number, whereabouts
from .grammar import END, MARK, Grammar
from .slots import read_slots
from .text import comparable, rewrite
from .work import COMMUNITY_AGREES, LEVEL, METHOD, NONE, OUTCOME, REASON, Work, division_tree, level_codes, take

Stage = Callable[[Work], None]

_NAME = r"[\p{Han}?□■〓\x{FFFD}*]"  # what a name with lost characters is made of
_MOST = 5  # candidates of one text that are tried; more say that the text leaves too much open
_MOST_NEAR = 20  # the same among those that lie in the street or community that the text names
_TIE = 0.4  # names whose costs differ by no more are told apart by the register's numbers, not by the cost
# Whether a candidate has places in what the text (or the hint) names: its community, its street; SILENT where it names neither, AWAY where not.
IN_COMMUNITY, IN_STREET, SILENT, AWAY = 2, 1, 0, -1
# How the rest of the text fits the register once the name is read as the candidate.
DOOR, NUMBER_MISSING, LANE_MISSING = 6.0, 4.0, 2.0


def corrected_stage(stages: Sequence[Stage]) -> Stage:
    """The stage; `stages` read the text again with the name corrected."""

    def stage_corrected(work: Work) -> None:
        """A misspelt road or estate before a number: the one registered name of the same district that one kind of damage explains, if the rest
        of the address then fits. Homophones and lost characters may lead to a missing number; other damage only to a registered door."""
        asked = unknown_names(work)
        if not asked.height:
            return
        named = candidates(work.base, asked, every=work.trace is not None)
        chosen = worth_trying(work.base, named)
        if work.trace is not None:
            work.trace["names"] = named
        if not chosen.height:
            return
        tried, inner = read_as(work, chosen, stages)
        won = winners(tried)
        if work.trace is not None:
            work.trace |= {"tried": tried, "won": won}
        source, target = won["at"].to_numpy(), won["row"].to_numpy()
        _leave_open(work, tried.filter(pl.col("fit") >= DOOR).join(won, on="row", how="anti"))
        take(work, inner, source, target)
        work.method[target] = METHOD["correction"]
        resolved = target[work.outcome[target] == OUTCOME["resolved"]]
        work.reason[resolved] = REASON["correction"]

    return stage_corrected


def _leave_open(work: Work, several: pl.DataFrame) -> None:
    """Texts for which several candidates fit alike: ambiguous, at what those share."""
    if not several.height:
        return
    rows = several["row"].unique().to_numpy()
    work.settle(rows, np.full(len(rows), NONE), "ambiguous", None, "several")
    note_common(work, several.filter(pl.col("fit") == pl.col("fit").max().over("row")).sort("row", "cost", "node").select("row", "node"))


def estate_stage(stages: Sequence[Stage]) -> Stage:
    """The stage; `stages` read the text again with the estate's name corrected."""

    def stage_estate_corrected(work: Work) -> None:
        """A misspelt estate between a registered number and a building: of the estates at that very number the one that a damage explains, if it
        has that building and room. Here one unexplained character is allowed, since number, building and room all speak for the estate."""
        asked = estates_beside_numbers(work)
        if not asked.height:
            return
        tried, inner = read_as(work, asked, stages)
        if work.trace is not None:
            work.trace["estates"] = tried
        # Deeper than the number, or the answer is no better than what stands.
        deeper = pl.Series(np.isin(level_codes(work.base)[inner.node], [LEVEL[name] for name in ("building", "unit", "floor", "room")]))
        won = winners(tried.filter(deeper.gather(tried["at"]) & (pl.col("fit") >= DOOR)))
        source, target = won["at"].to_numpy(), won["row"].to_numpy()
        take(work, inner, source, target)
        work.method[target], work.reason[target] = METHOD["correction"], REASON["correction"]

    return stage_estate_corrected


def estates_beside_numbers(work: Work) -> pl.DataFrame:
    """row, parent (the number's node), marked, piece, candidate, mark, kind, cost: texts that go on after their registered number with an unregistered
    name and a building, and the estates at that number that one damage explains, the cheapest of each text."""
    base, grammar = work.base, work.base.grammar
    schema = {"row": pl.Int64, "parent": pl.Int64, "marked": pl.String, "piece": pl.String, "candidate": pl.String, "mark": pl.String,
              "kind": pl.String, "cost": pl.Float32}  # fmt: skip
    if not grammar.has_estates:
        return pl.DataFrame(schema=schema)
    at_number = level_codes(base)[work.node] == LEVEL["number"]
    rows = np.flatnonzero(at_number & (work.outcome == OUTCOME["resolved"]) & work.slots["estate"].is_null().to_numpy())
    if not len(rows):
        return pl.DataFrame(schema=schema)
    inner = "|".join(slot.pattern for slot in grammar.inner)
    marked = work.marked.gather(rows)
    piece = marked.str.extract(f"{grammar.number_slot.expression},?({_NAME}{{2,12}})(?:{inner})", 1)
    asked = pl.DataFrame({"row": rows, "parent": work.node[rows], "marked": marked, "piece": piece}).drop_nulls()
    names = estates_by_number(base).join(asked.select("parent").unique(), on="parent", how="semi")
    if not names.height:
        return pl.DataFrame(schema=schema)
    found = corrections(asked.select("parent", name="piece").unique(), confusion_index(names), any_character=True)
    found = found.select("parent", "candidate", pl.col("kind").cast(pl.String), "cost", piece="unknown")
    found = found.filter(pl.col("cost") <= pl.col("cost").min().over("parent", "piece") + _TIE)
    chosen = asked.join(found, on=["parent", "piece"]).join(names.rename({"name": "candidate"}), on=["parent", "candidate"])
    return chosen.select(list(schema)).sort("row", "candidate", "mark")


def unknown_names(work: Work) -> pl.DataFrame:
    """row, chunk (the unmarked characters before a number, building or room), parent (the district's name), marked, said (marks of the divisions that
    the text or the hints name), of the open texts that name no registered road or estate."""
    base, grammar = work.base, work.base.grammar
    schema = {"row": pl.Int64, "chunk": pl.String, "parent": pl.String, "marked": pl.String, "said": pl.String}
    rows = work.open
    # A text whose road is registered names it rightly; only a text without any is looked at.
    rows = rows[work.slots["shape"].gather(rows).is_null().to_numpy()]
    rows = rows[work.marked.gather(rows).str.contains(rf"{_NAME}[0-9A-Z]").to_numpy()] if len(rows) else rows
    if not len(rows):
        return pl.DataFrame(schema=schema)
    slots = [slot.pattern for slot in (*grammar.outer, *grammar.inner)]
    marked = work.marked.gather(rows)
    chunk = marked.str.extract(f"({_NAME}{{2,12}})(?:{'|'.join(slots)})", 1)
    home = marked.str.extract(f"{MARK['district']}([^{END}]+){END}[^{MARK['district']}]*$", 1)
    if "district" in work.queries.columns:
        home = pl.select(pl.coalesce(home, comparable(work.queries["district"].gather(rows), grammar))).to_series()
    districts = division_tree(base).filter(pl.col("level") == "district")["name"].unique()
    if len(districts) <= 1:
        home = home.fill_null(districts[0] if len(districts) else "")
    said = marked
    for level in ("street", "community"):
        if level in work.queries.columns:
            hint = comparable(work.queries[level].gather(rows), grammar)
            said = pl.select(pl.concat_str(said, pl.lit(MARK[level]) + hint + END, ignore_nulls=True)).to_series()
    return pl.DataFrame({"row": rows, "chunk": chunk, "parent": home, "marked": marked, "said": said}).drop_nulls().select(list(schema))


def candidates(base: AddressBase, asked: pl.DataFrame, *, every: bool) -> pl.DataFrame:
    """The names of the district that a damage explains: row, chunk, parent, marked, said, piece (the part of the chunk that is replaced), candidate,
    mark, kind, cost, lies. every: all of them; else none that `worth_trying` drops by its cost alone."""
    pieces = asked.select("chunk", "parent").unique().with_columns(
        piece=pl.concat_list([
            pl.when(pl.col("chunk").str.len_chars() >= size).then(pl.col("chunk").str.tail(size)) for size in range(2, 9)
        ])
    ).explode("piece").drop_nulls()  # fmt: skip
    proposed = corrections(pieces.select("parent", name="piece").unique(), confusions(base))
    proposed = _lost_by_encoding(proposed, base.grammar).select(
        "parent", "candidate", "cost", pl.col("kind").cast(pl.String), piece="unknown"
    )
    proposed = pl.concat([proposed, _without_type(base, asked, pieces), _other_type(base, pieces)])
    shorter = -pl.col("piece").str.len_chars().cast(pl.Int32)
    # The same candidate by several pieces of one chunk: the cheapest, then the longest.
    best = pieces.join(proposed, on=["parent", "piece"]).sort("chunk", "parent", "candidate", "cost", shorter, "piece")
    best = best.unique(["chunk", "parent", "candidate"], keep="first", maintain_order=True)
    if not every:
        # Cost alone decides where no text with that chunk names a street or community.
        placed = asked.filter(_names_division()).select("chunk", "parent", placed=pl.lit(True)).unique()
        least = pl.when(pl.col("kind") != "bare").then("cost").min().over("chunk", "parent")
        kept = pl.col("placed").is_not_null() | (pl.col("kind") == "bare") | (pl.col("cost") <= least)
        best = best.join(placed, on=["chunk", "parent"], how="left", maintain_order="left").filter(kept).drop("placed")
    named = asked.join(best, on=["chunk", "parent"], how="inner").join(
        correctable(base).select("parent", candidate="name", mark="mark"), on=["parent", "candidate"], how="inner"
    )  # fmt: skip
    return _with_whereabouts(base, named).sort("row", "candidate", "mark", "piece")


def worth_trying(base: AddressBase, named: pl.DataFrame) -> pl.DataFrame:
    """Of each text's candidates those of the least cost; where the text names a street or community, those of the least cost that have places there."""
    # A name both misspelt and said to lie where it does not is two errors: no answer.
    found = named.filter(pl.col("lies") > AWAY)
    found = found.filter((pl.col("kind") != "bare") | (pl.col("lies") >= IN_STREET) | is_door(base.grammar))
    nearest = pl.col("lies").max().over("row")
    least = pl.col("cost") <= pl.col("cost").min().over("row", "lies") + pl.when(nearest >= IN_STREET).then(_TIE).otherwise(0.0)
    found = found.filter((pl.col("lies") >= IN_STREET) | (nearest < IN_STREET)).filter(least)
    most = pl.when(nearest >= IN_STREET).then(_MOST_NEAR).otherwise(_MOST)
    return found.filter(pl.col("candidate").n_unique().over("row") <= most)


def is_door(grammar: Grammar) -> pl.Expr:
    """Whether the text ends with the number or goes on inside the door. Where parks are called by a name and a number (東湖2號, in Taipei what nearly all
    of 83 such texts mean) the bare name of a road needs a building, floor or room after the number, or a street or community where that road is."""
    inner = "|".join(slot.pattern for slot in grammar.inner)
    goes_on = f"{inner}" if grammar.numbered_parks else f"{inner}|[^\\p{{Han}}]|$"
    return pl.col("marked").str.contains(f"{grammar.number_slot.expression},?(?:{goes_on})")


def _names_division() -> pl.Expr:
    return pl.col("said").str.contains(f"[{MARK['street']}{MARK['community']}]")


def _with_whereabouts(base: AddressBase, named: pl.DataFrame) -> pl.DataFrame:
    """`named` with `lies`."""
    silent = ~_names_division()
    if named.select(silent.all()).item():
        return named.with_columns(lies=pl.lit(SILENT))
    places = named.filter(~silent).select("row", "parent", "mark", "said").unique(["row", "parent", "mark"])
    places = places.join(whereabouts(base).select("parent", "mark", "place").drop_nulls(), on=["parent", "mark"])
    places = places.filter(pl.col("said").str.contains(pl.col("place"), literal=True))
    level = pl.when(pl.col("place").str.starts_with(MARK["community"])).then(IN_COMMUNITY).otherwise(IN_STREET)
    where = places.group_by("row", "parent", "mark").agg(where=level.max())
    known = whereabouts(base).drop_nulls("place").select("parent", "mark", known=pl.lit(True)).unique()
    joined = named.join(where, on=["row", "parent", "mark"], how="left").join(known, on=["parent", "mark"], how="left")
    silent = silent | pl.col("known").is_null()  # a road of which the register gives no community speaks neither for nor against
    return joined.with_columns(lies=pl.when(silent).then(SILENT).otherwise(pl.col("where").fill_null(AWAY))).drop("where", "known")


def read_as(work: Work, chosen: pl.DataFrame, stages: Sequence[Stage]) -> tuple[pl.DataFrame, Work]:
    """Each text read again with its piece replaced by the candidate's mark: `chosen` with at (place in the second reading), node, fit; the reading."""
    base = work.base
    around = chosen.select(pl.col("marked").str.splitn(pl.col("piece"), 2), "mark").unnest("marked")
    inner = Work(base, work.queries[chosen["row"].to_numpy()])
    inner.marked = rewrite(around.select(pl.col("field_0") + pl.col("mark") + pl.col("field_1")).to_series(), base.grammar)
    inner.slots = read_slots(inner.marked, base.grammar)
    for stage in stages:
        stage(inner)
    fit = np.where(
        inner.outcome == OUTCOME["resolved"], DOOR, np.where(inner.reason == REASON["lane_missing"], LANE_MISSING, NUMBER_MISSING)
    )
    fit = fit + ((inner.evidence & COMMUNITY_AGREES) > 0)
    lane = np.isin(level_codes(base)[inner.node], (LEVEL["lane"], LEVEL["alley"]))
    tried = chosen.with_columns(at=pl.int_range(pl.len()), node=pl.Series(inner.node), fit=pl.Series(fit), lane=pl.Series(lane))
    return tried.filter(pl.col("node") != NONE), inner


def winners(tried: pl.DataFrame) -> pl.DataFrame:
    """row, at: the candidate that fits a text best, where all that fit so well are one place."""
    sure = pl.col("kind").is_in(["unreadable", "homophone"])
    # A registered lane under the corrected road speaks for it as a registered number does, though it makes no door.
    lane = pl.col("lane") & (pl.col("fit") >= NUMBER_MISSING)
    won = tried.filter((pl.col("fit") >= DOOR) | sure | lane)
    won = won.filter(pl.col("fit") == pl.col("fit").max().over("row")).filter(pl.col("node").n_unique().over("row") == 1)
    return won.select("row", "at").unique("row", keep="first", maintain_order=True)


_PROPOSED = {"parent": pl.String, "candidate": pl.String, "cost": pl.Float32, "kind": pl.String, "piece": pl.String}
_ENCODING = {"traditional": "big5", "simplified": "gb2312"}


def _lost_by_encoding(proposed: pl.DataFrame, grammar: Grammar) -> pl.DataFrame:
    """Of names that tie for a placeholder the likelier is the one whose character, in the script's other way of writing it, is missing from the
    region's old encoding (?門街: 廈 is also written 厦, which Big5 lacks; 金 has no such form): its cost is lowered below the rivals'."""
    codec = _ENCODING.get(grammar.script)
    masked = proposed.filter(pl.col("kind").cast(pl.String) == "unreadable") if codec else proposed.head(0)
    if not masked.height or codec is None:
        return proposed
    characters = masked.select(pl.col("candidate").str.split("").list.explode()).to_series().unique().to_list()
    lossy = [c for c in characters if c and not _encodes(c, codec)]
    damaged = pl.col("candidate").str.extract_all(f"[{''.join(lossy)}]") if lossy else pl.lit([], dtype=pl.List(pl.String))
    # The character must be one that the text has lost, not one that it still shows.
    lost = damaged.list.set_difference(pl.col("unknown").str.split("")).list.len() > 0
    is_lost = (pl.col("kind").cast(pl.String) == "unreadable") & lost
    return proposed.with_columns(cost=pl.when(is_lost).then(pl.col("cost") - 0.5).otherwise("cost"))


def _encodes(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _without_type(base: AddressBase, asked: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
    """Roads whose type word the text leaves out: parent, candidate, cost, kind, piece. The bare name must be all that stands there, and the number be
    registered. Kind lost: before a section, lane or alley (罗斯福2段 for 罗斯福路2段). Kind bare: before a number alone (人民5号 for 人民路5号), where it
    must be the stem of one road or estate of the district only."""
    slots = "|".join(slot.pattern for slot in base.grammar.street_slots)
    number = base.grammar.number_slot.expression
    named = pl.col("marked").str.extract(rf"([\p{{Han}}]{{2,12}})(?:{slots})", 1) == pl.col("chunk")
    numbered = pl.col("marked").str.extract(rf"([\p{{Han}}]{{2,12}}){number}", 1) == pl.col("chunk")
    before_slot = pieces.join(asked.filter(named.fill_null(False)).select("chunk", "parent").unique(), on=["chunk", "parent"], how="semi")
    whole = asked.filter(numbered.fill_null(False) & ~named.fill_null(False)).select("parent", piece="chunk", named=pl.lit(False))
    stems = pl.concat([before_slot.select("parent", "piece", named=pl.lit(True)), whole]).unique()
    if not stems.height:
        return pl.DataFrame(schema=_PROPOSED)
    types = [*base.grammar.road_suffixes, *base.grammar.estate_suffixes]
    full = stems.with_columns(
        candidate=pl.concat_list([pl.col("piece") + word for word in types])
    ).explode("candidate").join(correctable(base).select("parent", "mark", candidate="name"), on=["parent", "candidate"])  # fmt: skip
    alone = pl.col("candidate").n_unique().over("parent", "piece") == 1
    roads = full.filter(pl.col("mark").str.starts_with(MARK["road"]) & (pl.col("named") | alone))
    kind = pl.when("named").then(pl.lit("lost")).otherwise(pl.lit("bare"))
    return roads.select("parent", "candidate", cost=pl.lit(2.0, dtype=pl.Float32), kind=kind, piece="piece").unique()


def _other_type(base: AddressBase, pieces: pl.DataFrame) -> pl.DataFrame:
    """Roads named with another type word (龙江街 for 龙江路), where the base has no road so called: parent, candidate, cost, kind, piece. Dearer
    than any damage within the name, and never sure: the number must be registered."""
    suffix = "|".join(sorted(base.grammar.road_suffixes, key=len, reverse=True))
    stem = pl.col("piece").str.extract(f"^([\\p{{Han}}]{{2,}}?)(?:{suffix})$", 1)
    named = pieces.select("parent", "piece", stem=stem).drop_nulls().unique()
    if not named.height:
        return pl.DataFrame(schema=_PROPOSED)
    named = named.filter(~pl.col("piece").is_in(base.names.filter(pl.col("kind") == "road")["surface"].implode()))
    full = named.with_columns(candidate=pl.concat_list([pl.col("stem") + other for other in base.grammar.road_suffixes])).explode(
        "candidate"
    )
    roads = correctable(base).filter(pl.col("mark").str.starts_with(MARK["road"])).select("parent", candidate="name").unique()
    cost = pl.lit(3.0, dtype=pl.Float32)
    return full.join(roads, on=["parent", "candidate"]).select("parent", "candidate", cost=cost, kind=pl.lit("suffix"), piece="piece")

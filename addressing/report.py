"""What was found for each text, as the columns of RESOLUTION_SCHEMA; and the score of a link, by the measured table of its class."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from .reasons import REASON_CODES, sentence
from .schema import LEVELS, METHODS, OUTCOMES
from .work import LOOSE_BEFORE, NONE, OUTCOME, REASON, Work, index_of, level_codes


def report_of(work: Work) -> pl.DataFrame:
    """The columns of RESOLUTION_SCHEMA."""
    core = work.base.core
    work.node = np.where((work.node == NONE) & (work.outcome == OUTCOME["ambiguous"]), work.shared, work.node)
    node = index_of(work.node)
    refs = {ref: core[ref].gather(node) for ref in ("district", "street", "community", "neighbourhood")}
    if work.bare.any():
        rows = np.flatnonzero(work.bare)
        for ref in ("community", "neighbourhood"):
            refs[ref] = refs[ref].scatter(rows, None)
    for ref, override in (("community", work.community), ("neighbourhood", work.neighbourhood)):
        rows = np.flatnonzero((override != NONE) & refs[ref].is_null().to_numpy())
        if len(rows):
            refs[ref] = refs[ref].scatter(rows, override[rows].astype(np.uint32))
    of_community = core["district"].gather(refs["community"])
    refs["district"] = pl.select(pl.coalesce(refs["district"], of_community)).to_series()
    node_level = level_codes(work.base)[work.node]
    level_code = np.where(work.level != NONE, work.level, node_level).astype(np.int64)
    own_level = pl.Series((*LEVELS, None)).gather(level_code)
    code = level_code * len(REASON_CODES) + work.reason
    sentences = [(sentence(reason, level, "en"), sentence(reason, level, "zh")) for level in (*LEVELS, None) for reason in REASON_CODES]
    score, margin = _scores(work, node_level)
    key, name = core["address_key"], core["name"]
    return pl.DataFrame(
        {
            "address_key": key.gather(node),
            "level": own_level,
            "outcome": pl.Series(OUTCOMES).gather(work.outcome),
            "method": pl.Series(METHODS).gather(index_of(work.method)),
            "matched_text": core["path"].gather(node),
            **{f"{ref}_key": key.gather(refs[ref]) for ref in ("district", "street", "community", "neighbourhood")},
            **{ref: name.gather(refs[ref]) for ref in ("district", "community", "neighbourhood")},
            "score": score,
            "margin": margin,
            "runner_up": key.gather(index_of(work.runner_up)),
            "reason_code": pl.Series(REASON_CODES).gather(work.reason),
            "reason": pl.Series([en for en, _ in sentences]).gather(code),
            "reason_zh": pl.Series([zh for _, zh in sentences]).gather(code),
        }
    )


def _scores(work: Work, node_level: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Score: the measured share of right links in the text's class (tables/calibration.csv). Margin: distance to the runner-up's score;
    the whole score where there is no runner-up, 0 where the outcome is ambiguous."""
    combined = ((node_level.astype(np.int64) * 64 + work.reason) * 8 + work.method + 1) * 64 + work.evidence
    classes = np.flatnonzero(np.bincount(combined)) if len(combined) else np.zeros(0, dtype=np.int64)
    table = calibration()
    values = []
    for code in classes.tolist():
        evidence, method, reason = code % 64, code // 64 % 8 - 1, code // 512 % 64
        level = code // 32768
        if level == len(LEVELS):
            values.append(0.0)
            continue
        key = (
            METHODS[method] if method >= 0 else "",
            REASON_CODES[reason],
            LEVELS[level],
            EVIDENCE_NAMES[evidence & 3],
            bool(evidence & LOOSE_BEFORE),
        )
        score: float = next((table[k] for k in _broader(key) if k in table), 0.5)
        # Too few were met to measure: a name that only ends like a registered one is never counted among the sure links.
        values.append(min(score, 0.9) if key[-1] else score)
    by_class = np.zeros(int(classes.max()) + 1 if len(classes) else 1)
    by_class[classes] = values
    scores = by_class[combined]
    ambiguous = work.outcome == OUTCOME["ambiguous"]
    margin = np.where(ambiguous, 0.0, scores)
    similar = work.reason == REASON["similar_text"]
    scores = np.where(similar, 0.9 * work.similarity, scores)
    margin = np.where(similar, np.maximum(0.9 * (work.similarity - work.similarity_next), 0.0), margin)
    return pl.Series(scores.round(4)), pl.Series(margin.round(4))


EVIDENCE_NAMES = ("agrees", "silent", "conflict", "conflict")


def _broader(key: tuple) -> list[tuple]:
    """The class itself, then ever broader ones: without the boundary, without the district, without the level, the reason alone."""
    method, reason, level, district, _loose = key
    return [
        key, (method, reason, level, district, "*"), (method, reason, level, "*", "*"), (method, reason, "*", "*", "*"), ("*", reason, "*", "*", "*"),
    ]  # fmt: skip


@lru_cache(maxsize=1)
def calibration() -> dict[tuple, float]:
    table = pl.read_csv(Path(__file__).parent / "tables" / "calibration.csv", comment_prefix="#", infer_schema=False)
    rows = table.with_columns(pl.col("score").cast(pl.Float64)).rows(named=True)
    loose = {"yes": True, "no": False, "*": "*"}
    return {(r["method"], r["reason"], r["level"], r["district"], loose[r["loose"]]): r["score"] for r in rows}

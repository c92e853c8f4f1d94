"""Rows whose values sit in the wrong columns: an unquoted delimiter shifted them while the field count still fits.

Belongs here: the rule `shifted_columns`. It needs no list of addresses or names: it looks at columns in which not every text can stand
(dates, numbers, codes, patterns, and columns that hold one shape of value throughout the delivery). Does not belong here: judging
single values (`clean`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

MOST_SHIFT = 3
"""A row may be shifted by so many columns."""

Test = Callable[[pl.Series], pl.Series]
"""Texts → booleans: whether each could stand in the column; null texts give null."""

_SHAPES: tuple[tuple[str, str], ...] = (
    ("date", r"^(?:19|20)\d{2}[-/.年]?(?:0?[1-9]|1[0-2])[-/.月]?(?:0?[1-9]|[12]\d|3[01])日?(?:\.0+)?$"),
    ("moment", r"^(?:19|20)\d{2}[-/.年]?\d{1,2}[-/.月]?\d{1,2}日?[ T]?\d{1,2}:?\d{2}(?::?\d{2})?.*$"),
    ("time of 6 digits", r"^(?:[01]\d|2[0-4])[0-5]\d[0-5]\d$"),
    ("time", r"^(?:[01]?\d|2[0-4]):?[0-5]\d(?::?[0-5]\d)?(?:\.0+)?$"),
    ("integer", r"^-?\d+(?:\.0+)?$"),
    ("decimal", r"^-?\d+\.\d+$"),
)
_SHARE = 0.97
_LEAST_ROWS = 20
_STRANGERS = 3
"""So few values of another column's kind in a column of free text are strangers, whatever their share."""


def shape_test(values: pl.Series) -> Test | None:
    """The test that nearly all values of a column pass, if they have one shape: date, moment, time of day, integer, decimal."""
    present = values.drop_nulls()
    if len(present) < _LEAST_ROWS:
        return None
    for _, pattern in _SHAPES:
        share = present.str.contains(pattern).mean()
        if isinstance(share, float) and share >= _SHARE:
            return lambda texts, pattern=pattern: texts.str.contains(pattern)  # type: ignore[misc]
    return None


def shifted_rows(columns: Sequence[pl.Series], tests: Sequence[Test | None], doomed: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Which rows are shifted, and the position of the column where that shows first (null elsewhere).

    `columns` are the source columns in file order (tidied, null = no value), `tests` what may stand in each (None: any text), `doomed`
    the rows that are refused anyway. A row is shifted where a value fails its column's test and
      - one shift by 1–3 columns to the left cures it and every tested column after it, and the value that would come back fits where
        it is now badly or is a stranger there; or
      - it is refused anyway and all its last tested columns (at least two) fail, so that what belongs there fell off the end.
    """
    height = len(columns[0]) if columns else 0
    never = pl.repeat(False, height, eager=True)
    nowhere = pl.repeat(None, height, dtype=pl.Int64, eager=True)
    tested = [place for place, test in enumerate(tests) if test is not None]
    if not tested or not height:
        return never, nowhere
    fits = {place: _apply(tests[place], columns[place]) for place in tested}
    fails = {place: (~fits[place]).fill_null(False) for place in tested}
    suspect = never
    for place in tested:
        suspect = suspect | fails[place]
    rows = suspect.arg_true()
    if not len(rows):
        return never, nowhere
    few = [column.gather(rows) for column in columns]
    few_fits = {place: fits[place].gather(rows) for place in tested}
    few_fails = {place: fails[place].gather(rows) for place in tested}
    at = pl.repeat(None, len(rows), dtype=pl.Int64, eager=True)
    for place in reversed(tested):
        at = pl.repeat(place, len(rows), dtype=pl.Int64, eager=True).zip_with(few_fails[place], at)
    found = pl.repeat(False, len(rows), eager=True)
    for shift in range(1, MOST_SHIFT + 1):
        found = found | _cured(columns, few, tests, tested, few_fails, at, shift)
    found = found | (_fell_off(tested, few_fits, few_fails, at) & doomed.gather(rows))
    shifted = never.scatter(rows.filter(found), True) if found.any() else never
    places = nowhere.scatter(rows.filter(found), at.filter(found)) if found.any() else nowhere
    return shifted, places


def _apply(test: Test | None, texts: pl.Series) -> pl.Series:
    if test is None:
        return pl.repeat(None, len(texts), dtype=pl.Boolean, eager=True)
    return test(texts).set(texts.is_null(), None)


def _cured(
    columns: Sequence[pl.Series],
    few: Sequence[pl.Series],
    tests: Sequence[Test | None],
    tested: Sequence[int],
    fails: dict[int, pl.Series],
    at: pl.Series,
    shift: int,
) -> pl.Series:
    """Rows in which every tested column from the first failing one on is right once values move `shift` columns to the left."""
    size = len(at)
    proofs = pl.repeat(0, size, dtype=pl.Int32, eager=True)
    against = pl.repeat(0, size, dtype=pl.Int32, eager=True)
    for place in tested:
        origin = place + shift
        if origin >= len(few):
            continue
        concerned = (at <= place).fill_null(False)
        would_fit = _apply(tests[place], few[origin])
        against = against + (concerned & (~would_fit).fill_null(False)).cast(pl.Int32)
        if tests[origin] is not None:
            strange = fails[origin]
        else:
            # In a column of free text every value fits; it proves something only where such values hardly ever stand there.
            usual = int(_apply(tests[place], columns[origin]).fill_null(False).sum() or 0)
            strange = pl.repeat(usual <= max(_STRANGERS, 0.05 * len(columns[origin])), size, eager=True)
        proofs = proofs + (concerned & would_fit.fill_null(False) & strange & fails[place]).cast(pl.Int32)
    # A shifted value can be a bad one by itself, so several proofs outweigh one that speaks against.
    return (proofs > 0) & (against * 3 <= proofs)


def _fell_off(tested: Sequence[int], fits: dict[int, pl.Series], fails: dict[int, pl.Series], at: pl.Series) -> pl.Series:
    size = len(at)
    failing = pl.repeat(0, size, dtype=pl.Int32, eager=True)
    fitting = pl.repeat(False, size, eager=True)
    for place in tested:
        later = (at <= place).fill_null(False)
        failing = failing + (later & fails[place]).cast(pl.Int32)
        fitting = fitting | (later & fits[place].fill_null(False))
    return (failing >= 2) & ~fitting

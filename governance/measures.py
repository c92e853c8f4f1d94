"""Measures: the registry in `measures.yaml` and the values it gives (measure × dimension × period).

Belongs here: reading the registry and computing it. Does not belong here: a formula; it is an entry in the registry.

All measures of one source, dimension and length of period are computed in one query, so that a further measure costs an aggregate and
no further reading. What is split by a dimension is given for the last 24 months and 3 years: every community in every month
of ten years is millions of values that nobody asks for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import sqlglot
from pydantic import Field, model_validator
from sqlglot import exp

import contracts
from contracts.load import read_yaml, validated
from contracts.model import Name, Strict
from contracts.schema import arrow_schema
from contracts.step import StepContext

REGISTRY = Path(__file__).with_name("measures.yaml")
PERIODS = ("month", "year", "total")
WHOLE = "all"
"""The dimension that splits nothing."""


class Source(Strict):
    """Rows that are measured: a table, which of its rows, their moment, and the columns by which they can be split."""

    table: str
    where: str | None = None
    time: str | None = None
    dimensions: dict[Name, str]

    def periods(self, dimension: str) -> tuple[str, ...]:
        """The lengths of period that are given for a dimension: what is split has no total over all time."""
        if not self.time:
            return ("total",)
        return PERIODS if dimension == WHOLE else ("month", "year")


class Measure(Strict):
    """One formula: an aggregate over the rows of its source, with its meaning in words."""

    source: str
    sql: str
    unit: str
    title: str
    title_zh: str
    definition: str
    definition_zh: str


class Registry(Strict):
    """All sources and measures."""

    sources: dict[Name, Source]
    measures: dict[Name, Measure] = Field(min_length=1)

    @model_validator(mode="after")
    def _sources_exist(self) -> Registry:
        for name, measure in self.measures.items():
            if measure.source not in self.sources:
                raise ValueError(f"measure {name}: no source {measure.source!r}; remedy: use one of {', '.join(self.sources)}")
        return self

    def of(self, source: str) -> dict[str, Measure]:
        """The measures of one source, by name."""
        return {name: measure for name, measure in self.measures.items() if measure.source == source}


@cache
def registry(path: Path = REGISTRY) -> Registry:
    """The registry; ContractError with line and remedy for a mistake in the file."""
    data, lines = read_yaml(path)
    return validated(Registry, data, lines, path, {})


def inputs() -> tuple[str, ...]:
    """The tables that the registry's measures read."""
    return tuple(sorted({source.table for source in registry().sources.values()}))


def origins() -> dict[str, tuple[str, ...]]:
    """The columns that each column of `subject.metric_value` comes from; those of one measure stand in `subject.metric`."""
    found = registry()
    values = {name for measure in found.measures.values() for name in lineage(found.sources[measure.source], measure)}
    columns = {name for name in values if name.count(".") == 2}
    # A measure that counts rows comes from the table's keys.
    keys = {f"{name}.{key}" for name in values - columns for key in contracts.tables()[name].keys}
    members = {f"{source.table}.{column}" for source in found.sources.values() for column in source.dimensions.values()}
    times = {f"{source.table}.{source.time}" for source in found.sources.values() if source.time}
    given = {"value": columns | keys, "member": members, "period": times}
    return {column.name: tuple(sorted(given.get(column.name, ()))) for column in contracts.tables()["subject.metric_value"].columns}


def metrics(_inputs: Mapping[str, pa.Table], _context: StepContext) -> pa.Table:
    """`subject.metric`: every measure with dimension and period, its words, its SQL and the columns it comes from."""
    rows = [
        {
            "measure": name,
            "dimension": dimension,
            "period_kind": period,
            "title": measure.title,
            "title_zh": measure.title_zh,
            "definition": measure.definition,
            "definition_zh": measure.definition_zh,
            "unit": measure.unit,
            "sql": _query(source, dimension, period, {name: measure}),
            "lineage": origin,
        }
        for name, measure in registry().measures.items()
        for source in [registry().sources[measure.source]]
        for origin in [", ".join(lineage(source, measure))]
        for dimension in (WHOLE, *source.dimensions)
        for period in source.periods(dimension)
    ]
    rows.sort(key=lambda row: (row["measure"], row["dimension"], row["period_kind"]))
    return pa.Table.from_pylist(rows, schema=arrow_schema(contracts.tables()["subject.metric"].columns))


def metric_values(inputs: Mapping[str, pa.Table], context: StepContext) -> pa.Table:
    """`subject.metric_value`: the value of each measure for each member of each dimension and each period; a value without basis is left out.

    The period of a total is the as-of day.
    """
    schema = arrow_schema(contracts.tables()["subject.metric_value"].columns)
    as_of = context.as_of.date()
    made = [frame.cast({"value": pl.Decimal(18, 4)}).with_columns(pl.col("period").fill_null(as_of)) for frame in _frames(inputs, as_of)]
    empty = pl.DataFrame(pl.from_arrow(schema.empty_table()))
    values = pl.concat([empty, *(frame.select(empty.columns) for frame in made)], how="vertical_relaxed")
    return values.sort("measure", "dimension", "member", "period_kind", "period").to_arrow().cast(schema)


def _frames(inputs: Mapping[str, pa.Table], as_of: dt.date) -> Iterator[pl.DataFrame]:
    with duckdb.connect() as connection:
        for name, source in registry().sources.items():
            measures = registry().of(name)
            # A table of DuckDB's own is read by all threads; an Arrow table of few pieces by one.
            connection.register("given", inputs[source.table].select(_columns(source, measures)))
            connection.execute("CREATE OR REPLACE TABLE rows AS SELECT * FROM given")
            connection.unregister("given")
            for dimension in (WHOLE, *source.dimensions):
                for period in source.periods(dimension):
                    since = None if dimension == WHOLE else _since(period, as_of)
                    found = connection.sql(_query(source, dimension, period, measures, "rows", since)).to_arrow_table()
                    yield (
                        pl.DataFrame(pl.from_arrow(found))
                        .unpivot(list(measures), index=["member", "period"], variable_name="measure", value_name="value")
                        .drop_nulls("value")
                        .with_columns(pl.lit(dimension).alias("dimension"), pl.lit(period).alias("period_kind"))
                    )


def _columns(source: Source, measures: Mapping[str, Measure]) -> list[str]:
    """The source's columns that its measures and dimensions use."""
    used = {name.rpartition(".")[2] for measure in measures.values() for name in lineage(source, measure) if name != source.table}
    return sorted(used | set(source.dimensions.values()) | ({source.time} if source.time else set()))


def _since(period: str, as_of: dt.date) -> dt.date | None:
    """The first day for which split measures are given."""
    if period == "month":
        return as_of.replace(year=as_of.year - 2, day=1)
    return dt.date(as_of.year - 2, 1, 1) if period == "year" else None


def _query(
    source: Source, dimension: str, period: str, measures: Mapping[str, Measure], relation: str | None = None, since: dt.date | None = None
) -> str:
    """One query for the measures given. Rows without the moment or the dimension's column belong to no period or member."""
    member = source.dimensions.get(dimension)
    start = "NULL" if period == "total" else f"DATE_TRUNC('{period}', {source.time})"
    kept = [part for part in (source.where, member and f"{member} IS NOT NULL", source.time and f"{source.time} IS NOT NULL") if part]
    kept += [f"{source.time} >= DATE '{since}'"] if since else []
    shown = [f"{member or repr('-')} AS member", f"CAST({start} AS DATE) AS period"]
    shown += [f"CAST({_guarded(measure.sql)} AS DECIMAL(18, 4)) AS {name}" for name, measure in measures.items()]
    where = f" WHERE {' AND '.join(kept)}" if kept else ""
    grouped = [part for part in (member, period != "total" and start) if part]
    having = f" GROUP BY {', '.join(grouped)}" if grouped else " HAVING COUNT(*) > 0"
    return f"SELECT {', '.join(shown)} FROM {relation or source.table}{where}{having}"


@cache
def _guarded(sql: str) -> str:
    """The formula with NULL in place of every divisor that is zero: a share of nothing has no basis, hence no value."""
    guarded = sqlglot.parse_one(sql, read="duckdb").transform(
        lambda node: (
            exp.Div(
                this=node.this,
                expression=exp.func("NULLIF", node.expression, exp.Literal.number(0)),
                typed=node.args.get("typed"),
                safe=node.args.get("safe"),
            )
            if isinstance(node, exp.Div)
            else node
        )
    )
    return guarded.sql("duckdb")


def lineage(source: Source, measure: Measure) -> list[str]:
    """The columns that a measure comes from, `theme.table.column`."""
    expressions = [sqlglot.parse_one(part, read="duckdb") for part in (measure.sql, source.where, source.time) if part]
    names = {column.name for expression in expressions for column in expression.find_all(exp.Column)}
    return sorted(f"{source.table}.{name}" for name in names) or [source.table]

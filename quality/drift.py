"""What a delivery's content says that contract and former deliveries don't: new codes, values of another type, renamed columns, other distributions.

Belongs here: finding these in raw and cleaned rows. Not here: headers that come, go or move (`sources.drift`), what a policy makes of it (the caller). Messages
name columns, counts and rows, never a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl
import pyarrow as pa

from contracts.delivery import Problem
from contracts.district import FeedMapping
from contracts.header import told_header
from contracts.model import Feed
from quality.clean import Cleaned, fitting_share

CODES_NEW, TYPE_CHANGED, RENAMED_MAYBE, DISTRIBUTION = "codes_new", "type_changed", "column_renamed_maybe", "distribution_changed"
MANY = "values_broken"
KINDS = (CODES_NEW, TYPE_CHANGED, RENAMED_MAYBE, DISTRIBUTION)

ANOTHER_TYPE = 0.5
"""A column of which a larger share of values does not parse has changed its type; fewer are single mistakes."""
MANY_BROKEN = 0.2
"""A rule that a larger share of a column's values breaks says that the column holds something else, as where two columns are exchanged."""
_LEAST_VALUES = 5
_LOOKS_LIKE = 0.95

COUNTS_SCHEMA = pa.schema(
    [
        ("delivery", pa.string()),
        ("feed", pa.string()),
        ("day", pa.date32()),
        ("field", pa.string()),
        ("code", pa.string()),
        ("rows", pa.int64()),
    ]
)
"""Rows by code of each watched column and delivery; `code` is null where the column is empty."""

DISTRIBUTION_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("day", pa.date32()),
        ("field", pa.string()),
        ("rows", pa.int64()),
        ("former_days", pa.int64()),
        ("former_rows", pa.int64()),
        ("psi", pa.float64()),
        ("most", pa.float64()),
    ]
)
"""How far each day's distribution of a watched column lies from that of the days before: the index `psi`, and the `most` that is usual."""

TRAILING_DAYS = 8
_LEAST_ROWS = 100
_LEAST_DAYS = 2
_NOTABLE = 0.25


def content_problems(raw: pa.Table, cleaned: Cleaned, contract: Feed, mapping: FeedMapping, delivery: str) -> list[Problem]:
    """New codes, changed types, columns full of broken values and columns that look renamed in one delivery, as problems for its certificate."""
    severity = "error" if mapping.drift == "stop" else "warn"
    broken = _broken(cleaned)
    found: list[Problem] = []
    for column in contract.columns:
        for rule, (rows, first) in sorted(broken.get(column.name, {}).items()):
            if rule == "code":
                found.append(
                    Problem(
                        kind=CODES_NEW,
                        severity=severity,  # type: ignore[arg-type]
                        message=f"{delivery}: {column.name} holds codes that are not in its list in {rows} rows, first in row {first}",
                        message_zh=f"{delivery}：{column.title_zh}（{column.name}）有 {rows} 行的代码不在代码表中，首见于第 {first} 行",
                        remedy=f"add them under feeds.{contract.name}.codes.{column.name} in district.yaml, or have the source corrected",
                        remedy_zh=f"请在 district.yaml 的 feeds.{contract.name}.codes.{column.name} 中登记，或请来源单位更正",
                        row=first,
                        field=column.name,
                        count=rows,
                    )
                )
            values = rows + cleaned.accepted.num_rows - cleaned.accepted[column.name].null_count
            if rule == "type" and rows >= _LEAST_VALUES and rows > ANOTHER_TYPE * values:
                found.append(
                    Problem(
                        kind=TYPE_CHANGED,
                        severity=severity,  # type: ignore[arg-type]
                        message=f"{delivery}: {column.name} is not {column.type} in {rows} of {values} rows: the column changed its type",
                        message_zh=f"{delivery}：{column.title_zh}（{column.name}）{values} 行中有 {rows} 行不是 {column.type}：该列类型已变",
                        remedy="have the export corrected, or name the right header in district.yaml",
                        remedy_zh="请更正导出格式，或在 district.yaml 中登记正确的表头",
                        row=first,
                        field=column.name,
                        count=rows,
                    )
                )
            elif rule not in ("code", "required", "type") and rows >= _LEAST_VALUES and rows > MANY_BROKEN * values:
                found.append(
                    Problem(
                        kind=MANY,
                        message=f"{delivery}: {column.name} breaks the rule {rule} in {rows} of {values} rows, whose values are not used",
                        message_zh=f"{delivery}：{column.title_zh}（{column.name}）{values} 行中有 {rows} 行不符合规则 {rule}，这些值未被采用",
                        remedy="see whether columns were exchanged in the export or another header brings this column",
                        remedy_zh="请核对导出时列是否对调，或该列是否来自另一表头",
                        row=first,
                        field=column.name,
                        count=rows,
                    )
                )
    return found + list(_renamed(raw, contract, mapping, delivery))


def _broken(cleaned: Cleaned) -> dict[str, dict[str, tuple[int, int]]]:
    """By field and rule, how many rows broke it (refused or emptied) and the first of them."""
    notes = pl.DataFrame(cleaned.notes).filter(pl.col("field").is_not_null()).select("field", "rule", "rows", "first_row")
    labels = (
        pl.DataFrame(cleaned.refused.select(["source_row", "rules"]))
        .with_columns(pl.col("rules").str.split(";"))
        .explode("rules")
        .filter(pl.col("rules").str.contains(":", literal=True))
        .with_columns(pl.col("rules").str.split_exact(":", 1).struct.rename_fields(["rule", "field"]))
        .unnest("rules")
        .group_by("field", "rule")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("source_row").min().alias("first_row"))
    )
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for field, rule, rows, first in pl.concat([notes, labels.select(notes.columns)]).iter_rows():
        before = found.setdefault(field, {}).get(rule, (0, first))
        found[field][rule] = (before[0] + rows, min(before[1], first))
    return found


def _renamed(raw: pa.Table, contract: Feed, mapping: FeedMapping, delivery: str) -> Iterator[Problem]:
    """Columns that nothing feeds and an unknown source column whose values are all that such a column holds: it may have been renamed.

    Only columns in which not every text can stand tell anything (codes, dates, numbers, patterns). One candidate on each side, or nothing is said.
    """
    shares = fitting_share(raw, contract, mapping)
    pairs = [(column, header) for (column, header), share in shares.items() if share >= _LOOKS_LIKE]
    for column, header in pairs:
        if sum(one == column for one, _ in pairs) == 1 and sum(one == header for _, one in pairs) == 1:
            wanted = contract.column(column)
            header = told_header(header, raw.column_names.index(header) + 1)
            yield Problem(
                kind=RENAMED_MAYBE,
                message=f"{delivery}: nothing feeds {column}, and the values of {header} look like it: the column may have been renamed",
                message_zh=f"{delivery}：{wanted.title_zh}（{column}）无来源列，而 {header} 的值与其相符：该列可能已改名",
                remedy=f"if so, name {header} under feeds.{contract.name}.headers.{column} in district.yaml",
                remedy_zh=f"如属实，请在 district.yaml 的 feeds.{contract.name}.headers.{column} 中登记 {header}",
                field=column,
            )


def code_counts(accepted: pa.Table, contract: Feed) -> pa.Table:
    """Accepted rows of one or more deliveries, counted by code of each watched column (COUNTS_SCHEMA)."""
    watched = [column.name for column in contract.columns if column.watched]
    if not watched or not accepted.num_rows:
        return COUNTS_SCHEMA.empty_table()
    frame = pl.DataFrame(accepted.select(["delivery", "delivery_date", *watched]))
    counted = [
        frame.group_by("delivery", pl.col("delivery_date").alias("day"), pl.col(name).alias("code"))
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .with_columns(pl.lit(contract.name).alias("feed"), pl.lit(name).alias("field"))
        for name in watched
    ]
    return pl.concat(counted).select(COUNTS_SCHEMA.names).sort("delivery", "field", "code").to_arrow().cast(COUNTS_SCHEMA)


def distributions(counts: pa.Table) -> pa.Table:
    """Each delivery day's distribution against the 8 days delivered before it, by feed and watched column (DISTRIBUTION_SCHEMA).

    Measured by the population stability index, the sum of (p - q) ln(p / q) over the codes, half a row added to each so that a code that is new or gone
    counts and does not count for ever. By custom .25 is a notable shift (Siddiqi, Credit Risk Scorecards, 2006); small samples reach that by chance,
    where index / (1/n + 1/m) has about a chi-square distribution with k - 1 degrees of freedom (Yurdakul and Naranjo, Statistical properties of the
    population stability index, 2020), so the mean of that plus four standard deviations is the least that counts. Days with less than 100 rows or two days before tell nothing.
    """
    frame = pl.DataFrame(counts).group_by("feed", "day", "field", "code").agg(pl.col("rows").sum()).sort("feed", "field", "day", "code")
    found = []
    for (feed, field), of_column in frame.group_by("feed", "field", maintain_order=True):
        days = of_column["day"].unique().sort().to_list()
        wide = of_column.pivot(on="day", index="code", values="rows").fill_null(0)
        for number, day in enumerate(days):
            before = days[max(0, number - TRAILING_DAYS) : number]
            if len(before) < _LEAST_DAYS:
                continue
            now, former = wide[str(day)], pl.Series(wide.select(pl.sum_horizontal(str(one) for one in before)).to_series())
            present = (now + former) > 0
            now, former = now.filter(present), former.filter(present)
            n, m, k = int(now.sum()), int(former.sum()), len(now)
            if min(n, m) < _LEAST_ROWS:
                continue
            p, q = (now + 0.5) / (n + 0.5 * k), (former + 0.5) / (m + 0.5 * k)
            psi = float(((p - q) * (p / q).log()).sum())
            chance = (1 / n + 1 / m) * (k - 1 + 4 * (2 * (k - 1)) ** 0.5)
            found.append((feed, day, field, n, len(before), m, round(psi, 6), round(max(_NOTABLE, chance), 6)))
    return pa.Table.from_pylist([dict(zip(DISTRIBUTION_SCHEMA.names, row, strict=True)) for row in found], DISTRIBUTION_SCHEMA)


def distribution_problems(found: pa.Table, delivery: str, feed: str, day: object, titles: Iterable[tuple[str, str]]) -> list[Problem]:
    """What the distributions of a delivery's day say for its certificate; `titles` are column names with Chinese titles."""
    named = dict(titles)
    return [
        Problem(
            kind=DISTRIBUTION,
            message=f"{delivery}: {row['field']} is distributed otherwise than in the {row['former_days']} days before "
            f"(stability index {row['psi']:.2f}, usual up to {row['most']:.2f})",
            message_zh=f"{delivery}：{named.get(row['field'], row['field'])}（{row['field']}）的分布与此前 {row['former_days']} 个交付日明显不同"
            f"（稳定性指数 {row['psi']:.2f}，通常不超过 {row['most']:.2f}）",
            remedy="ask the source office whether codes or responsibilities changed",
            remedy_zh="请向来源单位核实代码或职责是否变更",
            field=row["field"],
        )
        for row in found.to_pylist()
        if row["feed"] == feed and row["day"] == day and row["psi"] > row["most"]
    ]

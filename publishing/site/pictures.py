"""The pictures of the site: which numbers are drawn how, with which words and which table beside them.

Belongs here: one function a picture, in the order of the page. Not here: queries (`figures`), marks and colours (`charts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from publishing.site import charts
from publishing.site.figures import Rows
from publishing.site.words import Language, say, words


@dataclass(frozen=True)
class Picture:
    """A picture with its words and its table: `drawn` are charts with their keys (name, colour), `heads` are (title, kind) with kind n for numbers; `lacking` says why there is none."""

    id: str
    title: str
    description: str
    drawn: tuple[tuple[Markup, tuple[tuple[str, str], ...]], ...] = ()
    heads: tuple[tuple[str, str], ...] = ()
    rows: Sequence[Sequence[str]] = ()
    words: Sequence[Mapping[str, object]] = ()
    lacking: str = ""


@dataclass
class Drawer:
    """Draws in one language. `meaning(table, column, code)` gives a code's meaning, `feed_title(feed)` a feed's name, `table_title(name)` a
    table's. `numbers` are the rows of every query by name, `reasons` the sentences of reason codes (English, Chinese)."""

    language: Language
    numbers: Mapping[str, Rows]
    meaning: Callable[[str, str, str], str]
    feed_title: Callable[[str], str]
    table_title: Callable[[str], str]
    has: Callable[[str], bool]
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    public: bool = False

    def t(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def word(self, kind: str, value: str | None) -> str:
        """A word of the site's own for a value, else the value."""
        key = f"{kind}_{value}"
        return self.t(key) if key in words() else (value if value and value != "-" else "–")

    def _picture(
        self,
        name: str,
        rows: Rows,
        table: str,
        draw: Callable[[], Sequence[charts.Drawing]],
        heads: Sequence[tuple[str, str, str]],
        said: Mapping[str, object] | None = None,
    ) -> Iterator[Picture]:
        """The picture; a note where there are no rows; nothing at all where this audience has no such table. `heads`: (column, words key, kind)."""
        title = self.t(f"picture_{name}")
        if not rows:
            if self.has(table):
                why = "suppressed_why" if self.public else "no_data_why"
                yield Picture(name, title, "", lacking=self.t(why, table=self.table_title(table)))
            return
        description = self.t(f"picture_{name}_said", **(said or {}))
        drawn = tuple(
            (Markup(charts.svg(drawing, title=title, description=description, mark=f"{name}-{number}")), drawing.key)
            for number, drawing in enumerate(draw())
        )
        cells = [[self._cell(row.get(column), kind) for column, _, kind in heads] for row in rows]
        lacking = self.t("suppressed_why", table=self.table_title(table)) if self.public and not drawn else ""
        yield Picture(name, title, description, drawn, tuple((self.t(key), kind) for _, key, kind in heads), cells, lacking=lacking)

    def _cell(self, value: object, kind: str) -> str:
        if value is None:
            return self.t("suppressed") if kind == "n" and self.public else "–"
        if isinstance(value, bool):
            return "✓" if value else "✗"
        return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if isinstance(value, float) else str(value)

    def _last(self, category_key: str | None) -> str:
        """The most special part of `level 1>level 2>level 3`."""
        return next((part for part in reversed((category_key or "").split(">")) if part.strip("- ")), self.t("no_category"))

    # Overview and pictures page

    def effect(self) -> Iterator[Picture]:
        rows = _monthly(self.numbers["effect_by_month"])
        yield from self._picture(
            "effect", rows, "subject.community_monthly_effect",
            lambda: (
                *((charts.months(rows, {"issues": self.t("issues"), "handled": self.t("handled")}, axis=self.t("matters")),) if _known(rows, "issues", "handled") else ()),
                *((charts.lines(rows, {"handled_pct": self.t("handled_pct"), "satisfaction_pct": self.t("satisfaction_pct")}, axis=self.t("percent"), whole=True, colours=(charts.SECOND, charts.FAIR)),) if _known(rows, "handled_pct", "satisfaction_pct") or not self.public else ()),
            ),
            [("month", "month", ""), ("issues", "issues", "n"), ("hazards", "hazards", "n"), ("handled", "handled", "n"), ("handled_pct", "handled_pct", "n"), ("satisfaction_pct", "satisfaction_pct", "n")],
        )  # fmt: skip

    def days(self) -> Iterator[Picture]:
        # A district whose office gives no times has months without any day to draw.
        rows = [
            row for row in _monthly(self.numbers["effect_by_month"]) if row["response_days"] is not None or row["handling_days"] is not None
        ]
        yield from self._picture(
            "days", rows, "subject.community_monthly_effect",
            lambda: (charts.lines(rows, {"response_days": self.t("response_days"), "handling_days": self.t("handling_days")}, axis=self.t("days")),),
            [("month", "month", ""), ("response_days", "response_days", "n"), ("handling_days", "handling_days", "n")],
        )  # fmt: skip

    def communities(self) -> Iterator[Picture]:
        # Where every number of this audience is suppressed there is nothing to shade.
        rows = [row for row in _monthly(self.numbers["effect_by_community"]) if row["issues"] is not None]
        yield from self._picture(
            "communities", rows, "subject.community_monthly_effect",
            lambda: (charts.heat(rows, "month", "community", "issues"),),
            [("community", "community", ""), ("street", "street", ""), ("month", "month", ""), ("issues", "issues", "n"), ("handled_pct", "handled_pct", "n"), ("satisfaction_pct", "satisfaction_pct", "n")],
        )  # fmt: skip

    def sources(self) -> Iterator[Picture]:
        rows = [{**row, "feed": self.feed_title(row["feed"])} for row in _monthly(self.numbers["issues_by_source"])]
        names = list(dict.fromkeys(row["feed"] for row in sorted(rows, key=lambda row: -row["events"])))
        yield from self._picture(
            "sources", rows, "event.event",
            lambda: (charts.months_stacked(rows, "feed", "events", axis=self.t("matters"), names=names),),
            [("month", "month", ""), ("feed", "feed", ""), ("events", "events", "n")],
        )  # fmt: skip

    def hot_words(self) -> Iterator[Picture]:
        rows = self.numbers["hot_words"]
        table = next((name for name in ("subject.hot_word", "sentiment.hot_word") if self.has(name)), "subject.hot_word")
        heads = [("word", "word", ""), ("weight", "weight", "n"), ("reports", "reports", "n")]
        period = str(rows[0]["period"]) if rows else ""
        yield from self._picture(
            "words",
            rows,
            table,
            lambda: (charts.bars(rows[:25], "word", "weight", axis=self.t("weight"), decimals=1),),
            heads,
            {"period": period},
        )
        if rows:
            low, high = min(row["weight"] for row in rows), max(row["weight"] for row in rows)
            sized = [
                {"word": row["word"], "size": f"{((row['weight'] - low) / (high - low) if high > low else 0.5):.2f}", "note": f"{self.t('weight')} {row['weight']:,.1f}"}
                for row in sorted(rows, key=lambda row: _scatter(row["word"]))
            ]  # fmt: skip
            cells = [[self._cell(row[column], kind) for column, _, kind in heads] for row in rows]
            yield Picture(
                "cloud",
                self.t("picture_cloud"),
                self.t("picture_cloud_said"),
                (),
                tuple((self.t(key), kind) for _, key, kind in heads),
                cells,
                sized,
            )

    def topics(self) -> Iterator[Picture]:
        rows = [{**row, "topic": f"{self._last(row['category_key'])} · {row['community']}"} for row in self.numbers["hot_topics"]]
        yield from self._picture(
            "topics", rows, "subject.hot_topic",
            lambda: (charts.bars(rows, "topic", "weight", axis=self.t("weight"), colour=charts.FAIR, decimals=1),),
            [("topic", "topic", ""), ("category_key", "category", ""), ("community", "community", ""), ("reports", "reports", "n"), ("usual", "usual", "n"), ("weight", "weight", "n")],
            {"week": rows[0]["week"] if rows else ""},
        )  # fmt: skip

    def deadlines(self) -> Iterator[Picture]:
        rows = [
            {**row, "note": "" if row["on_time_pct"] is None else f"{row['on_time_pct']:.1f} %"}
            for row in self.numbers["deadlines_by_department"]
        ]
        whole = [row for row in rows if None not in (row["on_time"], row["late"], row["overdue"])]
        yield from self._picture(
            "deadlines", rows, "subject.department_scorecard",
            lambda: (charts.stacked(whole, "department", {part: self.t(part) for part in ("on_time", "late", "overdue")}, axis=self.t("matters"), colours=(charts.GOOD, charts.FAIR, charts.BAD), note="note"),) if whole else (),
            [("department", "department", ""), ("on_time", "on_time", "n"), ("late", "late", "n"), ("overdue", "overdue", "n"), ("on_time_pct", "on_time_pct", "n")],
        )  # fmt: skip

    def dispatch(self) -> Iterator[Picture]:
        listed = [{**row, "feed": self.feed_title(row["feed"])} for row in _monthly(self.numbers["dispatch_by_month"])]
        names = list(dict.fromkeys(row["feed"] for row in listed))
        wide = [
            {"month": month, **{row["feed"]: row["within_30_pct"] for row in listed if row["month"] == month}}
            for month in dict.fromkeys(row["month"] for row in listed)
        ]
        yield from self._picture(
            "dispatch", listed, "subject.dispatch_latency",
            lambda: (charts.lines(wide, {name: name for name in names}, axis=self.t("percent"), whole=True),) if _known(wide, *names) else (),
            [("month", "month", ""), ("feed", "feed", ""), ("dispatched", "dispatched", "n"), ("median_minutes", "median_minutes", "n"), ("p95_minutes", "p95_minutes", "n"), ("within_30_pct", "within_30_pct", "n")],
        )  # fmt: skip

    def places(self) -> Iterator[Picture]:
        rows, cells = self.numbers["places"], self.numbers["ground"]
        yield from self._picture(
            "map", rows, "place.community", lambda: (charts.ground(cells, rows),),
            [("community", "community", ""), ("street", "street", ""), ("issues", "issues", "n"), ("handled_pct", "handled_pct", "n")],
        )  # fmt: skip

    def repeats(self) -> Iterator[Picture]:
        rows = [
            {**row, "category": self._last(row["category_key"]), "before": max(0, row["repeats"] - row["after_handled"])}
            for row in self.numbers["repeats_by_category"]
        ]
        yield from self._picture(
            "repeats", rows, "subject.repeat_complaint",
            lambda: (charts.stacked(rows, "category", {"before": self.t("before_handled"), "after_handled": self.t("after_handled")}, axis=self.t("reports"), colours=(charts.SECOND, charts.BAD)),),
            [("category_key", "category", ""), ("groups", "groups", "n"), ("reports", "reports", "n"), ("repeats", "repeats", "n"), ("after_handled", "after_handled", "n")],
        )  # fmt: skip

    def flow(self) -> Iterator[Picture]:
        rows = [
            {**row, "node": self.meaning("event.event_node", "status", row["status"]), "median_hours": row["median_hours"] or 0.0, "p90_hours": row["p90_hours"] or 0.0, "note": f"{row['events']:,}"}
            for row in sorted(self.numbers["flow_nodes"], key=lambda row: _node_order(row["status"]))
        ]  # fmt: skip
        yield from self._picture(
            "flow", rows, "event.event_node",
            # A district without later nodes has counts, which stand in the table, and no time spent that could be drawn.
            lambda: (charts.spans(rows, "node", "median_hours", "p90_hours", axis=self.t("hours"), names=(self.t("median_hours"), self.t("p90_hours"))),) if any(row["p90_hours"] for row in rows) else (),
            [("node", "node", ""), ("events", "events", "n"), ("visits", "visits", "n"), ("median_hours", "median_hours", "n"), ("p90_hours", "p90_hours", "n"), ("unforeseen", "unforeseen", "n")],
        )  # fmt: skip

    def steps(self) -> Iterator[Picture]:
        found = sorted(self.numbers["flow_steps"], key=lambda row: (_node_order(row["source"]), _node_order(row["target"])))
        targets = sorted({row["target"] for row in found}, key=_node_order)
        rows = [{"source": self.meaning("event.event_node", "status", row["source"]), "target": self.meaning("event.event_node", "status", row["target"]), "times": row["times"], "at": targets.index(row["target"])} for row in found]  # fmt: skip
        order = [self.meaning("event.event_node", "status", target) for target in targets]
        yield from self._picture(
            "steps", rows, "event.event_node", lambda: (charts.heat(rows, "target", "source", "times", order=order),),
            [("source", "from_node", ""), ("target", "to_node", ""), ("times", "times", "n")],
        )  # fmt: skip

    # Linking

    def outcomes(self) -> Iterator[Picture]:
        yield from self._parts("outcomes", "link_outcome", "outcome")

    def methods(self) -> Iterator[Picture]:
        yield from self._parts("methods", "link_method", "method")

    def _parts(self, name: str, column: str, kind: str) -> Iterator[Picture]:
        rows = [
            {"part": self.word(kind, row["part"]), "records": row["records"]} for row in self.numbers[f"by_{column}"] if row["records"] != 0
        ]
        whole = [row for row in rows if row["records"] is not None]
        yield from self._picture(
            name, rows, "subject.address_quality", lambda: (charts.bars(whole, "part", "records", axis=self.t("records")),) if whole else (),
            [("part", kind, ""), ("records", "records", "n")],
        )  # fmt: skip

    def scores(self) -> Iterator[Picture]:
        found = self.numbers["link_scores"]
        outcomes = ("resolved", "partial", "ambiguous", "not_in_register", "no_address")
        by_band: dict[str, dict[str, Any]] = {}
        for row in found:
            by_band.setdefault(row["band"], {"band": row["band"], **dict.fromkeys(outcomes, 0)})[row["outcome"] or "no_address"] = row[
                "records"
            ]
        rows = list(by_band.values())
        yield from self._picture(
            "scores", rows, "place.location_link",
            lambda: (charts.stacked(rows, "band", {part: self.word("outcome", part) for part in outcomes}, axis=self.t("records"), colours=(charts.GOOD, charts.SECOND, charts.THIRD, charts.FAIR, charts.BAD)),),
            [("band", "band", ""), *((part, f"outcome_{part}", "n") for part in outcomes)],
        )  # fmt: skip

    def why(self) -> Iterator[Picture]:
        place = self.t("place_word")
        at = 1 if self.language == "zh" else 0
        rows = [
            {"code": row["part"], "records": row["records"], "reason": self.reasons[row["part"]][at].replace("{level}", place) if row["part"] in self.reasons else row["part"]}
            for row in self.numbers["link_reasons"]
        ]  # fmt: skip
        yield from self._picture(
            "reasons", rows, "place.location_link", lambda: (charts.bars(rows, "code", "records", axis=self.t("records")),),
            [("code", "reason", ""), ("reason", "meaning", ""), ("records", "records", "n")],
        )  # fmt: skip

    def on_overview(self) -> list[Picture]:
        return [*self.effect(), *self.deadlines()]

    def on_linking(self) -> list[Picture]:
        return [*self.outcomes(), *self.methods(), *self.scores(), *self.why()]

    def on_pictures(self, drawn: Sequence[Picture]) -> list[Picture]:
        """All pictures of the page, those with nothing drawn last; `drawn` are those of the overview, so that none is drawn twice."""
        ready = {one.id: one for one in drawn}
        effect, deadlines = ([ready[name]] if name in ready else [] for name in ("effect", "deadlines"))
        pictures = [
            *effect, *self.days(), *self.sources(), *self.communities(), *self.hot_words(), *self.topics(), *deadlines, *self.dispatch(),
            *self.places(), *self.repeats(), *self.flow(), *self.steps(),
        ]  # fmt: skip
        return sorted(pictures, key=lambda one: not (one.drawn or one.words))


_NODES = ("received", "dispatched", "accepted", "returned", "handling", "suspended", "extended", "handled", "checked", "closed")


def _node_order(status: str) -> tuple[int, str]:
    return (_NODES.index(status) if status in _NODES else len(_NODES), status)


def _known(rows: Rows, *columns: str) -> bool:
    """Whether there is any number to draw: all may be suppressed."""
    return any(row.get(column) is not None for row in rows for column in columns)


def _monthly(rows: Rows) -> Rows:
    return [{**row, "month": f"{row['month']:%Y-%m}"} for row in rows]


def _scatter(word: str) -> int:
    """An order that mixes heavy and light words and is the same at every build."""
    import zlib

    return zlib.crc32(word.encode())

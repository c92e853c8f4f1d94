"""The pages: facts and numbers put into the templates, once in each language.

Belongs here: which page there is, what its template gets, how names and numbers are said. Not here: the look (`templates`, `static`), queries
(`figures`), pictures (`pictures`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from altair.utils.schemapi import debug_mode

from contracts.delivery import Problem
from contracts.header import folded
from contracts.model import THEMES, Column, Contract, Feed, Table
from publishing.results import Check, FeedState
from publishing.site.facts import Facts
from publishing.site.figures import LEVELS, MOST_DELIVERIES, Figures, Rows
from publishing.site.origins import FEED_SCHEMAS, REGISTER, End, Step, Way, expressions, way_back
from publishing.site.pictures import Drawer
from publishing.site.words import LANGUAGES, Language, say

HERE = Path(__file__).parent
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "completeness": ("required",),
    "validity": ("code", "pattern", "min", "max", "max_length", "holds"),
    "uniqueness": ("key", "unique"),
    "consistency": ("reference", "no_rows", "reconciliation"),
    "timeliness": ("freshness", "volume"),
}
"""Dimensions of data quality (as DAMA-UK's six, accuracy aside, which no rule can see) by the kinds of rules that speak about them."""

_MOST_TROUBLES = 25
_PERSONAL = ("personal", "sensitive")


def build(facts: Facts) -> dict[str, bytes]:
    """All files of the site: path below its folder → content. `index.html` goes to the reader's language."""
    # Altair checks every piece against its schema, which takes longer than drawing; a test draws with the check on.
    with debug_mode(CHECKED):
        return _build(Shared(facts))


CHECKED = False
"""Whether Altair checks the charts against Vega-Lite's schema."""


def _build(shared: Shared) -> dict[str, bytes]:
    facts = shared.facts
    files = {f"static/{path.name}": path.read_bytes() for path in sorted((HERE / "static").iterdir())}
    files["index.html"] = shared.templates.get_template("start.html.j2").render(facts=facts).encode()
    for language in LANGUAGES:
        for path, text in Pages(shared, language).all():
            files[f"{language}/{path}"] = text.encode()
    return files


class Shared:
    """What both languages need and is worked out once: numbers, ways back, SQL expressions, scorecards."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.figures = Figures(facts)
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def numbers(self) -> dict[str, Rows]:
        """The rows of every query, by name."""
        ask = self.figures
        named = (
            "effect_by_month", "effect_by_community", "issues_by_source", "hot_words", "hot_topics", "deadlines_by_department", "dispatch_by_month",
            "repeats_by_category", "flow_nodes", "flow_steps", "places", "ground", "link_reasons", "link_scores", "links_in_full", "links_by_feed",
            "books_by_feed", "books_by_delivery",
        )  # fmt: skip
        numbers: dict[str, Rows] = {name: getattr(ask, name)() for name in named}
        return numbers | {f"by_{part}": ask.links_by(part) for part in ("link_outcome", "link_method")}

    @cached_property
    def ways(self) -> dict[tuple[str, str], Way]:
        """The way back of every column."""
        facts = self.facts
        return {
            (name, column.name): way_back(facts.lineage, facts.feeds, name, column.name)
            for name, table in facts.tables.items()
            for column in table.columns
        }

    @cached_property
    def sql(self) -> dict[str, dict[str, str]]:
        """The SQL expression behind every column of every table that SQL makes; none for the public."""
        if self.facts.is_public:
            return {}
        lineage = self.facts.lineage["tables"]
        return {
            name: expressions(model.tree, list(lineage[name]["columns"] or ()))
            for name, model in self.facts.models.items()
            if model.sql and name in lineage
        }

    @cached_property
    def used_by(self) -> dict[str, list[str]]:
        """Relation or feed → the tables made from it directly."""
        found: dict[str, list[str]] = {}
        for name, entry in self.facts.lineage["tables"].items():
            if name in self.facts.tables:
                for source in entry["inputs"]:
                    schema, _, rest = source.partition(".")
                    found.setdefault(rest if schema in FEED_SCHEMAS else source, []).append(name)
        return {name: sorted(dict.fromkeys(tables)) for name, tables in found.items()}

    @cached_property
    def checks(self) -> dict[str, list[Check]]:
        found: dict[str, list[Check]] = {}
        for check in self.facts.checks:
            if check.table in self.facts.tables:
                found.setdefault(check.table, []).append(check)
        return found

    @cached_property
    def ends_in(self) -> dict[str, list[str]]:
        """Table → the feeds that its columns come from in the end."""
        feeds: dict[str, dict[str, None]] = {name: {} for name in self.facts.tables}
        for (table, _), way in self.ways.items():
            feeds[table] |= dict.fromkeys(end.name for end in way.ends if end.kind in ("feed", "whole_feed", "file"))
        return {table: sorted(found) for table, found in feeds.items()}


class Pages:
    """All pages in one language."""

    def __init__(self, shared: Shared, language: Language) -> None:
        self.shared, self.facts, self.language = shared, shared.facts, language
        self.draw = Drawer(
            language, shared.numbers, self.meaning, self.feed_title, lambda name: self.own(self.facts.tables[name]) if name in self.facts.tables else name,
            shared.figures.has, self.facts.reasons, self.facts.is_public,
        )  # fmt: skip

    def all(self) -> Iterator[tuple[str, str]]:
        """Path and text of every page."""
        over = self.draw.on_overview()
        yield self._page("index.html", "index.html", self.t("nav_overview"), **self._overview(), pictures=over)
        yield self._page("pictures.html", "pictures.html", self.t("nav_pictures"), pictures=self.draw.on_pictures(over))
        if not self.facts.is_public:
            yield self._page("books.html", "books.html", self.t("nav_books"), feeds=self._books())
            for feed in self.facts.feeds.values():
                yield self._page(f"feeds/{feed.name}.html", "books.html", self.own(feed), template="feed", **self._feed(feed))
        yield self._page("dictionary.html", "dictionary.html", self.t("nav_dictionary"), **self._dictionary())
        for table in self.facts.tables.values():
            yield self._page(f"tables/{table.full_name}.html", "dictionary.html", self.own(table), template="table", **self._table(table))
        yield self._page("lineage.html", "lineage.html", self.t("nav_lineage"), **self._lineage())
        yield self._page("quality.html", "quality.html", self.t("nav_quality"), **self._quality())
        yield self._page("linking.html", "linking.html", self.t("nav_linking"), **self._linking())

    def _page(self, path: str, section: str, heading: str, template: str | None = None, **values: Any) -> tuple[str, str]:
        pages = ["overview", "pictures", "books", "dictionary", "lineage", "quality", "linking"]
        files = {name: "index.html" if name == "overview" else f"{name}.html" for name in pages}
        text = self.shared.templates.get_template(f"{template or path.removesuffix('.html')}.html.j2").render(
            facts=self.facts, lang=self.language, other="en" if self.language == "zh" else "zh", path=path, root="../" * path.count("/"), section=section,
            heading=heading, navigation=[(name, files[name]) for name in pages if name != "books" or not self.facts.is_public], t=self.t, own=self.own,
            both=self.both, said=self.said, half=self.half, number=number, size=size, share=share, percent=percent, feed_title=self.feed_title,
            word=self.draw.word, levels=LEVELS, **values,
        )  # fmt: skip
        return path, without_optional_tags(text)

    # How things are said

    def t(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def own(self, thing: Any) -> str:
        """A contract's, column's or district's name in this page's language."""
        return str(thing.title_zh if self.language == "zh" else thing.title)

    def both(self, thing: Contract | Column) -> str:
        """The name in the other language, to stand beside the own one."""
        return thing.title if self.language == "zh" else thing.title_zh

    def said(self, thing: Contract | Column) -> str:
        """The description in this language; the other one where a contract has only that."""
        first, second = (thing.description_zh, thing.description) if self.language == "zh" else (thing.description, thing.description_zh)
        return first or second

    def half(self, text: str) -> str:
        """The half of `English / 中文` in this language."""
        english, slash, chinese = text.partition(" / ")
        return (chinese if self.language == "zh" else english) if slash else text

    def feed_title(self, feed: str) -> str:
        return self.own(self.facts.feeds[feed]) if feed in self.facts.feeds else feed

    def meaning(self, table: str, column: str, code: str) -> str:
        """A code's meaning as the contract gives it, else the code."""
        found = self.facts.tables.get(table)
        codes = next((one.codes for one in found.columns if one.name == column), {}) if found else {}
        forms = codes.get(code)
        return forms[1 if self.language == "zh" and len(forms) > 1 else 0] if forms else code

    # Pages

    @cached_property
    def _themes(self) -> list[tuple[str, list[Table]]]:
        by_theme = {
            theme: sorted((table for table in self.facts.tables.values() if table.theme == theme), key=lambda table: table.name)
            for theme in THEMES
        }
        return [(theme, tables) for theme, tables in by_theme.items() if tables]

    def _overview(self) -> dict[str, Any]:
        return {
            "tiles": list(self._tiles()),
            "troubles": list(self._troubles())[:_MOST_TROUBLES],
            "feeds": self._feed_lines(),
            "themes": self._themes,
        }

    def _tile(self, name: str, link: str, value: str, note: str, state: str = "") -> dict[str, str]:
        return {"name": self.t(f"tile_{name}"), "link": link, "value": value, "note": note, "state": state}

    def _tiles(self) -> Iterator[dict[str, str]]:
        books, links, facts = self.shared.numbers["books_by_feed"], self.shared.numbers["links_by_feed"], self.facts
        read, refused = total(books, "rows_read"), total(books, "rows_refused")
        if books:
            yield self._tile(
                "rows",
                "books.html",
                number(read),
                self.t("tile_rows_note", deliveries=number(total(books, "deliveries")), feeds=len(books)),
            )
            yield self._tile(
                "refused",
                "books.html#refused",
                number(refused),
                self.t("tile_refused_note", share=share(refused, read)),
                "fair" if refused else "good",
            )
        records = total(links, "records")
        # A share of the feeds that are shown would say nothing true of all.
        hidden = {column: any(row[column] is None for row in links) for column in ("records", "with_community", "door")}
        if records or hidden["records"]:
            door, community = (share(total(links, column), records) for column in ("door", "with_community"))
            said = self.t("suppressed")
            note = self.t("tile_linked_note", community=said if hidden["records"] or hidden["with_community"] else community)
            yield self._tile("linked", "linking.html", said if hidden["records"] or hidden["door"] else door, note)
        columns = sum(len(table.columns) for table in facts.tables.values())
        rows = sum(facts.rows.get(name, 0) for name in facts.tables)
        yield self._tile(
            "tables", "dictionary.html", number(len(facts.tables)), self.t("tile_tables_note", columns=number(columns), rows=number(rows))
        )
        passed, warned, failed = self._check_counts()
        note = self.t("tile_rules_note", warned=number(warned), failed=number(failed))
        yield self._tile(
            "rules",
            "quality.html",
            f"{number(passed)} / {number(passed + warned + failed)}",
            note,
            "bad" if failed else "fair" if warned else "good",
        )
        asked = [state for state in facts.states if state.required or state.latest is not None]
        if asked and not facts.is_public:
            fresh = sum(state.decision == "ok" for state in asked)
            yield self._tile(
                "fresh",
                "#came",
                self.t("tile_fresh_value", fresh=fresh, feeds=len(asked)),
                self.t("tile_fresh_note"),
                "good" if fresh == len(asked) else "fair",
            )
        if books:
            off = sum(abs(row["difference"] or 0) for row in books)
            value = self.t("balanced") if not off else number(off)
            yield self._tile("books", "books.html", value, self.t("tile_books_note", difference=number(off)), "bad" if off else "good")

    def _check_counts(self) -> tuple[int, int, int]:
        checks = [check for listed in self.shared.checks.values() for check in listed]
        failed = [check for check in checks if not check.passed]
        errors = sum(check.severity == "error" for check in failed)
        return len(checks) - len(failed), len(failed) - errors, errors

    def _troubles(self) -> Iterator[dict[str, Any]]:
        """What did not go as it should, worst first: rules, freshness, books, deliveries."""
        found = [
            *self._broken_rules(),
            *(
                trouble("error" if state.decision == "stop" else "warn", self.feed_title(state.feed), self._late(state), 1, self._feed_link(state.feed))
                for state in self.facts.states
                if state.decision != "ok"
            ),
            *(
                trouble("error", self.feed_title(row["feed"]), self.t("books_off", count=number(abs(row["difference"]))), abs(row["difference"]), self._feed_link(row["feed"]))
                for row in self.shared.numbers["books_by_feed"]
                if row["difference"]
            ),
            *self._noticed(),
        ]  # fmt: skip
        order = ("error", "warn", "info")
        yield from sorted(found, key=lambda one: order.index(one["severity"]))

    def _broken_rules(self) -> Iterator[dict[str, Any]]:
        for table, checks in self.shared.checks.items():
            for check in checks:
                if not check.passed:
                    text = check.message_zh if self.language == "zh" else check.message
                    yield trouble(check.severity, self.own(self.facts.tables[table]), text, check.violations, f"tables/{table}.html")

    def _late(self, state: FeedState) -> str:
        return self.t("missing_feed") if state.latest is None else self.t("stale_feed", days=state.days)

    def _noticed(self) -> Iterator[dict[str, Any]]:
        """Notes of deliveries: one line for each feed and kind of trouble, with the newest delivery's words."""
        grouped: dict[tuple[str, str], list[Problem]] = {}
        for delivery, problem in self.facts.problems:
            if problem.severity != "info":
                grouped.setdefault((delivery.partition("/")[0], problem.kind), []).append(problem)
        for (feed, _), problems in grouped.items():
            last = problems[-1]
            worst = "error" if any(problem.severity == "error" for problem in problems) else "warn"
            text = last.message_zh if self.language == "zh" else last.message
            yield trouble(
                worst, self.feed_title(feed), text, len(problems), f"{self._feed_link(feed)}#notes" if feed in self.facts.feeds else ""
            )

    def _feed_link(self, feed: str) -> str:
        return f"feeds/{feed}.html" if feed in self.facts.feeds and not self.facts.is_public else ""

    def _feed_lines(self) -> list[dict[str, Any]]:
        books = {row["feed"]: row for row in self.shared.numbers["books_by_feed"]}
        lines = []
        for state in self.facts.states:
            row = books.get(state.feed, dict.fromkeys(("deliveries", "rows_read", "rows_refused", *LEVELS), 0))
            age = self.t("never") if state.days is None else self.t("days_old", days=state.days)
            badge = "bad" if state.decision == "stop" else "fair" if state.decision == "go_on" else "good" if state.latest else "quiet"
            lines.append(
                {
                    **row,
                    "feed": state.feed,
                    "title": self.feed_title(state.feed),
                    "required": state.required,
                    "latest": state.latest,
                    "age": age,
                    "state": badge,
                }
            )
        return lines

    def _books(self) -> list[dict[str, Any]]:
        return [{**row, "title": self.feed_title(row["feed"])} for row in self.shared.numbers["books_by_feed"]]

    def _feed(self, feed: Feed) -> dict[str, Any]:
        mine = [row for row in self.shared.numbers["books_by_delivery"] if row["feed"] == feed.name]
        notes = [
            {
                "file": delivery.partition("/")[2],
                "problem": problem,
                "state": {"error": "bad", "warn": "fair"}.get(problem.severity, "quiet"),
            }
            for delivery, problem in self.facts.problems
            if delivery.startswith(f"{feed.name}/")
        ]
        return {
            "feed": feed,
            "seen": self.facts.headers_seen.get(feed.name, {}),
            "accepted": {column.name: self._accepted(feed, column.name) for column in feed.columns},
            "deliveries": [{**row, "file": row["delivery"].partition("/")[2]} for row in mine],
            "most": MOST_DELIVERIES,
            "notes": notes[-_MOST_TROUBLES * 4 :][::-1],
            "used_by": self.shared.used_by.get(feed.name, []),
        }

    def _accepted(self, feed: Feed, column: str) -> list[str]:
        """Headers that fill a column in this district besides those that deliveries really brought."""
        known = self.facts.lineage["feeds"].get(feed.name, {}).get(column)
        offered = known if known is not None else [column, feed.column(column).title_zh, *feed.column(column).headers]
        seen = {folded(header) for header in self.facts.headers_seen.get(feed.name, {}).get(column, ())}
        return [header for header in offered if folded(header) not in seen]

    def _dictionary(self) -> dict[str, Any]:
        tables = self.facts.tables
        present = {column.classification for table in tables.values() for column in table.columns}
        classes = [name for name in ("public", "internal", "personal", "sensitive") if name in present]
        return {
            "themes": self._themes,
            "tables": tables,
            "columns": sum(len(table.columns) for table in tables.values()),
            "classes": classes,
        }

    def _table(self, table: Table) -> dict[str, Any]:
        name = table.full_name
        entry = self.facts.lineage["tables"].get(name, {"inputs": [], "kind": "sql", "file": ""})
        model = self.facts.models.get(name)
        checks = self.shared.checks.get(name, [])
        return {
            "table": table,
            "score": {"passed": sum(check.passed for check in checks), "rules": len(checks)} if checks else None,
            "inputs": [self._input(source) for source in entry["inputs"]],
            "used_by": [other for other in self.shared.used_by.get(name, []) if other != name],
            "made_by": entry["kind"],
            "file": entry["file"],
            "sql": model.sql if model and not self.facts.is_public else "",
            "columns": [self._column(table, column) for column in table.columns],
        }

    def _input(self, relation: str) -> dict[str, str]:
        schema, _, name = relation.partition(".")
        if relation in self.facts.tables:
            return {"name": relation, "title": self.own(self.facts.tables[relation]), "link": f"{relation}.html", "kind": "table"}
        if schema in FEED_SCHEMAS:
            return {
                "name": relation,
                "title": self.feed_title(name),
                "link": f"../feeds/{name}.html" if name in self.facts.feeds else "",
                "kind": "feed",
            }
        if schema == "district" and name in self.facts.settings:
            return {"name": relation, "title": f"{self.t('lake_setting')}：{self.own(self.facts.settings[name])}" if self.language == "zh" else f"{self.t('lake_setting')}: {self.own(self.facts.settings[name])}", "link": "", "kind": "lake"}  # fmt: skip
        kind = {"addresses": "lake_address", "ledger": "lake_ledger", "run": "lake_clock"}.get(schema)
        return {
            "name": relation,
            "title": self.t(kind) if kind else relation,
            "link": f"../feeds/{REGISTER}.html" if schema == "addresses" else "",
            "kind": "lake",
        }

    def _column(self, table: Table, column: Column) -> dict[str, Any]:
        way = self.shared.ways[table.full_name, column.name]
        reference = (column.references or "").rpartition(".")
        return {
            "name": column.name,
            "own": self.own(column),
            "other": self.both(column),
            "type": column.type,
            "unit": column.unit,
            "class": column.classification,
            "said": self.said(column),
            "codes": [(code, self.meaning(table.full_name, column.name, code)) for code in column.codes],
            "references": column.references,
            "references_link": f"{reference[0]}.html#{reference[2]}"
            if reference[0] in self.facts.tables and self._knows(reference[0], reference[2])
            else "",
            "ends": self._ends(way),
            "steps": [] if self.facts.is_public else self._steps(way),
            "cut": way.cut,
        }

    def _knows(self, table: str, column: str) -> bool:
        return table in self.facts.tables and any(known.name == column for known in self.facts.tables[table].columns)

    def _steps(self, way: Way) -> list[dict[str, Any]]:
        """The column's own step, and of those further back the ones that compute; a column that is only handed on is one click away."""
        return [made for step in way.steps if (made := self._step(step))["sql"] or made["whole"] or step.depth == 1]

    def _step(self, step: Step) -> dict[str, Any]:
        table, column = self._parted(step.target)
        link = f"{table}.html#{column}" if column else f"{table}.html"
        sql = self.shared.sql.get(table, {}).get(column, "") if step.depth <= _SQL_DEPTH else ""
        most, listed = _SQL_LENGTH // step.depth, _SOURCES // step.depth
        sql = sql if len(sql) <= most else f"{sql[:most]} …"
        return {
            "depth": min(step.depth, 9),
            "target": step.target,
            "link": link,
            "sql": sql,
            "sources": ", ".join(step.sources[:listed]) + (f" … +{len(step.sources) - listed}" if len(step.sources) > listed else ""),
            "whole": step.whole,
        }

    def _parted(self, name: str) -> tuple[str, str]:
        """Table and column of `theme.table.column`; no column in `theme.table`."""
        table, _, column = name.rpartition(".")
        return (table, column) if name.count(".") == 2 else (name, "")

    def _ends(self, way: Way) -> list[dict[str, Any]]:
        """The ends of a way in words: one line a feed or setting, with the office's headers of every column that counts."""
        many = sum(end.kind == "feed" for end in way.ends) > _MANY
        lines: dict[tuple[str, str], dict[str, Any]] = {}
        for end in way.ends:
            line = self._end(end)
            lines.setdefault((line["kind"], line["title"]), line)["parts"] += self._parts_of(end, many)
        whole = [line for line in lines.values() if line["kind"] == "whole_feed"]
        settings = [line for line in lines.values() if line["kind"] == "setting" and not line["parts"]]
        names = self.t("comma").join(line["setting"] for line in settings)
        return [
            *(line for line in lines.values() if line["kind"] != "whole_feed" and line not in settings),
            *([{"kind": "setting", "link": "", "parts": [], "title": self.t("end_setting", setting=names)}] if settings else []),
            *([{"kind": "whole_feed", "feeds": whole}] if whole else []),
        ]

    def _end(self, end: End) -> dict[str, Any]:
        feed, setting = self.facts.feeds.get(end.name), self.facts.settings.get(end.name)
        linked = feed is not None and not self.facts.is_public
        said: dict[str, Any] = {"kind": end.kind, "link": f"../feeds/{end.name}.html" if linked else "", "parts": []}
        if end.kind == "feed" and feed is not None:
            kind = "whole_feed" if self._is_hidden(end) else "feed"
            return said | {"kind": kind, "title": self.own(feed)}
        if end.kind == "whole_feed":
            return said | {"title": self.feed_title(end.name)}
        if end.kind == "file":
            return said | {"title": self.t("end_file", feed=self.feed_title(end.name), column=end.column)}
        if end.kind == "setting":
            name = self.own(setting) if setting else end.name
            return said | {"title": self.t("end_setting", setting=name), "setting": name}
        return said | {"title": self.t(f"end_{end.kind}")}

    def _is_hidden(self, end: End) -> bool:
        """The public learns the headers of open columns alone."""
        return self.facts.is_public and self.facts.feeds[end.name].column(end.column).classification in _PERSONAL

    def _parts_of(self, end: End, many: bool) -> list[dict[str, Any]]:
        """The column of an end: its name, its anchor, headers as delivered, and, unless there are many columns, the others accepted."""
        if end.kind == "feed" and not self._is_hidden(end):
            feed = self.facts.feeds[end.name]
            seen = list(self.facts.headers_seen.get(end.name, {}).get(end.column, ()))
            accepted = self._accepted(feed, end.column)
            more = [] if many else accepted
            return [
                {
                    "title": "" if many else self.own(feed.column(end.column)),
                    "anchor": f"#c-{end.column}",
                    "seen": seen or accepted[:2],
                    # The feed's page, one click on, has every header that is accepted.
                    "accepted": [] if seen else more[2:],
                }
            ]
        if end.kind == "setting" and end.name in self.facts.settings:
            columns = [one for one in self.facts.settings[end.name].columns if one.name == end.column]
            return [
                {"title": self.own(one), "anchor": "", "seen": [one.name], "accepted": [] if many else [one.title_zh, *one.headers]}
                for one in columns
            ]
        return []

    def _lineage(self) -> dict[str, Any]:
        tables = self.facts.lineage["tables"]
        public = self.facts.is_public
        feeds = [] if public else [
            {"id": f"feed-{feed.name}", "name": feed.name, "title": self.own(feed), "link": f"feeds/{feed.name}.html", "kind": "feed"} for feed in self.facts.feeds.values()
        ]  # fmt: skip
        base = (
            []
            if public
            else [
                {
                    "id": "addresses",
                    "name": "addresses.*",
                    "title": self.t("lake_address"),
                    "link": f"feeds/{REGISTER}.html",
                    "kind": "lake",
                }
            ]
        )
        by_theme = {
            theme: (self.t(f"theme_{theme}"), [{"id": _id(one.full_name), "name": one.full_name, "title": self.own(one), "link": f"tables/{one.full_name}.html", "kind": "table"} for one in listed])
            for theme, listed in self._themes
        }  # fmt: skip
        lanes = [[(self.t("feeds"), [*feeds, *base])]] if feeds else []
        lanes += [found for lane in _LANES if (found := [by_theme[theme] for theme in lane if theme in by_theme])]
        known = {node["id"] for lane in lanes for _, nodes in lane for node in nodes}
        edges = {(_id(source), _id(name)) for name in self.facts.tables for source in tables.get(name, {"inputs": ()})["inputs"]}
        if not public:
            edges.add((f"feed-{REGISTER}", "addresses"))
        rows = [
            {
                "name": name,
                "title": self.own(table),
                "feeds": self.shared.ends_in[name],
                "inputs": tables.get(name, {"inputs": ()})["inputs"],
            }
            for theme, listed in self._themes
            for table in listed
            for name in [table.full_name]
        ]
        return {"lanes": lanes, "edges": sorted(f"{a}>{b}" for a, b in edges if a in known and b in known), "rows": rows}

    def _quality(self) -> dict[str, Any]:
        passed, warned, failed = self._check_counts()
        note = self.t("tile_of_rules", rules=number(passed + warned + failed))
        tiles = [
            {"name": self.t("tile_passed"), "value": number(passed), "note": note, "state": "good"},
            {"name": self.t("tile_warned"), "value": number(warned), "note": note, "state": "fair" if warned else "good"},
            {"name": self.t("tile_failed"), "value": number(failed), "note": note, "state": "bad" if failed else "good"},
        ]
        broken = [check for listed in self.shared.checks.values() for check in listed if not check.passed]
        broken.sort(key=lambda check: (check.severity != "error", -check.violations, check.table, check.rule))
        return {
            "tiles": tiles,
            "broken": [] if self.facts.is_public else broken,
            "cards": list(self._cards()),
            "dimensions": list(DIMENSIONS),
        }

    def _cards(self) -> Iterator[dict[str, Any]]:
        for _, listed in self._themes:
            for table in listed:
                checks = self.shared.checks.get(table.full_name, [])
                if checks:
                    yield {
                        "name": table.full_name,
                        "title": self.own(table),
                        "rows": self.facts.rows.get(table.full_name, 0),
                        "scores": scores(checks),
                        "passed": sum(check.passed for check in checks),
                        "rules": len(checks),
                        "checks": checks,
                    }

    def _linking(self) -> dict[str, Any]:
        return {
            "feeds": self.shared.numbers["links_by_feed"],
            "full": self.shared.numbers["links_in_full"],
            "pictures": self.draw.on_linking(),
        }


_LANES = (("place", "thing"), ("organization", "person"), ("event",), ("sentiment",), ("subject",))
"""Themes one below the other, in the order of the flow."""
_MANY = 6
_SQL_DEPTH = 2
_SQL_LENGTH = 600
"""Characters of an expression that are shown beside a column; the table's page has the whole SQL."""
_SOURCES = 6
"""Steps further up show no SQL of their own: it stands on their table's page, one click away."""


_OPTIONAL = re.compile(r"</li>(?=<)|</(?:td|th|tr|thead|tbody)>(?=\s*<)")


def without_optional_tags(text: str) -> str:
    """The page without end tags that a browser puts in by itself (HTML Living Standard, 13.1.2.4 Optional tags): 4 % of the site.

    A list item's stays before white space, which would otherwise move into the item and glue items of one line together.
    """
    return _OPTIONAL.sub("", text)


def _id(relation: str) -> str:
    schema, _, name = relation.partition(".")
    if schema in FEED_SCHEMAS:
        return f"feed-{name}"
    return "addresses" if schema == "addresses" else relation.replace(".", "-")


def trouble(severity: str, where: str, text: str, count: int, link: str) -> dict[str, Any]:
    """A line of what failed."""
    state = {"error": "bad", "warn": "fair"}.get(severity, "quiet")
    return {"severity": severity, "state": state, "where": where, "text": text, "count": count, "link": link}


def scores(checks: Sequence[Check]) -> dict[str, float]:
    """Dimension → 1 minus the mean share of violating rows of its rules (0 … 1); a rule on no rows counts as kept."""
    found = {}
    for name, kinds in DIMENSIONS.items():
        mine = [check for check in checks if check.kind in kinds]
        if mine:
            found[name] = 1 - sum(
                min(1.0, check.violations / check.rows_checked) if check.rows_checked else float(not check.passed) for check in mine
            ) / len(mine)
    return found


# Numbers


def total(rows: Rows, column: str) -> int:
    return sum(int(row[column] or 0) for row in rows)


def number(value: float | None) -> str:
    """With thousands separated; – for nothing."""
    return "–" if value is None else f"{value:,}"


def size(value: int | None) -> str:
    """Bytes in the unit that fits (1 KB = 1,000 bytes)."""
    if value is None:
        return "–"
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if value >= step:
            return f"{value / step:,.1f} {unit}"
    return f"{value} B"


def share(part: float | None, whole: float | None) -> str:
    """A part in percent; – where there is no whole. Never rounded to 0 or 100 % when it is not."""
    if part is None or not whole:
        return "–"
    value = part * 100 / whole
    if not part:
        return "0 %"
    if value < 0.1:
        return "< 0.1 %"
    return f"{min(value, 99.9) if part < whole else value:.1f} %"


def percent(value: float) -> str:
    return share(value, 1.0)

"""The numbers on the site's pages, each one aggregate query on the release's tables.

Belongs here: these queries and nothing that loads rows. Not here: how a number is drawn (`charts`) or said (`pages`). A table or column that this
release or this audience lacks gives no rows, and the page says that there is no data. Nothing here reads a pseudonym, a text or a door.
In the public extract small groups are suppressed: a sum that would hold a suppressed count is NULL there, never a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from publishing.site.facts import Facts

Rows = list[dict[str, Any]]

LEVELS = ("door", "way", "community", "division", "none")
DOORS = ("number", "building", "unit", "floor", "room")
WAYS = ("road", "lane", "alley", "crossing", "estate")
COMMUNITIES = ("community", "neighbourhood")
MOST_MONTHS = 24
MOST_DELIVERIES = 60
CELLS = 40
"""Cells along the longer side of the map: a few thousand marks at most, whatever the size of the city."""


def _percent(part: int | None, whole: int | None) -> float | None:
    return round(part * 100.0 / whole, 1) if part is not None and whole else None


class Figures:
    """Aggregates over one release. Every method gives a list of rows (dicts), empty where there is nothing to show."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def has(self, table: str, *columns: str) -> bool:
        """Whether this audience has the table with these columns."""
        known = self.facts.tables.get(table)
        open_to_all = known is not None and self.facts.audience in known.audiences
        return open_to_all and known is not None and set(columns) <= {column.name for column in known.columns}

    def _rows(
        self, sql: str, needs: Mapping[str, Sequence[str]], values: Sequence[object] = (), address: Callable[[str], str] | None = None
    ) -> Rows:
        """Run a query in which `{theme.table}` stands for a table; no rows where a table or column of `needs` is lacking."""
        if not all(self.has(table, *columns) for table, columns in needs.items()):
            return []
        addressed = re.sub(r"\{(\w+\.\w+)\}", lambda match: (address or self.facts.address)(match[1]), sql)
        cursor = self.facts.connection.cursor()
        try:
            result = cursor.execute(addressed, list(values))
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        finally:
            cursor.close()

    def _whole(self, count: str) -> str:
        """A condition on groups: nothing of the group is suppressed. Elsewhere than in the public extract a missing count is no secret."""
        return f"count(*) = count({count})" if self.facts.is_public else "true"

    def _sum(self, count: str, where: str = "true") -> str:
        """The sum of a count over a group; NULL where a part of it is suppressed, 0 over no rows."""
        total = f"coalesce(sum({count}) FILTER (WHERE {where}), 0)::BIGINT"
        return (
            f"CASE WHEN count(*) FILTER (WHERE {where}) = count({count}) FILTER (WHERE {where}) THEN {total} END"
            if self.facts.is_public
            else total
        )

    def _mean(self, mean: str, count: str) -> str:
        """The mean over a group, from the means of its rows and what they are means of."""
        whole = f"sum({count}) FILTER (WHERE {mean} IS NOT NULL)"
        return f"CASE WHEN {self._whole(count)} THEN round(sum({mean} * {count}) / nullif({whole}, 0), 2)::DOUBLE END"

    def _with_totals(self, rows: Rows, table: str, key: str, counts: Sequence[str]) -> Rows:
        """The rows, one for each value of `key`, with suppressed totals of `counts` put in from the whole table where nobody learns a small group from them.

        The extract's suppression lets totals along one key be known where two cells or more are gone; a total stays away where it, or a
        difference it is a term of, is a small group itself.
        """
        if self.facts.whole_address is None or not rows:
            return rows
        groups = [group.partition(" -> ")[0].split(" - ") for group in self.facts.tables[table].small_groups]
        groups = [group for group in groups if set(group) & set(counts)]
        terms = list(dict.fromkeys(column for group in groups for column in group))
        sums = ", ".join(f"coalesce(sum({column}), 0)::BIGINT AS {column}" for column in terms)
        gone = ", ".join(f"count(*) - count({column}) AS {column}" for column in terms)
        needs = {table: (key, *terms)}
        whole = self._rows(f"SELECT {key}, {sums} FROM {{{table}}} GROUP BY {key}", needs, address=self.facts.whole_address)
        hidden = {row[key]: row for row in self._rows(f"SELECT {key}, {gone} FROM {{{table}}} GROUP BY {key}", needs)}
        totals = {row[key]: row for row in whole}
        smallest = self.facts.district.small_group
        for row in rows:
            total = totals[row[key]]
            for count in counts:
                mine = [group for group in groups if count in group]
                sizes = [total[group[0]] - sum(total[part] for part in group[1:]) for group in mine]
                if mine and row[count] is None and hidden[row[key]][count] > 1 and not any(0 < size < smallest for size in sizes):
                    row[count] = total[count]
        return rows

    # What came in

    def books_by_feed(self) -> Rows:
        """Per feed: deliveries and rows, from intake to the theme tables."""
        return self._rows(
            """
            SELECT feed, count(*) AS deliveries, min(delivery_date) AS first_day, max(delivery_date) AS last_day, sum(bytes)::BIGINT AS bytes,
              sum(rows_read)::BIGINT AS rows_read, sum(rows_malformed)::BIGINT AS rows_malformed, sum(rows_refused)::BIGINT AS rows_refused,
              sum(rows_accepted)::BIGINT AS rows_accepted, sum(rows_repeated)::BIGINT AS rows_repeated, sum(rows_in_latest)::BIGINT AS rows_in_latest,
              sum(linked_door)::BIGINT AS door, sum(linked_way)::BIGINT AS way, sum(linked_community)::BIGINT AS community,
              sum(linked_division)::BIGINT AS division, sum(not_linked)::BIGINT AS none, sum(difference)::BIGINT AS difference,
              count(*) FILTER (WHERE status = 'unreadable') AS unreadable, count(*) FILTER (WHERE status = 'stopped') AS stopped
            FROM {subject.reconciliation} GROUP BY feed ORDER BY feed
            """,
            {"subject.reconciliation": ("feed", "rows_read", "linked_door", "difference")},
        )

    def books_by_delivery(self) -> Rows:
        """The latest deliveries of every feed, newest first."""
        return self._rows(
            f"""
            SELECT feed, delivery, delivery_date, version, status, bytes, rows_read, rows_malformed, rows_refused, rows_accepted, rows_repeated,
              rows_replaced, rows_in_clean, rows_superseded, rows_in_latest, linked_door AS door, linked_way AS way, linked_community AS community,
              linked_division AS division, not_linked AS none, rows_in_theme, difference
            FROM {{subject.reconciliation}}
            QUALIFY row_number() OVER (PARTITION BY feed ORDER BY delivery_date DESC, delivery DESC, version DESC) <= {MOST_DELIVERIES}
            ORDER BY feed, delivery_date DESC, delivery DESC, version DESC
            """,
            {"subject.reconciliation": ("feed", "delivery", "rows_read", "linked_door", "difference")},
        )

    # Linking

    def links_by_feed(self) -> Rows:
        """Per feed: records by how deep their link goes."""
        rows = self._rows(
            f"""
            SELECT feed, {self._sum("records")} AS records,
              {self._sum("records", f"address_level IN {DOORS}")} AS door,
              {self._sum("records", f"address_level IN {WAYS}")} AS way,
              {self._sum("records", f"address_level IN {COMMUNITIES}")} AS community,
              {self._sum("records", f"address_level NOT IN {DOORS + WAYS + COMMUNITIES} AND address_level <> '-'")} AS division,
              {self._sum("records", "address_level = '-' OR address_level IS NULL")} AS none,
              {self._sum("with_community")} AS with_community
            FROM {{subject.address_quality}} GROUP BY feed ORDER BY feed
            """,
            {"subject.address_quality": ("feed", "address_level", "records", "with_community")},
        )
        return self._with_totals(rows, "subject.address_quality", "feed", ("records", "with_community"))

    def links_by(self, part: str) -> Rows:
        """Records by `link_outcome`, `link_method` or `address_level`, all feeds together, most first."""
        return self._rows(
            f"""
            SELECT {part} AS part, {self._sum("records")} AS records FROM {{subject.address_quality}}
            GROUP BY {part} ORDER BY records DESC NULLS LAST, part
            """,
            {"subject.address_quality": (part, "records")},
        )

    def links_in_full(self) -> Rows:
        """Feed, level, outcome, method, records."""
        return self._rows(
            "SELECT feed, address_level, link_outcome, link_method, records FROM {subject.address_quality} ORDER BY feed, records DESC NULLS LAST, 2, 3, 4",
            {"subject.address_quality": ("feed", "address_level", "link_outcome", "link_method", "records")},
        )

    def link_reasons(self) -> Rows:
        """Why records were linked or not, most first."""
        return self._rows(
            "SELECT reason_code AS part, count(*) AS records FROM {place.location_link} WHERE reason_code IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 30",
            {"place.location_link": ("reason_code",)},
        )

    def link_scores(self) -> Rows:
        """Records by band of the score and by outcome."""
        return self._rows(
            """
            SELECT CASE WHEN score IS NULL THEN '–' WHEN score >= 0.99 THEN '≥ 0.99' WHEN score >= 0.95 THEN '0.95–0.99' WHEN score >= 0.90 THEN '0.90–0.95'
                WHEN score >= 0.80 THEN '0.80–0.90' ELSE '< 0.80' END AS band, link_outcome AS outcome, count(*) AS records
            FROM {place.location_link} GROUP BY ALL ORDER BY min(score) DESC NULLS LAST, outcome
            """,
            {"place.location_link": ("score", "link_outcome")},
        )

    # Pictures

    def effect_by_month(self) -> Rows:
        """Month: issues, hazards, handled and the satisfied share, all communities together."""
        rows = self._rows(
            f"""
            SELECT month, {self._sum("issues")} AS issues, {self._sum("hazards")} AS hazards, {self._sum("handled")} AS handled,
              {self._sum("satisfied")} AS satisfied, {self._sum("answers")} AS answers,
              {self._mean("mean_response_days", "responded")} AS response_days,
              {self._mean("mean_handling_days", "handled")} AS handling_days
            FROM {{subject.community_monthly_effect}} GROUP BY month
            QUALIFY row_number() OVER (ORDER BY month DESC) <= {MOST_MONTHS} ORDER BY month
            """,
            {
                "subject.community_monthly_effect": (
                    "month",
                    "issues",
                    "hazards",
                    "handled",
                    "satisfied",
                    "answers",
                    "mean_response_days",
                    "responded",
                )
            },
        )
        counts = ("issues", "hazards", "handled", "answers", "satisfied")
        return [
            {**row, "handled_pct": _percent(row["handled"], row["issues"]), "satisfaction_pct": _percent(row["satisfied"], row["answers"])}
            for row in self._with_totals(rows, "subject.community_monthly_effect", "month", counts)
        ]

    def effect_by_community(self) -> Rows:
        """The communities with most issues, by month; those with suppressed months come last."""
        return self._rows(
            f"""
            WITH last AS (SELECT max(month) AS month FROM {{subject.community_monthly_effect}}),
            recent AS (
              SELECT e.* FROM {{subject.community_monthly_effect}} AS e, last WHERE e.month > last.month - INTERVAL 12 MONTH
            ),
            most AS (
              SELECT community_key, {self._sum("issues")} AS total FROM recent GROUP BY 1 ORDER BY total DESC NULLS LAST, community_key LIMIT 24
            )
            SELECT coalesce(r.community, r.community_key) AS community, r.street, r.month, r.issues, r.handled_pct::DOUBLE AS handled_pct,
              r.satisfaction_pct::DOUBLE AS satisfaction_pct, m.total::BIGINT AS total
            FROM recent AS r JOIN most AS m USING (community_key) ORDER BY m.total DESC NULLS LAST, r.community_key, r.month
            """,
            {
                "subject.community_monthly_effect": (
                    "community_key",
                    "community",
                    "street",
                    "month",
                    "issues",
                    "handled_pct",
                    "satisfaction_pct",
                )
            },
        )

    def issues_by_source(self) -> Rows:
        """Month and feed: events."""
        return self._rows(
            f"""
            SELECT date_trunc('month', reported_on)::DATE AS month, feed, count(*) AS events FROM {{event.event}} WHERE reported_on IS NOT NULL
            GROUP BY 1, 2 QUALIFY dense_rank() OVER (ORDER BY date_trunc('month', reported_on)::DATE DESC) <= {MOST_MONTHS} ORDER BY month, feed
            """,
            {"event.event": ("reported_on", "feed")},
        )

    def hot_words(self) -> Rows:
        """The newest period's words with their weight and count, heaviest first."""
        for table in ("subject.hot_word", "sentiment.hot_word"):
            known = {column.name for column in self.facts.tables[table].columns} if table in self.facts.tables else set()
            period = next((name for name in ("period", "month", "week", "period_start") if name in known), None)
            count = next((name for name in ("reports", "events", "mentions", "tickets", "count") if name in known), None)
            if not period or not {"word", "weight"} <= known:
                continue
            kinds = "WHERE period_kind = (SELECT min(period_kind) FROM {" + table + "})" if "period_kind" in known else ""
            rows = self._rows(
                f"""
                WITH chosen AS (SELECT * FROM {{{table}}} {kinds}),
                newest AS (SELECT max("{period}") AS period FROM chosen)
                SELECT c.word, max(c.weight)::DOUBLE AS weight, {f'sum(c."{count}")::BIGINT' if count else "NULL::BIGINT"} AS reports, any_value(n.period) AS period
                FROM chosen AS c JOIN newest AS n ON c."{period}" = n.period WHERE c.weight IS NOT NULL
                GROUP BY c.word ORDER BY weight DESC, c.word LIMIT 80
                """,
                {table: (period, "word", "weight")},
            )
            if rows:
                return self._large_enough(rows)
        return []

    def _large_enough(self, rows: Rows) -> Rows:
        smallest = self.facts.district.small_group if self.facts.is_public else 0
        return [row for row in rows if row["reports"] is None or row["reports"] >= smallest]

    def hot_topics(self) -> Rows:
        """The newest week's topics, heaviest first."""
        return self._rows(
            """
            SELECT week, category_key, coalesce(community, '–') AS community, reports, usual::DOUBLE AS usual, weight::DOUBLE AS weight
            FROM {subject.hot_topic} WHERE weight IS NOT NULL AND week = (SELECT max(week) FROM {subject.hot_topic}) ORDER BY weight DESC, category_key, community_key LIMIT 15
            """,
            {"subject.hot_topic": ("week", "category_key", "community", "community_key", "reports", "usual", "weight")},
        )

    def deadlines_by_department(self) -> Rows:
        """Department: on time, late, overdue over the last 12 months, most first; those with a suppressed sum last."""
        return self._rows(
            f"""
            WITH counted AS (
              SELECT department_code, any_value(coalesce(department, department_code) ORDER BY month DESC) AS department, {self._sum("on_time")} AS on_time,
                {self._sum("late")} AS late, {self._sum("overdue")} AS overdue
              FROM {{subject.department_scorecard}}
              WHERE month > (SELECT max(month) FROM {{subject.department_scorecard}}) - INTERVAL 12 MONTH GROUP BY department_code
            )
            SELECT department, on_time, late, overdue, round(on_time * 100.0 / (on_time + late + overdue), 1)::DOUBLE AS on_time_pct FROM counted
            WHERE coalesce(on_time + late + overdue, 1) > 0 ORDER BY on_time + late + overdue DESC NULLS LAST, department_code LIMIT 20
            """,
            {"subject.department_scorecard": ("department_code", "department", "month", "on_time", "late", "overdue")},
        )

    def dispatch_by_month(self) -> Rows:
        """Month and feed: median minutes to dispatch, share within 30 minutes."""
        return self._rows(
            f"""
            SELECT month, feed, dispatched, median_minutes, p95_minutes, within_30_pct::DOUBLE AS within_30_pct FROM {{subject.dispatch_latency}}
            QUALIFY dense_rank() OVER (ORDER BY month DESC) <= {MOST_MONTHS} ORDER BY month, feed
            """,
            {"subject.dispatch_latency": ("month", "feed", "dispatched", "median_minutes", "p95_minutes", "within_30_pct")},
        )

    def repeats_by_category(self) -> Rows:
        """Category: repeated reports of the same person about the same matter, and those after it was said to be handled."""
        return self._rows(
            """
            SELECT category_key, count(*) AS groups, sum(reports)::BIGINT AS reports, sum(repeats)::BIGINT AS repeats, sum(after_handled)::BIGINT AS after_handled
            FROM {subject.repeat_complaint} GROUP BY category_key HAVING sum(repeats) >= ? ORDER BY repeats DESC, category_key LIMIT 20
            """,
            {"subject.repeat_complaint": ("category_key", "reports", "repeats", "after_handled")},
            [self.facts.district.small_group],
        )

    def flow_nodes(self) -> Rows:
        """Node of the flow: events that reach it, visits, median and 90th percentile of hours spent."""
        return self._rows(
            """
            SELECT status, count(DISTINCT event_id) AS events, count(*) AS visits, round(quantile_cont(minutes, 0.5) / 60.0, 1)::DOUBLE AS median_hours,
              round(quantile_cont(minutes, 0.9) / 60.0, 1)::DOUBLE AS p90_hours, count(*) FILTER (WHERE is_legal IS FALSE) AS unforeseen
            FROM {event.event_node} WHERE status IS NOT NULL GROUP BY status ORDER BY events DESC, status
            """,
            {"event.event_node": ("status", "event_id", "minutes", "is_legal")},
        )

    def flow_steps(self) -> Rows:
        """From node, to node: how often; the rarest (below the small group size) are left out."""
        return self._rows(
            """
            SELECT previous_status AS source, status AS target, count(*) AS times FROM {event.event_node}
            WHERE previous_status IS NOT NULL AND status IS NOT NULL GROUP BY ALL HAVING count(*) >= ? ORDER BY times DESC, 1, 2 LIMIT 40
            """,
            {"event.event_node": ("previous_status", "status")},
            [self.facts.district.small_group],
        )

    def places(self) -> Rows:
        """Communities with a point: the register's own, else the middle of their buildings; issues of the last 12 months, handled share."""
        known = "n.issues IS NOT NULL" if self.facts.is_public else "true"  # a suppressed count is not 0
        return self._rows(
            f"""
            WITH middle AS (
              SELECT community_key, avg(lng)::DOUBLE AS lng, avg(lat)::DOUBLE AS lat FROM {{place.building}} WHERE lng IS NOT NULL AND lat IS NOT NULL GROUP BY 1
            ),
            counted AS (
              SELECT community_key, sum(issues)::BIGINT AS issues, round({self._sum("handled")} * 100.0 / nullif(sum(issues), 0), 1)::DOUBLE AS handled_pct
              FROM {{subject.community_monthly_effect}}
              WHERE month > (SELECT max(month) FROM {{subject.community_monthly_effect}}) - INTERVAL 12 MONTH GROUP BY 1 HAVING {self._whole("issues")}
            )
            SELECT c.name AS community, c.street, coalesce(c.lng::DOUBLE, m.lng) AS lng, coalesce(c.lat::DOUBLE, m.lat) AS lat, coalesce(n.issues, 0) AS issues, n.handled_pct
            FROM {{place.community}} AS c LEFT JOIN middle AS m USING (community_key) LEFT JOIN counted AS n USING (community_key)
            WHERE coalesce(c.lng::DOUBLE, m.lng) IS NOT NULL AND coalesce(c.lat::DOUBLE, m.lat) IS NOT NULL AND {known} ORDER BY issues DESC, c.community_key
            """,
            {
                "place.community": ("community_key", "name", "street", "lng", "lat"),
                "place.building": ("community_key", "lng", "lat"),
                "subject.community_monthly_effect": ("community_key", "month", "issues", "handled"),
            },
        )

    def ground(self) -> Rows:
        """The built ground as square cells: middle of the cell, its side in degrees of latitude, buildings in it, events at these buildings (none below the small group)."""
        return self._rows(
            f"""
            WITH reach AS (
              SELECT quantile_cont(lng, 0.001)::DOUBLE AS west, quantile_cont(lat, 0.001)::DOUBLE AS south, cos(radians(quantile_cont(lat, 0.5)::DOUBLE)) AS narrow,
                greatest((quantile_cont(lng, 0.999) - quantile_cont(lng, 0.001))::DOUBLE * cos(radians(quantile_cont(lat, 0.5)::DOUBLE)),
                  (quantile_cont(lat, 0.999) - quantile_cont(lat, 0.001))::DOUBLE, 0.000001) / {CELLS} AS side
              FROM {{place.building}} WHERE lng IS NOT NULL AND lat IS NOT NULL
            ),
            seen AS (SELECT building_key, count(*) AS events FROM {{event.event}} WHERE building_key IS NOT NULL GROUP BY 1),
            cells AS (
              SELECT floor((b.lng::DOUBLE - r.west) * r.narrow / r.side)::INTEGER AS x, floor((b.lat::DOUBLE - r.south) / r.side)::INTEGER AS y, count(*) AS buildings,
                coalesce(sum(s.events), 0)::BIGINT AS events, any_value(r.west) AS west, any_value(r.south) AS south, any_value(r.side) AS side, any_value(r.narrow) AS narrow
              FROM {{place.building}} AS b LEFT JOIN seen AS s USING (building_key), reach AS r WHERE b.lng IS NOT NULL AND b.lat IS NOT NULL GROUP BY 1, 2
            )
            SELECT west + (x + 0.5) * side / narrow AS lng, south + (y + 0.5) * side AS lat, side, buildings, CASE WHEN events >= ? THEN events ELSE 0 END AS events
            FROM cells WHERE x BETWEEN -1 AND {CELLS} AND y BETWEEN -1 AND {CELLS} ORDER BY y, x
            """,
            {"place.building": ("building_key", "lng", "lat"), "event.event": ("building_key",)},
            [self.facts.district.small_group],
        )

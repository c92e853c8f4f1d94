"""The rules of the trade: clock, flow, same matter, texts, alerts, measures; Arrow in, Arrow out.

Belongs here: what SQL says badly. `STEPS` lists the tables that are built by a function instead of a SQL model. Does not belong here:
reading or writing files or libraries (`warehouse` runs the steps).
"""

from __future__ import annotations

import contracts
from contracts.step import PythonStep
from governance import catalogue, deadlines, hot_words, matter, measures, text_category, work_calendar


def _from_nothing(table: str) -> dict[str, tuple[str, ...]]:
    """Origins of a table that says what the project declares: its columns come from no input."""
    return {column.name: () for column in contracts.tables()[table].columns}


STEPS: tuple[PythonStep, ...] = (
    PythonStep("event.deadline", deadlines.INPUTS, deadlines.deadlines, uses_as_of=True, origins=deadlines.ORIGINS),
    PythonStep("event.event_pair", matter.PAIR_INPUTS, matter.event_pair, origins=matter.PAIR_ORIGINS),
    PythonStep("event.event_cluster", matter.CLUSTER_INPUTS, matter.event_cluster, origins=matter.CLUSTER_ORIGINS),
    PythonStep("event.text_category", text_category.INPUTS, text_category.text_category, origins=text_category.ORIGINS),
    PythonStep("event.work_day", work_calendar.INPUTS, work_calendar.work_days, origins=work_calendar.ORIGINS),
    PythonStep("sentiment.hot_word", hot_words.INPUTS, hot_words.hot_words, uses_as_of=True, origins=hot_words.ORIGINS),
    PythonStep("subject.catalogue", (), catalogue.catalogue, origins=_from_nothing("subject.catalogue")),
    PythonStep("subject.metric", (), measures.metrics, origins=_from_nothing("subject.metric")),
    PythonStep("subject.metric_value", measures.inputs(), measures.metric_values, uses_as_of=True, origins=measures.origins()),
)
"""The tables that this package builds; the builder puts them in order with the SQL models by their inputs."""

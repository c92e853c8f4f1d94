"""Great Expectations' side of a compiled rule: one metric, one expectation, and the import of the library itself.

Belongs here: what must subclass Great Expectations. Import this module only where checks run: the library takes seconds to load. Not here:
which rules there are and what their SQL is (`checks`).

The metric is an aggregate, so Great Expectations bundles the metrics of all expectations on a table into one SELECT: twenty rules cost one
scan, and each keeps its own expectation and result.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

_UNUSED = ("altair", "scipy.stats")
"""Libraries that Great Expectations loads for charts and distribution tests: half of its import time, and no rule of ours needs them."""


class _Deferred(types.ModuleType):
    """Stands in for a module until something asks it for a name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _deferred() -> Iterator[None]:
    """Within the block the unused libraries are imported by name only; after it an import means the library itself again."""
    made = {name: _Deferred(name) for name in _UNUSED if name not in sys.modules}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module in made.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules and vars(sys.modules[parent]).get(child) is module:
                delattr(sys.modules[parent], child)


# Read when the library is imported: no analytics, no progress bars.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ.setdefault("TQDM_DISABLE", "1")
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)

with warnings.catch_warnings(), _deferred():
    warnings.simplefilter("ignore")
    import great_expectations as gx
    import sqlalchemy as sa
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.expectations.metrics.metric_provider import metric_partial
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider


class RuleViolations(TableMetricProvider):  # type: ignore[misc]
    """How many violations an aggregate expression counts in a table."""

    metric_name = "govlake.rule_violations"
    value_keys = ("violations",)

    @metric_partial(  # type: ignore[untyped-decorator]
        engine=SqlAlchemyExecutionEngine, partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN, domain_type=MetricDomainTypes.TABLE
    )
    def _sqlalchemy(
        cls,
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        return sa.literal_column(metric_value_kwargs["violations"]), metric_domain_kwargs, {}


class ExpectRuleToHold(BatchExpectation):  # type: ignore[misc]
    """Expect no violation. `violations` is the aggregate expression that counts them, `rule` the rule's name."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("govlake.rule_violations", "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("violations",)
    rule: str
    violations: str

    def _validate(self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None) -> dict[str, Any]:
        violations, rows = int(metrics["govlake.rule_violations"]), int(metrics["table.row_count"])
        return {"success": violations == 0, "result": {"observed_value": violations, "element_count": rows}}


__all__ = ["ExpectRuleToHold", "RuleViolations", "gx"]

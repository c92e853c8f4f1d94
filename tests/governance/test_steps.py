"""Every Python step says where each of its columns comes from."""

from __future__ import annotations

import pytest

import contracts
from contracts.step import PythonStep
from governance import STEPS

LEDGER = ("addresses", "ledger", "run")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.table)
def test_origins_name_every_column_of_the_table_and_only_columns_of_its_inputs(step: PythonStep) -> None:
    assert set(step.origins) == {column.name for column in contracts.tables()[step.table].columns}
    for source in {source for sources in step.origins.values() for source in sources}:
        relation, _, column = source.rpartition(".")
        assert relation in step.inputs
        schema, _, name = relation.partition(".")
        if schema in LEDGER:
            continue
        declared = contracts.settings()[name] if schema == "district" else contracts.tables().get(relation) or contracts.feeds()[name]
        assert column in {known.name for known in declared.columns}, source

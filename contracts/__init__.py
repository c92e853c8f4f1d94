"""Data contracts: what every feed, table and district setting promises, declared once.

Belongs here: the contract and district models, their loaders, and everything that is derived from a contract alone (Arrow and
DuckDB schemas, comments, ODCS). Does not belong here: reading data, cleaning data, building tables. This package imports none of
the others.
"""

from contracts.load import ContractError, Retired, feeds, retired, settings, tables
from contracts.model import Column, Feed, Protection, Table, TableRule

__all__ = ["Column", "ContractError", "Feed", "Protection", "Retired", "Table", "TableRule", "feeds", "retired", "settings", "tables"]

"""The SQLAlchemy dialect that lets Great Expectations read an open DuckDB connection.

Belongs here: the dialect and the registry of connections lent to it. Great Expectations closes a result's connection before it fetches
its rows, and DuckDB's cursor is gone with it: so each result is buffered when it is executed. The connection is the writer's own, since
a second one cannot be opened beside it; closing it is the writer's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import duckdb_engine
from sqlalchemy import pool
from sqlalchemy.dialects import registry
from sqlalchemy.engine import cursor as engine_cursor
from sqlalchemy.engine.default import DefaultExecutionContext

NAME = "govlake"
_lent: dict[str, duckdb.DuckDBPyConnection] = {}


class _BufferedContext(DefaultExecutionContext):
    def post_exec(self) -> None:
        if self.cursor.description:
            self.cursor_fetch_strategy = engine_cursor.FullyBufferedCursorFetchStrategy(self.cursor, initial_buffer=self.cursor.fetchall())


class Dialect(duckdb_engine.Dialect):
    """DuckDB over a lent connection: `govlake://<name>`."""

    name = "duckdb"
    execution_ctx_cls = _BufferedContext  # type: ignore[assignment]
    supports_statement_cache = False

    def create_connect_args(self, url: Any) -> tuple[tuple[str], dict[str, Any]]:
        return (url.host,), {}

    def connect(self, *arguments: Any, **_options: Any) -> Any:
        return duckdb_engine.ConnectionWrapper(_lent[arguments[0]].cursor())

    @classmethod
    def get_pool_class(cls, url: Any) -> type[pool.Pool]:
        return pool.StaticPool

    def initialize(self, connection: Any) -> None:
        """Nothing to ask of the server: the connection is open and its settings are the writer's."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Reading leaves nothing to roll back; the writer's transaction is not ours to end."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """As do_rollback."""

    def do_begin(self, dbapi_connection: Any) -> None:
        """As do_rollback."""


registry.register(NAME, __name__, "Dialect")


@contextmanager
def lent(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Lend an open connection; gives the URL under which Great Expectations reaches it."""
    name = f"connection{id(connection)}"
    _lent[name] = connection
    try:
        yield f"{NAME}://{name}"
    finally:
        del _lent[name]

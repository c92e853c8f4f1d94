"""What `govlake sql` lets in, what it refuses, and how results come out. The libraries here are small and made by hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.commands import query
from pipelines.commands.outcome import CommandFailed
from pipelines.commands.shell import Shell

ROWS = 3


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one release of two small libraries, current by link."""
    internal = tmp_path / "home" / "releases" / "r1" / "internal"
    internal.mkdir(parents=True)
    for library, table in (("event", "ticket"), ("place", "address")):
        with duckdb.connect(str(internal / f"{library}.duckdb")) as made:
            made.execute(f"CREATE TABLE {table} AS SELECT range AS id, '=1+1' AS note, 1.50::DECIMAL(9,2) AS amount FROM range({ROWS})")
            made.execute(f"COMMENT ON TABLE {table} IS '工单 | Tickets. grain: one row'")
            made.execute(f"COMMENT ON COLUMN {table}.id IS '编号 | Number'")
    (tmp_path / "home" / "releases" / "current").symlink_to("r1")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    return tmp_path / "home"


@pytest.fixture
def connection(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with query.reader(home / "releases" / "r1" / "internal") as opened:
        yield opened


def ask(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """The answer as CSV; a plan as its text."""
    said = io.StringIO()
    for statement in query.statements(connection, text):
        relation = query.run(connection, statement)
        query.write(relation, "table" if statement.type.name == "EXPLAIN" else "csv", said)
    return said.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM event.ticket",
        "FROM place.address LIMIT 1",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "VALUES (1)",
        "DESCRIBE event.ticket",
        "SHOW ALL TABLES",
        "SHOW DATABASES",
        "SUMMARIZE event.ticket",
        "EXPLAIN SELECT 1",
        "/* why */ EXPLAIN -- plan\n ANALYZE SELECT count(*) FROM event.ticket",
        "EXPLAIN (FORMAT json) SELECT 1",
        "SELECT e.id FROM event.ticket AS e JOIN place.address AS p ON e.id = p.id",
        "PIVOT event.ticket ON note IN ('=1+1') USING sum(id)",
        "SELECT ';', '--', '/* DROP TABLE event.ticket */'",
    ],
)
def test_reading_is_let_in(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert ask(connection, text)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO event.ticket VALUES (9, 'x', 1)",
        "UPDATE event.ticket SET id = 1",
        "DELETE FROM event.ticket",
        "DROP TABLE event.ticket",
        "CREATE TABLE memory.x AS SELECT 1",
        "CREATE TEMP TABLE x AS SELECT 1",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "COPY event.ticket FROM '{folder}/secret.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/other.duckdb'",
        "DETACH event",
        "INSTALL httpfs",
        "FORCE INSTALL httpfs",
        "LOAD httpfs",
        "UPDATE EXTENSIONS",
        "CREATE SECRET (TYPE s3)",
        "CREATE MACRO memory.f() AS 1",
        "ALTER TABLE event.ticket ADD COLUMN x INTEGER",
        "TRUNCATE event.ticket",
        "MERGE INTO event.ticket USING event.ticket AS b ON true WHEN MATCHED THEN DELETE",
        "EXECUTE p",
        "SET VARIABLE x = 1",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "PRAGMA enable_profiling",
        "PRAGMA json_execute_serialized_sql('x')",
        "SELECT 1; SET enable_external_access = true; SELECT * FROM read_text('{folder}/secret.csv')",
        "SET threads = 1",
        "RESET threads",
        "PRAGMA database_list",
        "CALL duckdb_settings()",
        "USE event",
        "CHECKPOINT",
        "VACUUM",
        "PREPARE p AS SELECT 1",
        "BEGIN TRANSACTION",
        "COMMENT ON TABLE event.ticket IS 'x'",
        "EXPLAIN ANALYZE CREATE TABLE memory.x AS SELECT 1",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
        "EXPLAIN /* a */ ANALYZE /* SELECT */ CREATE TABLE memory.x AS SELECT 1",
        "EXPLAIN (ANALYZE, FORMAT json) CREATE TABLE memory.x AS SELECT 1",
        "SELECT 1; DROP TABLE event.ticket",
        "PIVOT event.ticket ON note USING sum(id)",
    ],
)
def test_everything_else_is_refused_before_anything_runs(connection: duckdb.DuckDBPyConnection, text: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(query.NotAllowed):
        query.statements(connection, text.format(folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before
    assert connection.execute("SELECT count(*) FROM event.ticket").fetchall() == [(ROWS,)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM read_blob('{folder}/*')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{folder}/secret.csv')",
        "SELECT * FROM read_text('https://127.0.0.1:9/x')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_csv_auto('/dev/stdin')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM read_parquet('{folder}/secret.parquet')",
        "SELECT * FROM parquet_metadata('{folder}/secret.parquet')",
        "SELECT * FROM read_blob('file:///etc/passwd')",
        "SELECT * FROM read_duckdb('{folder}/other.duckdb')",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''/etc/passwd'')'))",
        "SELECT (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT * FROM duckdb_secrets()",
        "EXPLAIN ANALYZE SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{folder}/logs')",
        "SELECT * FROM enable_profiling(save_location = '{folder}/profile.json')",
    ],
)
def test_files_outside_the_release_are_out_of_reach(connection: duckdb.DuckDBPyConnection, text: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(query.NotAllowed, match="outside the release"):
        ask(connection, text.format(folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "text",
    [
        "SELECT getenv('HOME')",
        "SELECT * FROM sqlite_scan('{folder}/x', 'y')",
        "SELECT * FROM st_read('{folder}/secret.csv')",
        "SELECT * FROM delta_scan('{folder}')",
        "SELECT * FROM query('COPY (SELECT 1) TO out')",
        "SELECT set_config('threads', '1')",
    ],
)
def test_environment_and_extensions_do_not_exist_here(connection: duckdb.DuckDBPyConnection, text: str, tmp_path: Path) -> None:
    """No extension is fetched or loaded for a function that needs one."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CommandFailed):
        ask(connection, text.format(folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_writing_hidden_in_a_select_is_stopped_by_the_read_only_library(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(CommandFailed):
        ask(connection, "WITH a AS (INSERT INTO event.ticket VALUES (9, 'x', 1) RETURNING id) SELECT * FROM a")
    assert ask(connection, "SELECT count(*) FROM event.ticket").endswith(f"\n{ROWS}\n")


def test_python_variables_are_no_tables(connection: duckdb.DuckDBPyConnection) -> None:
    hidden = duckdb.sql("SELECT 1 AS secret").to_arrow_table()
    assert hidden.num_rows == 1
    with pytest.raises(CommandFailed):
        ask(connection, "SELECT * FROM hidden")


def test_a_large_sort_spills_and_leaves_nothing_behind(home: Path) -> None:
    with query.reader(home / "releases" / "r1" / "internal", memory="100MB") as connection:
        spill = Path(connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0])
        top = ask(
            connection,
            "SELECT max(m) FROM (SELECT md5(range::TEXT) AS m, row_number() OVER (ORDER BY md5(range::TEXT)) FROM range(2000000))",
        )
    assert top.count("\n") == 2
    assert not spill.exists()


def call(*arguments: str, input: str | None = None) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, list(arguments), input=input)
    return result.exit_code, result.stdout, result.exception


def test_csv_gives_header_and_all_rows(home: Path) -> None:
    code, said, _ = call("sql", "SELECT id, note FROM event.ticket ORDER BY id", "--home", str(home), "-f", "csv", "--rows", "1")
    assert code == 0
    assert list(csv.reader(io.StringIO(said))) == [["id", "note"], ["0", "=1+1"], ["1", "=1+1"], ["2", "=1+1"]]


def test_json_keeps_numbers_as_numbers(home: Path) -> None:
    code, said, _ = call(
        "sql", "SELECT id, amount, DATE '2026-03-31' AS day, NULL AS none FROM event.ticket", "--home", str(home), "-f", "json"
    )
    assert code == 0
    assert json.loads(said)[0] == {"id": 0, "amount": 1.5, "day": "2026-03-31", "none": None}
    assert json.loads(call("sql", "SELECT 1 WHERE false", "--home", str(home), "-f", "json")[1]) == []


def test_queries_come_from_a_pipe_too(home: Path) -> None:
    code, said, _ = call("sql", "--home", str(home), "-f", "csv", input="SELECT 1 AS a; SELECT 2 AS b;")
    assert (code, said) == (0, "a\n1\nb\n2\n")


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet", ".xlsx"])
def test_a_result_is_written_to_a_file_whole(home: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"result{ending}"
    code, _, error = call("sql", "SELECT id, note, amount FROM event.ticket ORDER BY id", "--home", str(home), "-o", str(target))
    assert (code, error) == (0, None)
    assert [path.name for path in tmp_path.glob("*result*")] == [target.name]
    if ending == ".csv":
        assert target.read_bytes().startswith(b"\xef\xbb\xbfid,note,amount\n")
    elif ending == ".xlsx":
        import openpyxl

        sheet = openpyxl.load_workbook(target).active
        assert sheet is not None
        cell = sheet["B2"]
        assert (cell.value, cell.data_type) == ("=1+1", "s")
    else:
        found = duckdb.sql(f"SELECT count(*), sum(id) FROM '{target}'").fetchall()
        assert found == [(ROWS, 3)]


def test_an_unknown_ending_or_query_fails_with_a_remedy(home: Path, tmp_path: Path) -> None:
    code, _, error = call("sql", "SELECT 1", "--home", str(home), "-o", str(tmp_path / "x.doc"))
    assert code == 1
    assert isinstance(error, CommandFailed)
    assert ".xlsx" in error.message
    _, _, error = call("sql", "SELECT * FROM event.nothing", "--home", str(home))
    assert isinstance(error, CommandFailed)
    assert error.remedy


def test_without_home_or_release_the_error_says_what_to_do(tmp_path: Path, home: Path) -> None:
    _, _, error = call("sql", "SELECT 1", "--home", str(tmp_path / "none"))
    assert isinstance(error, CommandFailed)
    assert "govlake demo" in error.remedy
    _, _, error = call("sql", "SELECT 1", "--home", str(home), "--release", "r9")
    assert isinstance(error, CommandFailed)
    assert "release list" in error.remedy
    _, _, error = call("sql", "SELECT 1", "--home", str(home), "--audience", "public")
    assert isinstance(error, CommandFailed)
    assert "--audience" in error.remedy
    assert not (tmp_path / "none").exists()


def test_a_copied_folder_of_libraries_can_be_asked_without_a_home(home: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    (home / "releases" / "r1" / "internal").rename(copied)
    assert call("sql", "SELECT count(*) AS n FROM event.ticket", "--release", str(copied), "-f", "csv")[:2] == (0, f"n\n{ROWS}\n")


def test_the_shell_lists_describes_formats_exports(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    shell = Shell(connection)
    assert "event.ticket" in shell.take(".tables")
    assert "event.ticket" not in shell.take(".tables address")
    described = shell.take(".describe event.ticket")
    assert "编号 | Number" in described
    assert "工单 | Tickets" in described
    assert "│" in shell.take("SELECT 1 AS a;")
    shell.take(".format csv")
    assert shell.take("SELECT 1 AS a;") == "a\n1\n"
    assert "1 rows" in shell.take(f".export {tmp_path / 'out.csv'}")
    assert (tmp_path / "out.csv").is_file()
    assert ".tables" in shell.take(".help")
    shell.take(".exit")
    assert not shell.open


@pytest.mark.parametrize(
    "entry", [".nothing", ".describe", ".describe nothing", ".format xml", ".export", '.describe "open', "DROP TABLE event.ticket;"]
)
def test_the_shell_says_what_it_cannot_do(connection: duckdb.DuckDBPyConnection, entry: str) -> None:
    with pytest.raises(CommandFailed):
        Shell(connection).take(entry)

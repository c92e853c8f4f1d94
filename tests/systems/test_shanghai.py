"""Shanghai community cloud: ledgers filled from what is known, with names for the restricted audience alone; the visit log."""

from __future__ import annotations

import duckdb
import pytest


@pytest.fixture(scope="module")
def shanghai(city):
    return city("shanghai")


@pytest.fixture(scope="module")
def register(lake):
    """Names, identity numbers and phones of everyone in the register and of every caller."""
    with duckdb.connect() as connection:
        household, ticket = lake.relation("clean/household"), lake.relation("clean/ticket")
        rows = connection.execute(f"""
            SELECT DISTINCT unnest([name, id_number, phone]) FROM {household}
            UNION SELECT DISTINCT unnest([caller_name, caller_phone]) FROM {ticket}""").fetchall()
    return {value for (value,) in rows if value}


def test_the_household_ledger_holds_everyone_of_the_register_with_what_is_known(shanghai) -> None:
    assert shanghai.value("SELECT count(*) FROM subject.household_ledger") == shanghai.value("SELECT count(*) FROM person.residence") > 500
    for column, least in (("name", 1.0), ("address_path", 0.9), ("phone", 0.5), ("age", 0.9)):
        assert float(shanghai.value(f"SELECT count({column}) / count(*) FROM subject.household_ledger")) >= least, column


def test_eleven_ledgers_are_filled_by_rules(shanghai) -> None:
    ledgers = shanghai.rows("SELECT ledger_zh, count(*) FROM person.person_group GROUP BY ledger_zh")
    assert len(ledgers) == 11
    alone = shanghai.rows("SELECT DISTINCT person_key FROM person.person_group WHERE rule = 'elderly_alone'")
    counted = shanghai.rows("""
        SELECT DISTINCT l.person_key FROM subject.household_ledger AS l
        JOIN (SELECT household_key FROM subject.household_ledger GROUP BY 1 HAVING count(DISTINCT person_key) = 1) AS a ON a.household_key = l.household_key
        WHERE l.age >= 60
        UNION SELECT person_key FROM person.person_tag WHERE tag = 'elderly_alone'""")
    assert set(alone) == set(counted) != set()


def test_a_ledger_opens_with_names_and_the_days_since_the_last_visit(shanghai) -> None:
    ledger = "SELECT l.name, l.address_path, g.met_by, l.last_visited_at FROM person.person_group AS g JOIN subject.household_ledger AS l ON l.person_key = g.person_key WHERE g.rule = 'elderly_alone'"
    rows = shanghai.rows(ledger)
    assert rows
    assert all(name for name, *_ in rows)
    assert any(visited for *_, visited in rows)


def test_no_name_number_or_phone_leaves_the_restricted_libraries(shanghai, register) -> None:
    assert len(register) > 1000
    shown = []
    for path in sorted((shanghai.folder / "internal").glob("*.duckdb")):
        with duckdb.connect(str(path), read_only=True) as connection:
            texts = connection.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE data_type = 'VARCHAR' AND NOT internal"
            ).fetchall()
            for table, column in texts:
                values = {value for (value,) in connection.execute(f'SELECT DISTINCT "{column}" FROM "{table}"').fetchall()}
                shown += [f"{path.stem}.{table}.{column}" for _ in values & register]
    assert shown == []


def test_names_stand_in_the_restricted_library(shanghai, register) -> None:
    names = set(shanghai.column("SELECT DISTINCT name FROM subject.household_ledger"))
    assert names <= register
    with duckdb.connect(str(shanghai.folder / "internal" / "subject.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'household_ledger'").fetchall() == [(0,)]


def test_the_visit_log_says_whom_which_worker_met_and_when(shanghai) -> None:
    assert shanghai.value("SELECT count(*) FROM person.visit") > 100
    assert {"met", "absent"} <= set(shanghai.column("SELECT DISTINCT result FROM person.visit"))
    stray = "SELECT v.visit_no FROM person.visit AS v LEFT JOIN person.household AS h ON h.household_key = v.household_key WHERE h.household_key IS NULL"
    known = shanghai.value("SELECT count(*) FROM person.visit WHERE household_key IS NOT NULL")
    assert known - len(shanghai.rows(stray)) > 0.9 * known
    last = "SELECT l.household_key FROM subject.household_ledger AS l JOIN (SELECT household_key, max(visited_at) AS at FROM person.visit GROUP BY 1) AS v ON v.household_key = l.household_key WHERE l.last_visited_at IS DISTINCT FROM v.at"
    assert shanghai.rows(last) == []


def test_the_queries_of_the_page_have_answers(shanghai, queries) -> None:
    given = shanghai.answered(queries("shanghai"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []

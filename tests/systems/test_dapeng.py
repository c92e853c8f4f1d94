"""Dapeng: the same matter reported again is found, by anyone in any channel; 14 hot domains; hot words; pseudonyms that join without names."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest


@pytest.fixture(scope="module")
def dapeng(city):
    return city("dapeng")


def test_every_item_belongs_to_one_of_14_hot_domains(dapeng) -> None:
    assert dapeng.rows("SELECT count(DISTINCT domain), count(*) = count(domain) FROM organization.matter_item") == [(14, True)]
    topics = "SELECT t.category_key FROM subject.hot_topic AS t JOIN organization.matter_item AS i ON i.category_key = t.category_key WHERE t.domain IS DISTINCT FROM i.domain"
    assert dapeng.rows(topics) == []
    assert dapeng.value("SELECT count(DISTINCT domain) FROM subject.hot_topic") >= 5


def test_a_matter_reported_again_is_found_whoever_reports_it_in_whatever_channel(dapeng, shared) -> None:
    truth = pl.read_parquet(shared / "home" / "truth" / "matter.parquet").select("feed", "record_key", "matter")
    columns = ("event_id", "matter_id", "feed", "record_key", "reporter_key")
    rows = dapeng.rows(
        "SELECT c.event_id, c.matter_id, e.feed, e.record_key, e.reporter_key FROM event.event_cluster AS c JOIN event.event AS e ON e.event_id = c.event_id"
    )
    made = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    both = made.join(truth, on=["feed", "record_key"])
    assert both.height > 0.9 * made.filter(pl.col("feed") != "device_reading").height
    pairs = both.join(both, on="matter_id", suffix="_2").filter(pl.col("event_id") < pl.col("event_id_2"))
    right = pairs.filter(pl.col("matter") == pl.col("matter_2"))
    assert right.height / pairs.height > 0.9
    true_pairs = both.join(both, on="matter", suffix="_2").filter(pl.col("event_id") < pl.col("event_id_2"))
    assert right.height / true_pairs.height > 0.5
    assert right.filter(pl.col("reporter_key") != pl.col("reporter_key_2")).height > 0
    assert right.filter(pl.col("feed") != pl.col("feed_2")).height > 0


def test_hot_words_have_weights(dapeng) -> None:
    words = dapeng.rows("SELECT word, reports, usual, weight FROM subject.hot_word")
    assert words
    assert all(weight is not None for *_, weight in words)
    assert all(reports > usual for _, reports, usual, _ in words)


def test_reports_join_to_people_by_a_keyed_pseudonym_and_no_name_is_seen(dapeng, lake) -> None:
    joined = "SELECT count(DISTINCT p.person_key) FROM event.ticket AS t JOIN person.person AS p ON p.phone_key = t.caller_key"
    assert dapeng.value(joined) > 100
    with duckdb.connect() as connection:
        phones = connection.execute(
            f"SELECT DISTINCT caller_phone FROM {lake.relation('clean/ticket')} WHERE caller_phone IS NOT NULL"
        ).fetchall()
    keys = set(dapeng.column("SELECT caller_key FROM event.ticket WHERE caller_key IS NOT NULL"))
    assert keys
    assert not keys & {phone for (phone,) in phones}


def test_the_same_phone_has_the_same_pseudonym_in_every_feed(dapeng) -> None:
    both = "SELECT count(DISTINCT t.caller_key) FROM event.ticket AS t JOIN event.petition AS p ON p.petitioner_key = t.caller_key"
    assert dapeng.value(both) > 0


def test_the_queries_of_the_page_have_answers(dapeng, queries) -> None:
    given = dapeng.answered(queries("dapeng"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []

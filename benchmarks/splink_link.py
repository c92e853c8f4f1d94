"""Splink links texts to plates on parsed columns. Runs in Splink's own environment (`benchmarks.link` makes it); imports nothing of the project.

python splink_link.py PLATES.parquet TEXTS.parquet OUT.parquet. Both inputs: unique_id, district, road, lane, alley, number. OUT: the likeliest
plate of each text, where one is alone at the top with 0.5 or more: text, plate, match_probability. Prints seconds of set-up with training and of
prediction. The share of agreement among true pairs (m) is given, since expectation maximisation settles on lane-mates here; u and the prior are
estimated from the data.
"""

from __future__ import annotations

import sys
import time

import duckdb
import pandas as pd
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on


def main(plates: str, texts: str, out: str) -> None:
    start = time.perf_counter()
    database = DuckDBAPI(duckdb.connect())
    tables = [database.register(pd.read_parquet(path), table_name=name) for path, name in ((plates, "plates"), (texts, "texts"))]
    settings = SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=[block_on("road", "number"), block_on("district", "road", "lane"), block_on("district", "lane", "alley", "number")],
        comparisons=[
            cl.ExactMatch("district").configure(m_probabilities=[0.95, 0.05]),
            cl.JaroWinklerAtThresholds("road", [0.9]).configure(m_probabilities=[0.9, 0.07, 0.03]),
            cl.ExactMatch("lane").configure(m_probabilities=[0.95, 0.05]),
            cl.ExactMatch("alley").configure(m_probabilities=[0.95, 0.05]),
            cl.ExactMatch("number").configure(m_probabilities=[0.95, 0.05]),
        ],
        retain_matching_columns=False,
    )  # fmt: skip
    linker = Linker(tables, settings, log_level=40)
    linker.training.estimate_probability_two_random_records_match([block_on("district", "road", "lane", "alley", "number")], recall=0.9)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    ready = time.perf_counter()
    pairs = linker.inference.predict(threshold_match_probability=0.5).as_pandas_dataframe()
    top = pairs[pairs["match_probability"] == pairs.groupby("unique_id_r")["match_probability"].transform("max")]
    best = top.drop_duplicates("unique_id_r", keep=False)
    done = time.perf_counter()
    best = best.rename(columns={"unique_id_l": "plate", "unique_id_r": "text"})
    best[["text", "plate", "match_probability"]].to_parquet(out)
    print(f"{ready - start:.1f} {done - ready:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])

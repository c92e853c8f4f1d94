"""Accuracy and speed of `addressing.parse` on labelled addresses, beside jionlp on the same texts in the same run.

    python -m benchmarks.parse --labelled FILE.jsonl [--jionlp PYTHON] [--repeat 5]

FILE holds one JSON object a line: text, spans [[start, end, label]], src. PYTHON is an interpreter that has jionlp installed (it is no
dependency of govlake). jionlp gives no spans but completed names, so both are also compared by value: prov, city and district are right if
each is found where the text names it (compared without its type word) and absent where the text does not. jionlp fills in the province and
city of a known district; what it fills in is not held against it.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

from addressing.parse import parse

DIVISIONS = ("prov", "city", "district")
Span = tuple[int, int, str]

_JIONLP = """
import json, sys, time, jionlp
texts = json.load(sys.stdin)
jionlp.parse_location(texts[0])
start = time.perf_counter()
rows = []
for text in texts:
    try:
        found = jionlp.parse_location(text)
    except Exception:
        found = {}
    rows.append([found.get("province"), found.get("city"), found.get("county")])
print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}))
"""


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def stem(name: str | None) -> str:
    """A division's name without its type word."""
    if not name:
        return ""
    for ending in (
        "特别行政区",
        "维吾尔自治区",
        "壮族自治区",
        "回族自治区",
        "自治区",
        "自治州",
        "地区",
        "省",
        "市",
        "区",
        "县",
        "盟",
        "州",
    ):
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            return name[: -len(ending)]
    return name


def by_value(text: str, spans: set[Span]) -> list[str]:
    """The stems of province, city and district; of several the last."""
    values = {label: stem(text[start:end]) for start, end, label in sorted(spans) if label in DIVISIONS}
    return [values.get(label, "") for label in DIVISIONS]


def f1(pairs: list[tuple[set[Span], set[Span]]]) -> tuple[float, float, float]:
    """Precision, recall and F1 over all spans."""
    right = sum(len(truth & found) for truth, found in pairs)
    precision = right / max(1, sum(len(found) for _, found in pairs))
    recall = right / max(1, sum(len(truth) for truth, _ in pairs))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def share_right(pairs: list[tuple[set[Span], set[Span]]], labels: tuple[str, ...]) -> float:
    """Share of texts whose spans of the labels are all right and no other is given."""
    right = sum({s for s in truth if s[2] in labels} == {s for s in found if s[2] in labels} for truth, found in pairs)
    return right / len(pairs)


def show(name: str, pairs: list[tuple[set[Span], set[Span]]]) -> None:
    precision, recall, mean = f1(pairs)
    print(
        f"{name:<14}{len(pairs):>7}{share_right(pairs, DIVISIONS):>10.4f}{share_right(pairs, (*DIVISIONS, 'town')):>11.4f}"
        f"{precision:>11.4f}{recall:>9.4f}{mean:>9.4f}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--labelled", type=Path, required=True)
    arguments.add_argument("--jionlp", help="interpreter with jionlp")
    arguments.add_argument("--repeat", type=int, default=5, help="copies of the texts for the speed figure, made distinct")
    options = arguments.parse_args()
    rows = read(options.labelled)
    texts = pl.Series([row["text"] for row in rows])
    started = time.perf_counter()
    parse(texts.head(1))
    print(f"loading the tables: {time.perf_counter() - started:.2f} s")
    found = [{(s["start"], s["end"], s["label"]) for s in spans} for spans in parse(texts).to_list()]
    pairs = [({(s, e, label) for s, e, label in row["spans"]}, spans) for row, spans in zip(rows, found, strict=True)]

    print(f"{'texts':<14}{'n':>7}{'3 levels':>10}{'with town':>11}{'precision':>11}{'recall':>9}{'F1':>9}")
    sources = sorted({str(row.get("src", "")).split("_")[0] for row in rows})
    for source in sources:
        show(source, [p for row, p in zip(rows, pairs, strict=True) if str(row.get("src", "")).startswith(source)])
    show("all", pairs)

    print(f"\n{'label':<16}{'precision':>10}{'recall':>9}{'F1':>9}{'true':>9}")
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    for truth, spans in pairs:
        for span in truth:
            counts[span[2]][0] += 1
        for span in spans:
            counts[span[2]][1] += 1
            counts[span[2]][2] += span in truth
    for label, (true, given, right) in sorted(counts.items(), key=lambda item: -item[1][0]):
        precision, recall = right / max(1, given), right / max(1, true)
        print(f"{label:<16}{precision:>10.3f}{recall:>9.3f}{2 * precision * recall / max(1e-9, precision + recall):>9.3f}{true:>9}")

    # A last character makes copies distinct without changing what is read.
    many = pl.concat([texts + " " * copy for copy in range(options.repeat)]).unique()
    wall, processor = time.perf_counter(), time.process_time()
    parse(many)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"\nspeed: govlake {len(many) / wall:,.0f} texts/s ({len(many):,} distinct), {len(many) / processor:,.0f} per CPU second")

    if options.jionlp:
        answer = subprocess.run(
            [options.jionlp, "-c", _JIONLP], input=json.dumps(texts.to_list()), capture_output=True, text=True, check=True
        )
        other = json.loads(answer.stdout.splitlines()[-1])
        ours = theirs = 0
        for (truth, spans), text, given in zip(pairs, texts.to_list(), other["rows"], strict=True):
            wanted = by_value(text, truth)
            ours += wanted == by_value(text, spans)
            # What jionlp fills in above the levels that the text names is not counted.
            stems = [stem(name) for name in given]
            theirs += all(w == g or (not w and g not in text) for w, g in zip(wanted, stems, strict=True))
        print(f"       jionlp {len(texts) / other['seconds']:,.0f} texts/s")
        print(f"3 levels by value: govlake {ours / len(texts):.4f}, jionlp {theirs / len(texts):.4f}")


if __name__ == "__main__":
    sys.exit(main())

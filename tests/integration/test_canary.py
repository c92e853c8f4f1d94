"""Canaries: marked identity numbers, telephone numbers, names and doors are planted in every field of every feed, and then looked for in
everything that a run writes and prints. All of them are generated; no number belongs to anyone.

Not searched: landing, the lake, the prepared index of the address register and the key folder, where data lies as it was delivered and
nobody but the data office's own account may enter.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import contracts
from assets.home import shipped_districts
from contracts.delivery import Delivery, delivery_day
from contracts.district import FeedMapping, contract_of, load_district
from contracts.model import Feed
from sources.intake import read

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华"
GIVEN = "翀翃翙翚翛翥翦翮翯翱耄耋耔耘耜耦耧耨聆聃聩肄肇胤胥脩臻舁舸艅艋芃芊芾苒荀莳菀"


def _identity_number(serial: int) -> str:
    """A well-formed number (GB 11643) of a division that does not exist, so that it can be nobody's."""
    body = f"449999{1950 + serial % 50}{1 + serial % 12:02d}{1 + serial % 28:02d}{serial % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


@dataclass
class Canary:
    """What was planted in one field: each token is found nowhere else."""

    feed: str
    column: str
    tokens: dict[str, str]
    open_to: set[str] = field(default_factory=set)
    """Audiences that the field's own classification lets see what stands in it."""


@dataclass
class Planted:
    home: Path
    canaries: list[Canary]
    said: str


def _tokens(serial: int) -> dict[str, str]:
    return {
        "number": _identity_number(serial),
        "phone": f"19{serial % 10}{70000000 + serial * 13:08d}",
        "name": SURNAMES[serial % len(SURNAMES)] + GIVEN[serial % len(GIVEN)] + GIVEN[(serial * 7 + serial // len(GIVEN)) % len(GIVEN)],
        "door": f"{60 + serial // 100}栋{7001 + serial}房",
    }


def _sentence(tokens: dict[str, str]) -> str:
    return f"本人{tokens['name']}，身份证号{tokens['number']}，电话{tokens['phone']}，住{tokens['door']}，楼道灯坏了"


def _value(feed: Feed, column: str, tokens: dict[str, str]) -> str:
    """What an office would write into a personal field; a whole sentence anywhere else."""
    declared = feed.column(column)
    if declared.check == "id_number":
        return tokens["number"]
    if declared.check == "phone" or "phone" in column:
        return tokens["phone"]
    if column.endswith("name") and declared.classification in ("personal", "sensitive"):
        return tokens["name"]
    return _sentence(tokens)


def _newest(landing: Path, feed: str) -> Path:
    dates = sorted((landing / feed).iterdir(), key=lambda folder: delivery_day(folder.name))
    return sorted(dates[-1].iterdir())[0]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _plant(home: Path, feed: Feed, mapping: FeedMapping, serial: Iterator[int]) -> list[Canary]:
    """One further delivery of the feed: a row for each of its fields, made from a row of the demo."""
    path = _newest(home / "landing", feed.name)
    delivery = Delivery(feed=feed.name, date=path.parent.name, file=path.name, path=path, bytes=path.stat().st_size, sha256=_sha256(path))
    intake = read(delivery, feed, mapping)
    rows = pa.Table.from_batches(list(intake.batches), intake.schema)
    headers = {column: header for header, column in intake.certificate().columns.items() if column}
    base = {name: value for name, value in rows.slice(0, 1).to_pylist()[0].items() if not name.startswith("_")}
    canaries, made = [], []
    for column in feed.columns:
        tokens = _tokens(next(serial))
        row = dict(base)
        for key in feed.keys:
            row[headers[key]] = f"{base[headers[key]]}{len(made):03d}"[-len(str(base[headers[key]])) :]
        names = [name for name in headers if name.endswith("name") and feed.column(name).classification in ("personal", "sensitive")]
        for name in names:
            # The text of a matter names the one who reports it.
            row[headers[name]] = tokens["name"]
        row[headers.get(column.name, column.title_zh)] = _value(feed, column.name, tokens)
        if column.name not in names and column.classification in ("public", "internal"):
            # Names and doors are no more than words in a field that is open by its contract; numbers and telephones never belong there.
            tokens = {kind: token for kind, token in tokens.items() if kind in ("number", "phone")}
        canaries.append(Canary(feed.name, column.name, tokens))
        made.append(row)
    target = home / "landing" / feed.name / path.parent.name / "canary.jsonl"
    target.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    return canaries


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, demo_deliveries: Path) -> Planted:
    folder = tmp_path_factory.mktemp("canary")
    home, district = folder / "home", folder / "district"
    shutil.copytree(demo_deliveries, home / "landing")
    shutil.copytree(shipped_districts()["demo"], district)
    text = (district / "district.yaml").read_text(encoding="utf-8")
    # The canary file is JSON Lines in every feed, so the district may not say what format and file names to expect.
    text = re.sub(r"^    (format: .*(encoding|delimiter)|files:).*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"max_refused_share: [\d.]+", "max_refused_share: 1.0", text)
    (district / "district.yaml").write_text(text, encoding="utf-8")
    loaded, as_shipped = load_district(district), load_district(shipped_districts()["demo"])
    serial = iter(range(1, 10_000))
    canaries = []
    for name in contracts.feeds():
        canaries += _plant(home, contract_of(loaded, name), as_shipped.feeds.get(name, FeedMapping()), serial)
    said = _call("run", "--home", str(home), "--district", str(district), codes=(0, 3))
    for words in (("status",), ("status", "--json"), ("quarantine", "list"), ("release", "show"), ("run",)):
        said += _call(*words, "--home", str(home), codes=(0, 1, 3))
    for path in sorted((home / "landing").rglob("canary.jsonl")):
        said += _call("quarantine", "show", "/".join(path.parts[-3:]), "--home", str(home), codes=(0, 1, 2))
    _call("quarantine", "export", str(home / "exported.xlsx"), "--home", str(home), codes=(0,))
    return Planted(home, canaries, said)


def _call(*words: str, codes: tuple[int, ...]) -> str:
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *words], capture_output=True, text=True, timeout=600)
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout + done.stderr


def _texts(path: Path) -> Iterator[bytes]:
    """A file's bytes, or its values where compression hides them.

    Of a DuckDB file the raw bytes prove nothing: values lie in it one behind the other, and two codes side by side can look like a number.
    """
    if path.suffix not in (".parquet", ".duckdb"):
        yield path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    elif path.suffix == ".parquet":
        yield _dump(f"SELECT * FROM read_parquet('{path}')")
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as library:
            tables = [row[0] for row in library.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            for table in tables:
                yield "\n".join(str(row) for row in library.execute(f'SELECT * FROM "{table}"').fetchall()).encode()


def _dump(query: str) -> bytes:
    with duckdb.connect() as connection:
        return "\n".join(str(row) for row in connection.execute(query).fetchall()).encode()


def _leaks(planted: Planted, texts: Callable[[], Iterator[tuple[str, bytes]]]) -> set[str]:
    """Where a token stands: place, kind, feed and column, never the token itself."""
    tokens = {
        token.encode(): f"{kind} of {canary.feed}.{canary.column}" for canary in planted.canaries for kind, token in canary.tokens.items()
    }
    any_token = re.compile(b"|".join(re.escape(token) for token in tokens))
    return {f"{place}: {tokens[found]}" for place, content in texts() for found in set(any_token.findall(content))}


SEARCHED = ("storage", "history", "schedules", "logs", "temporary")


def test_something_was_planted_in_every_field_of_every_feed(planted: Planted) -> None:
    assert {(canary.feed, canary.column) for canary in planted.canaries} == {
        (feed.name, column.name) for feed in contracts.feeds().values() for column in feed.columns
    }
    raw = b"".join(content for path in (planted.home / "lake" / "raw").rglob("*.parquet") for content in _texts(path))
    missing = [canary for canary in planted.canaries if not any(token.encode() in raw for token in canary.tokens.values())]
    assert not missing, "a canary that never arrived proves nothing"


def test_no_canary_stands_in_logs_dagster_storage_or_what_a_run_keeps_for_itself(planted: Planted) -> None:
    def texts() -> Iterator[tuple[str, bytes]]:
        files = [path for folder in SEARCHED for path in (planted.home / folder).rglob("*")]
        files += list(planted.home.iterdir())
        for path in files:
            if path.is_file():
                yield from ((str(path.relative_to(planted.home)), content) for content in _texts(path))

    assert _leaks(planted, texts) == set()


def test_no_canary_stands_in_what_the_commands_print(planted: Planted) -> None:
    assert _leaks(planted, lambda: iter([("printed", planted.said.encode())])) == set()


@pytest.mark.parametrize("audience", ["internal", "public"])
def test_no_canary_stands_in_what_an_audience_gets(planted: Planted, audience: str) -> None:
    release = (planted.home / "releases" / "current").resolve()

    def texts() -> Iterator[tuple[str, bytes]]:
        for path in (release / audience).rglob("*"):
            if path.is_file():
                yield from ((path.name, content) for content in _texts(path))

    opened = _keys() if audience == "internal" else set()
    assert {leak for leak in _leaks(planted, texts) if leak.split(" of ")[1] not in opened} == set()


def _keys() -> set[str]:
    """A key is how records are joined: what an office writes into a key that its contract opens to the internal audience is seen there."""
    return {f"{name}.{key}" for name, feed in contracts.feeds().items() for key in feed.keys}


def test_no_canary_stands_in_what_a_subscriber_gets(planted: Planted) -> None:
    """The demo's subscribers are cleared for internal data; what is kept to compare with is for the home's owner alone."""
    shares = planted.home / "shares"

    def texts() -> Iterator[tuple[str, bytes]]:
        for path in shares.rglob("*"):
            if path.is_file():
                yield from ((str(path.relative_to(shares)), content) for content in _texts(path))

    assert list(shares.rglob("manifest.json")), "nothing was delivered, so nothing is shown"
    assert {leak for leak in _leaks(planted, texts) if leak.split(" of ")[1] not in _keys()} == set()
    assert (shares / ".state").stat().st_mode & 0o077 == 0


def test_no_canary_stands_in_manifest_checks_report_contracts_or_site(planted: Planted) -> None:
    release = (planted.home / "releases" / "current").resolve()

    def texts() -> Iterator[tuple[str, bytes]]:
        for path in release.rglob("*"):
            if path.is_file() and path.relative_to(release).parts[0] not in ("internal", "public", "restricted"):
                yield from ((str(path.relative_to(release)), content) for content in _texts(path))

    assert _leaks(planted, texts) == set()


def test_the_restricted_folder_holds_names_for_ledgers_and_only_its_owner_may_enter(planted: Planted) -> None:
    folder = (planted.home / "releases" / "current").resolve() / "restricted"
    assert folder.stat().st_mode & 0o077 == 0

    def texts() -> Iterator[tuple[str, bytes]]:
        for path in folder.rglob("*"):
            if path.is_file():
                yield from ((path.name, content) for content in _texts(path))

    # Personal fields are what this audience is for; nothing else brings a person's number here, keys aside.
    allowed = {
        f"{feed.name}.{column.name}"
        for feed in contracts.feeds().values()
        for column in feed.columns
        if column.classification in ("personal", "sensitive") or column.name in feed.keys
    }
    assert {leak for leak in _leaks(planted, texts) if leak.split(" of ")[1] not in allowed} == set()

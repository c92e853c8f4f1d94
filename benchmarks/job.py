"""The whole job against the bars: seconds, CPU, memory, stages, its ratio to plain DuckDB, running again, and a new day on top.

    python -m benchmarks.job [--realdata DIR] [--scale TICKETS] [--cores 0,1] [--keep DIR] [--json FILE]

On the real city where real data is at hand (--realdata, else GOVLAKE_REALDATA, else ../shared/data beside the checkout): its register
and tickets are written as two CSV deliveries of district taipei; the last 1 % of all rows, by ticket date, are held back and come as the
new day. Else, or with --scale, on a demo city of that many tickets whose last date is held back. Every measured thing is a process of its
own, on the same cores. Other work on the machine shows in the wall clock: compare CPU seconds and ratios, and look at the load printed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DISTRICTS = ROOT / "districts"
CITY = "taipei"
REGISTER_DATE = "2024-12-01"
NEW_DAY_SHARE = 0.01
TRIVIAL_ROWS = 20
DEMO_TICKETS = 300_000
DEMO_DAYS = 100
"""So that the last date brings about 1 % of a demo city's rows."""
BARS = {"seconds": 90.0, "GiB": 6.0, "ratio": 75.0, "new day base": 8.0, "new day share": 0.10}

# ---------------------------------------------------------------- the measured processes


def write_city(realdata: Path, home: Path, trivial: Path, held: Path) -> dict[str, int]:
    """The real city's CSV deliveries: all but the last rows into `home`, the last into `held`, a handful into `trivial`; rows by part."""
    import polars as pl

    plates = pl.read_parquet(realdata / "taipei" / "plates.parquet")
    tickets = pl.read_parquet(realdata / "taipei" / "tickets_to_2024.parquet").sort("date", "time", "case_no", "addr", "item")
    day = int((plates.height + tickets.height) * NEW_DAY_SHARE)
    first, last = tickets.head(tickets.height - day), tickets.tail(day)
    dates = {"full": "2024-12-30", "day": "2024-12-31"}
    for folder, part in (
        (home / "landing" / "ticket" / dates["full"], first),
        (trivial / "landing" / "ticket" / dates["full"], first.head(TRIVIAL_ROWS)),
        (held / "ticket" / dates["day"], last),
    ):
        folder.mkdir(parents=True)
        part.write_csv(folder / "open1999.csv")
    for place, part in ((home, plates), (trivial, plates.head(TRIVIAL_ROWS))):
        folder = place / "landing" / "address_register" / REGISTER_DATE
        folder.mkdir(parents=True)
        part.write_csv(folder / "plates.csv")
    return {"tickets": first.height, "plates": plates.height, "new day": day}


def write_demo(scale: int, home: Path, trivial: Path, held: Path) -> dict[str, int]:
    """A demo city's deliveries; the folders of its last date go to `held`, a tiny city to `trivial`."""
    from sources.demo import write_deliveries

    people = max(200, scale // 5)
    written = write_deliveries(home / "landing", home / "truth", tickets=scale, people=people, days=DEMO_DAYS)
    write_deliveries(trivial / "landing", trivial / "truth", tickets=20, people=20, days=2)
    dates = [folder for folder in (home / "landing").glob("*/*") if len(folder.name) == len("YYYY-MM-DD")]
    last = max(folder.name for folder in dates)
    for folder in dates:
        if folder.name == last:
            target = held / folder.parent.name / last
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, target)
    return dict(written.rows)


def run_job(home: Path, district: str) -> dict[str, Any]:
    """One run of the main job; its status and, where it did something, seconds by stage."""
    started = time.time()
    import duckdb

    from pipelines import job

    marks: list[tuple[float, str]] = []
    summary = job.run(home, DISTRICTS / district, progress=lambda stage, item, done, total: marks.append((time.time(), stage)))
    if summary.status not in ("released", "nothing_to_do"):
        raise SystemExit(f"the job ended {summary.status}: " + "; ".join(problem.message for problem in summary.problems[:5]))
    return {
        "status": summary.status,
        "seconds": summary.seconds,
        "stages": _stages(home, summary.run_id, started, marks) if summary.run_id else {},
        "tables": {line.table: [line.rows, round(line.seconds, 2), line.reused] for line in summary.tables},
        "rows": {line.feed: [line.rows_read, line.rows_accepted, line.rows_refused] for line in summary.feeds},
        "checks": [summary.checks_passed, summary.checks_warned, summary.checks_failed],
        "threads": duckdb.execute("SELECT current_setting('threads')").fetchall()[0][0],
    }


def _stages(home: Path, run_id: str, started: float, marks: list[tuple[float, str]]) -> dict[str, float]:
    """Seconds by stage: what lies between two moments belongs to the stage that ends at the second one.

    Moments are Dagster's step starts and ends (`start`: imports and set-up, `between steps`: Dagster itself), the address base's
    materialization and the progress of tables and checks; after the last check comes publishing.
    """
    import dagster as dg

    os.environ["DAGSTER_HOME"] = str(home)
    moments = [(when, {"checks": "checks", "tables": "tables"}[stage]) for when, stage in marks if stage in ("checks", "tables")]
    steps = {"intake": "intake", "clean": "clean", "addresses": "resolve"}
    with dg.DagsterInstance.get() as instance:
        for entry in instance.all_logs(run_id):
            event = entry.dagster_event
            if event is None or event.step_key is None:
                continue
            if event.event_type_value == "STEP_START":
                moments.append((entry.timestamp, "between steps" if any(name != "start" for _, name in moments) else "start"))
            elif event.event_type_value == "STEP_SUCCESS":
                moments.append((entry.timestamp, steps.get(event.step_key, "publish")))
            elif event.is_step_materialization and event.asset_key and event.asset_key.path == ["addresses", "base"]:
                moments.append((entry.timestamp, "base"))
    seconds: dict[str, float] = {}
    before = started
    checks_begun = False
    first_step = min((when for when, name in moments if name in ("between steps", "start")), default=started)
    for when, name in sorted(moments):
        if name == "checks" and not checks_begun:
            name, checks_begun = "tables", True  # the first mark of checks says that the tables are done
        if when <= first_step:
            name = "start"
        seconds[name] = seconds.get(name, 0.0) + when - before
        before = when
    seconds["end"] = time.time() - before
    return {name: round(value, 2) for name, value in seconds.items()}


def plain_duckdb(folder: Path) -> dict[str, Any]:
    """DuckDB alone: every CSV of the folder read as text and written as Parquet."""
    import duckdb

    began = time.perf_counter()
    rows = 0
    with duckdb.connect() as connection:
        for path in sorted(folder.glob("*.csv")):
            answer = connection.execute(
                f"COPY (FROM read_csv('{path}', all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"'))"
                f" TO '{path.with_suffix('.parquet')}' (FORMAT parquet)"
            ).fetchone()
            rows += answer[0] if answer else 0
    return {"seconds": time.perf_counter() - began, "rows": rows}


def write_reference(home: Path, folder: Path) -> dict[str, int]:
    """The rows of a home's raw tables as plain UTF-8 CSV, one file a feed: what plain DuckDB reads where the city is generated."""
    import polars as pl

    from warehouse.lake import Lake

    lake = Lake(home / "lake")
    rows = {}
    folder.mkdir(parents=True)
    for path in sorted((home / "lake" / "raw").iterdir()):
        frame = pl.DataFrame(lake.arrow(f"raw/{path.name}")).select(pl.exclude("^_.*$"))
        frame.write_csv(folder / f"{path.name}.csv")
        rows[path.name] = frame.height
    return rows


CHILDREN: dict[str, Callable[..., Any]] = {
    "city": lambda realdata, home, trivial, held: write_city(Path(realdata), Path(home), Path(trivial), Path(held)),
    "demo": lambda scale, home, trivial, held: write_demo(int(scale), Path(home), Path(trivial), Path(held)),
    "run": lambda home, district: run_job(Path(home), district),
    "plain": lambda folder: plain_duckdb(Path(folder)),
    "reference": lambda home, folder: write_reference(Path(home), Path(folder)),
}

# ---------------------------------------------------------------- measuring them


def in_process(name: str, *arguments: object, cores: set[int], env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run one of CHILDREN as a process on `cores`: its answer, and `wall`, `cpu` (seconds) and `peak` (GiB) of the whole process."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [sys.executable, "-m", "benchmarks.job", "--child", answer.name, name, *map(str, arguments)]
        began = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(env or {}), "GOVLAKE_BENCH_CORES": ",".join(map(str, sorted(cores)))}
        )
        # This process imports nothing heavy, so the child's peak, which starts from its parent's at the fork, is its own.
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"benchmark process {name} ended with {child.returncode}")
        found = json.loads(Path(answer.name).read_text(encoding="utf-8"))
    unit = 1024**3 if sys.platform == "darwin" else 1024**2
    return {**found, "wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / unit}


def _child(arguments: list[str]) -> None:
    answer, name, *rest = arguments
    cores = os.environ.get("GOVLAKE_BENCH_CORES")
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    Path(answer).write_text(json.dumps(CHILDREN[name](*rest)), encoding="utf-8")


def find_realdata(given: Path | None) -> Path | None:
    """The folder of real data, as tests find it; None where there is none."""
    folder = given or Path(os.environ.get("GOVLAKE_REALDATA") or ROOT / "shared" / "data")
    for candidate in (folder, ROOT.parent / "shared" / "data"):
        if (candidate / "taipei" / "plates.parquet").is_file():
            return candidate
    if given:
        raise SystemExit(f"{given}: no taipei/plates.parquet there; remedy: name the folder of real data, or leave --realdata out")
    return None


def measure(folder: Path, realdata: Path | None, scale: int, cores: set[int]) -> dict[str, Any]:
    """All measurements, in `folder`."""
    home, trivial, held, plain = (folder / name for name in ("home", "trivial", "held", "plain"))
    found: dict[str, Any] = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": sorted(cores),
        "machine_cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    if realdata:
        district = CITY
        found["input"] = {"city": "Taipei, real", **_answer(in_process("city", realdata, home, trivial, held, cores=cores))}
    else:
        district = "demo"
        found["input"] = {"city": "demo, generated", **_answer(in_process("demo", scale, home, trivial, held, cores=cores))}
    say("trivial run (start-up)")
    found["trivial"] = in_process("run", trivial, district, cores=cores)
    say("full run")
    found["full"] = in_process("run", home, district, cores=cores)
    if realdata:
        plain.mkdir()
        for path in (home / "landing").glob("*/*/*.csv"):
            shutil.copyfile(path, plain / path.name)
    else:
        in_process("reference", home, plain, cores=cores)
    say("DuckDB, CSV to Parquet")
    found["duckdb"] = min((in_process("plain", plain, cores=cores) for _ in range(3)), key=lambda one: one["seconds"])
    say("run again")
    found["again"] = in_process("run", home, district, cores=cores)
    say("new day")
    for day in held.glob("*/*"):
        target = home / "landing" / day.parent.name / day.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(day, target)
    found["day"] = in_process("run", home, district, cores=cores)
    found["load_after"] = os.getloadavg()[0]
    found["verdicts"] = verdicts(found)
    return found


def _answer(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("wall", "cpu", "peak")}


def verdicts(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Each bar: what was measured and what is allowed."""
    processing = found["full"]["wall"] - found["trivial"]["wall"]
    return {
        "whole job, seconds": {"measured": found["full"]["wall"], "allowed": BARS["seconds"]},
        "whole job, peak GiB": {"measured": found["full"]["peak"], "allowed": BARS["GiB"]},
        "whole job / DuckDB, ×": {"measured": found["full"]["wall"] / found["duckdb"]["seconds"], "allowed": BARS["ratio"]},
        "new day, seconds": {"measured": found["day"]["wall"], "allowed": BARS["new day base"] + BARS["new day share"] * processing},
        "new day beyond 8 s, share of processing": {
            "measured": max(0.0, found["day"]["wall"] - BARS["new day base"]) / processing,
            "allowed": BARS["new day share"],
        },
    }


def say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def report(found: dict[str, Any]) -> Iterable[str]:
    """The figures as lines of text."""
    given = found["input"]
    rows = ", ".join(f"{name} {value:,}" for name, value in given.items() if isinstance(value, int))
    yield f"{given['city']}: {rows}"
    yield (
        f"cores {found['cores']} of {found['machine_cores']}, {found['full']['threads']} DuckDB threads; "
        f"load of the machine {found['load_before']:.1f} before, {found['load_after']:.1f} after"
    )
    yield ""
    yield f"{'':28}{'wall s':>10}{'CPU s':>10}{'peak GiB':>10}"
    for title, name in (
        ("trivial run (start-up)", "trivial"),
        ("whole job", "full"),
        ("run again", "again"),
        ("new day", "day"),
        ("DuckDB, CSV to Parquet", "duckdb"),
    ):
        one = found[name]
        wall = one["seconds"] if name == "duckdb" else one["wall"]
        note = {"again": one.get("status", ""), "duckdb": "best of 3, without start-up"}.get(name, "")
        yield f"{title:28}{wall:>10.2f}{one['cpu']:>10.2f}{one['peak']:>10.2f}  {note}".rstrip()
    yield ""
    yield f"{'seconds by stage':28}{'trivial':>10}{'whole job':>10}{'new day':>10}"
    for stage in ("start", "intake", "clean", "base", "resolve", "tables", "checks", "publish", "between steps", "end"):
        yield f"  {stage:26}" + "".join(f"{found[name]['stages'].get(stage, 0.0):>10.2f}" for name in ("trivial", "full", "day"))
    yield ""
    slowest = sorted(found["full"]["tables"].items(), key=lambda item: -item[1][1])[:8]
    yield f"{'slowest tables':40}{'rows':>12}{'whole job s':>12}{'new day s':>12}"
    for table, (count, seconds, _) in slowest:
        yield f"  {table:38}{count:>12,}{seconds:>12.2f}{found['day']['tables'].get(table, [0, 0.0])[1]:>12.2f}"
    yield ""
    for bar, figures in found["verdicts"].items():
        held = "holds" if figures["measured"] <= figures["allowed"] else "MISSED"
        yield f"{bar:42}{figures['measured']:>10.2f}  allowed {figures['allowed']:>8.2f}  {held}"


def clear(folder: Path) -> None:
    """Delete the homes; releases are read-only, so their folders are opened first."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--realdata", type=Path, help="folder of real data")
    parser.add_argument(
        "--scale", type=int, help=f"measure a demo city of this many tickets instead (default without real data: {DEMO_TICKETS:,})"
    )
    parser.add_argument(
        "--cores", default="", help="cores to measure on, for example 2,3 (default: the first two that this process may use)"
    )
    parser.add_argument("--keep", type=Path, help="work in this new folder and keep the homes")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args()
    realdata = None if options.scale else find_realdata(options.realdata)
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = {int(core) for core in options.cores.split(",")} if options.cores else set(usable[:2])
    folder = options.keep or Path(tempfile.mkdtemp(prefix="govlake-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = measure(folder.resolve(), realdata, options.scale or DEMO_TICKETS, cores)
    finally:
        if not options.keep:
            clear(folder)
    print("\n".join(report(found)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2:])
    else:
        main()

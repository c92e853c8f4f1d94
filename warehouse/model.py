"""The models: which tables are built, from what, in which order, and whether their SQL keeps to the project's subset.

Belongs here: finding SQL files and Python steps, their inputs, the order, the lint, fingerprints. Not here: running anything (`library`).
"""

from __future__ import annotations

import graphlib
import hashlib
import inspect
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError, UnsupportedError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

import contracts
from contracts.model import Table
from contracts.schema import duckdb_type
from contracts.step import PythonStep

HERE = Path(__file__).parent
CLOCK = "run.clock"
FORMAT = 1
"""Raised when the builder itself changes what a model gives: every table is then built anew."""


class ModelError(ValueError):
    """A model that cannot be built: names file, what is wrong and the remedy."""


@dataclass(frozen=True)
class Model:
    """One table to build: a SQL file or a Python step, and its contract."""

    name: str
    table: Table
    inputs: tuple[str, ...]
    path: Path | None = None
    sql: str = ""
    step: PythonStep | None = field(default=None, compare=False)

    @property
    def where(self) -> str:
        """What a message calls the model: the file below the warehouse, or the step."""
        return "/".join(self.path.parts[-3:]) if self.path else f"step {self.name}"

    @property
    def source(self) -> Path:
        """The file to read to know how the table is made: SQL, or the module of the step's function."""
        if self.path:
            return self.path
        assert self.step is not None
        return Path(inspect.getsourcefile(inspect.unwrap(self.step.run)) or "")

    @property
    def uses_as_of(self) -> bool:
        return self.step.uses_as_of if self.step else CLOCK in self.inputs

    @property
    def restricted(self) -> bool:
        """Only for the restricted audience, hence allowed to read restricted relations."""
        return self.table.audiences == ("restricted",)

    @cached_property
    def tree(self) -> exp.Query:
        """The parsed SQL."""
        return _parsed(self.sql, self.where)


@cache
def _parsed(sql: str, where: str) -> exp.Query:
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="duckdb") if statement is not None]
    except SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        line = details[0].get("line", 1)
        raise ModelError(f"{where}:{line}: cannot be read: {details[0].get('description', error)}; remedy: correct the SQL") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{where}:1: holds {len(statements)} statements; remedy: one SELECT a file")
    return statements[0]


def inputs_of(tree: exp.Expr) -> tuple[str, ...]:
    """The relations a query reads (`schema.name`), sorted. Tables without a schema are its own CTEs."""
    return tuple(sorted({f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db}))


def models(steps: Iterable[PythonStep] = (), *, folder: Path = HERE, tables: Mapping[str, Table] | None = None) -> dict[str, Model]:
    """All models by full table name. ModelError where a table has no contract, no model, or two."""
    declared = contracts.tables() if tables is None else tables
    paths = {f"{path.parent.name}.{path.stem}": path for path in sorted((folder / "themes").glob("*/*.sql"))}
    paths |= {f"subject.{path.stem}": path for path in sorted((folder / "subjects").glob("*.sql"))}
    found: dict[str, Model] = {}
    for name, path in paths.items():
        if name not in declared:
            raise ModelError(f"{'/'.join(path.parts[-3:])}: {name} has no contract; remedy: write contracts/…/{path.stem}.yaml")
        sql = path.read_text(encoding="utf-8")
        model = Model(name, declared[name], (), path, sql)
        found[name] = Model(name, declared[name], inputs_of(model.tree), path, sql)
    for step in steps:
        if step.table not in declared:
            raise ModelError(f"step {step.table}: has no contract; remedy: write one, or correct the step's table")
        if step.table in found:
            raise ModelError(f"step {step.table}: {found[step.table].where} makes the same table; remedy: remove one of them")
        found[step.table] = Model(step.table, declared[step.table], tuple(step.inputs), step=step)
    return found


def without_model(found: Mapping[str, Model], tables: Mapping[str, Table] | None = None) -> list[str]:
    """Tables that have a contract and neither SQL nor step."""
    return sorted(set(contracts.tables() if tables is None else tables) - set(found))


def order(found: Mapping[str, Model], known: Collection[str], wanted: Collection[str] | None = None) -> list[Model]:
    """The models in an order in which each comes after its inputs; only `wanted` ones and what they need, where given.

    `known`: relations that are there before any model runs. ModelError for an input that nobody makes and for a circle.
    """
    for model in found.values():
        for name in model.inputs:
            if name not in found and name not in known:
                raise ModelError(
                    f"{model.where}:{_line_of(model, name)}: {name} is neither a table nor an input; remedy: correct the name{_nearest(name, [*found, *known])}"
                )
    graph = {name: sorted(need for need in found[name].inputs if need in found) for name in sorted(found)}
    if wanted is not None:
        graph = {name: graph[name] for name in sorted(_needed(graph, wanted))}
    try:
        return [found[name] for name in graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        first = found[error.args[1][0]]
        raise ModelError(
            f"{first.where}: tables need each other in a circle: {circle}; remedy: let one of them read its inputs' inputs"
        ) from error


def _needed(graph: Mapping[str, Iterable[str]], wanted: Collection[str]) -> set[str]:
    todo, seen = list(wanted), set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph[name]
    return seen


def _line_of(model: Model, relation: str) -> int:
    lines = model.sql.splitlines()
    return next((number for number, line in enumerate(lines, start=1) if relation in line), 1)


def _nearest(name: str, names: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    return f" (perhaps {close[0]})" if close else ""


# Lint

_WALL_CLOCK = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentDatetime, exp.Rand, exp.Uuid)
_FORBIDDEN_NAMES = {
    "now",
    "random",
    "today",
    "uuid",
    "gen_random_uuid",
    "setseed",
    "get_current_timestamp",
    "transaction_timestamp",
    "current_localtimestamp",
}
_ORDERED = (exp.ArrayAgg, exp.GroupConcat, exp.First, exp.Last)
_ORDERED_NAMES = {"list", "string_agg", "group_concat", "listagg", "first", "last", "arbitrary", "histogram"}
_REFUSED = (exp.AnyValue, exp.Mode, exp.ApproxDistinct, exp.ApproxQuantile)
_ORDERED_WINDOWS = (exp.RowNumber, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Ntile)


def lint(model: Model, schema: Mapping[str, Mapping[str, str]] | None = None, restricted: Collection[str] = ()) -> list[str]:
    """What in a SQL model leaves the project's subset, each with file, line and remedy; [] for a step.

    `schema`: columns and DuckDB types by relation, for the rule against sums over doubles. `restricted`: full names of tables that
    only the restricted audience has.
    """
    problems = lint_reach(model, restricted)
    if model.step:
        return problems
    tree = model.tree
    for node, text in (*_subset(tree), *_result(model)):
        problems.append(f"{model.where}:{_line(node)}: {text}")
    try:
        tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except UnsupportedError as error:
        problems.append(
            f"{model.where}:1: cannot be translated to Spark: {error}; remedy: say it in the common subset, or write a Python step"
        )
    if schema is not None:
        problems += [f"{model.where}:{_line(node)}: {text}" for node, text in _double_sums(model, schema)]
    return sorted(dict.fromkeys(problems))


def lint_reach(model: Model, restricted: Collection[str]) -> list[str]:
    """The one rule that also holds at every run: only tables for the restricted audience alone read restricted relations, and counts that the contract lets out."""
    return [f"{model.where}:{_line_of(model, name)}: {text}" for name, text in _reach(model, restricted)]


def _reach(model: Model, restricted: Collection[str]) -> Iterator[tuple[str, str]]:
    if model.restricted:
        return
    for name in model.inputs:
        if (name.startswith("restricted.") or name in restricted) and name not in model.table.declassifies:
            yield name, f"reads {name}, which is restricted; remedy: read clean or latest, or give the table audiences [restricted]"


def _subset(tree: exp.Query) -> Iterator[tuple[exp.Expr, str]]:
    for node in tree.walk():
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if (isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count)) or (
            isinstance(node, exp.Column) and isinstance(node.this, exp.Star)
        ):
            yield node, "SELECT *: name the columns"
        elif isinstance(node, (exp.Lambda, exp.Comprehension)):
            yield node, "an anonymous function; remedy: set-wise SQL, or a Python step"
        elif isinstance(node, _WALL_CLOCK) or name in _FORBIDDEN_NAMES:
            yield node, "the wall clock or chance; remedy: read run.clock"
        elif isinstance(node, _REFUSED):
            yield (
                node,
                f"{type(node).__name__.lower()} depends on the order of rows or is approximate; remedy: min, max, or row_number over a total order",
            )
        elif (isinstance(node, _ORDERED) or name in _ORDERED_NAMES) and not _has_order(node):
            yield node, f"{(name or type(node).__name__).lower()} without ORDER BY; remedy: write the order inside the call"
        elif isinstance(node, exp.Window) and isinstance(node.this, _ORDERED_WINDOWS) and not node.args.get("order"):
            yield node, "a window that numbers or looks around has no ORDER BY; remedy: order it by a total key"
        elif isinstance(node, exp.Limit) and not (node.parent and node.parent.args.get("order")):
            yield node, "LIMIT without ORDER BY; remedy: order by a total key"


def _has_order(node: exp.Expr) -> bool:
    if node.find(exp.Order):
        return True
    parent = node.parent
    return isinstance(parent, exp.WithinGroup) or (isinstance(parent, exp.Window) and bool(parent.args.get("order")))


def _result(model: Model) -> Iterator[tuple[exp.Expr, str]]:
    tree, table = model.tree, model.table
    names = tree.named_selects
    declared = [column.name for column in table.columns]
    if names != declared:
        missing = [name for name in declared if name not in names]
        extra = [name for name in names if name not in declared]
        what = (
            [f"lacks {', '.join(missing)}"] * bool(missing)
            + [f"gives {', '.join(extra)} too"] * bool(extra)
            + ["has another order"] * (not missing and not extra)
        )
        yield (
            tree.selects[0] if tree.selects else tree,
            f"columns differ from the contract of {model.name}: the SQL {'; '.join(what)}; remedy: name the contract's columns in its order",
        )
    ordered = tree.args.get("order")
    by = [key.this.name if isinstance(key.this, exp.Column) else "" for key in ordered.expressions] if ordered else []
    if by[: len(table.keys)] != list(table.keys):
        yield ordered or tree, f"is not ordered by the keys; remedy: end with ORDER BY {', '.join(table.keys)}"


def _double_sums(model: Model, schema: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[exp.Expr, str]]:
    try:
        typed = annotate_types(qualified(model, schema), schema=_nested(schema), dialect="duckdb")
    except SqlglotError:
        return  # what cannot be bound is reported by the binder, with DuckDB's own message
    for node in typed.find_all(exp.Sum, exp.Avg):
        argument = node.this
        if argument is not None and argument.type is not None and argument.type.this in (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT):
            yield node, f"{type(node).__name__.lower()} over a double differs from run to run; remedy: cast to DECIMAL or count in integers"


def qualified(model: Model, schema: Mapping[str, Mapping[str, str]]) -> exp.Expr:
    """The model's SQL with every column bound to its table."""
    return qualify(model.tree.copy(), schema=_nested(schema), dialect="duckdb", validate_qualify_columns=False, quote_identifiers=False)


def _nested(schema: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    nested: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in schema.items():
        first, second = name.split(".")
        nested.setdefault(first, {})[second] = dict(columns)
    return dict(nested)


def _line(node: exp.Expr) -> int:
    for inner in node.walk():
        if "line" in inner.meta:
            return int(inner.meta["line"])
    parent = node.parent
    return _line(parent) if parent is not None and not isinstance(parent, exp.Query) else 1


def table_schema(tables: Mapping[str, Table]) -> dict[str, dict[str, str]]:
    """Columns and DuckDB types of tables by full name, as sqlglot and the lint want them."""
    return {name: {column.name: duckdb_type(column) for column in table.columns} for name, table in tables.items()}


# Fingerprints


def fingerprint(model: Model, inputs: Mapping[str, str], as_of: str, district: str = "") -> str:
    """20 hex digits that change when the table's content may: SQL (comments and layout aside), contract, step, inputs, as-of where used.

    `inputs`: fingerprint of each input relation. `district`: fingerprint of the district's folder, which steps may read.
    """
    parts: dict[str, object] = {
        "format": FORMAT,
        "duckdb": duckdb.__version__,
        "contract": model.table.model_dump(mode="json"),
        "inputs": {name: inputs[name] for name in model.inputs},
        "as_of": as_of if model.uses_as_of else None,
    }
    if model.step:
        parts |= {"step": model.step.version, "code": _code_of(model.step), "district": district, "contracts": _contracts_fingerprint()}
    else:
        parts["sql"] = model.tree.sql("duckdb", comments=False)
    return digest(parts)


def digest(parts: object, length: int = 20) -> str:
    """A short SHA-256 of anything that JSON can say."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()[:length]


_CODE: dict[Path, str] = {}
_STEP_FILES = (".py", ".yaml", ".txt", ".csv")
"""What a step's package is made of: code, and what it reads from its own folder (the registry of measures, the stop list)."""


def _code_of(step: PythonStep) -> str:
    """A hash over the package that holds the step's function: a step calls its neighbours, so they count too."""
    file = inspect.getsourcefile(inspect.unwrap(step.run)) if callable(step.run) else None
    if file is None or not Path(file).is_file():
        return ""
    folder = Path(file).parent
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    package = (folder / "__init__.py").is_file()
    files = sorted(path for path in folder.rglob("*") if path.suffix in _STEP_FILES) if package else [Path(file)]
    if folder not in _CODE:
        _CODE[folder] = digest([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files])
    return _CODE[folder]


def _contracts_fingerprint() -> str:
    return digest([table.model_dump(mode="json") for table in contracts.tables().values()])

"""The contract models: Feed (what an office delivers) and Table (what govlake builds).

Belongs here: the shape of a contract and what follows from one contract alone. Not here: reading YAML (`load`), physical schemas
(`schema`), the exported standard form (`odcs`), district settings (`district`).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
Classification = Literal["public", "internal", "personal", "sensitive"]
Mode = Literal["snapshot", "append", "upsert"]
Severity = Literal["error", "warn"]
Audience = Literal["internal", "public", "restricted"]
Check = Literal["id_number", "credit_code", "phone", "not_future"]
Theme = Literal["person", "place", "thing", "event", "sentiment", "organization", "subject"]

THEMES: tuple[Theme, ...] = ("place", "organization", "person", "thing", "event", "sentiment", "subject")
"""The six theme libraries and the subject library, in the order in which people read them."""

_TYPE = re.compile(r"^(text|integer|date|timestamp|boolean|decimal\((\d{1,2}),(\d{1,2})\))$")


class Strict(BaseModel):
    """A model that refuses keys it does not know: a misspelt key in a contract is an error, not a wish ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Strict):
    """One column of a feed or table.

    `codes` maps a canonical code to its meanings: `[English, Chinese, further accepted source forms…]`; the code itself and every
    form listed are accepted on intake and become the code. `headers` are source headers accepted on intake besides the column's
    own name and its Chinese title. `on_error` says what a value that breaks a rule does: `refuse` quarantines the row, `null`
    empties the value and keeps the row; by default keys and required columns refuse, all others null.
    """

    name: Name
    type: str = "text"
    title: str
    title_zh: str
    description: str = ""
    description_zh: str = ""
    classification: Classification = Field("internal", alias="class")
    required: bool = False
    unique: bool = False
    headers: tuple[str, ...] = ()
    codes: dict[str, tuple[str, ...]] = {}
    null_markers: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: str | None = Field(None, alias="min")
    maximum: str | None = Field(None, alias="max")
    max_length: int | None = None
    check: Check | None = None
    on_error: Literal["refuse", "null"] | None = None
    references: str | None = None
    unit: str | None = None
    severity: Severity = "error"
    watched: bool = False
    """The distribution of this feed column's codes is compared with that of the deliveries before; a shift is a warning."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _watches_codes(self) -> Column:
        if self.watched and not self.codes:
            raise ValueError("watched is for columns with a code list")
        return self

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        if not _TYPE.match(value):
            raise ValueError(f"type {value!r} is not one of text, integer, date, timestamp, boolean, decimal(p,s)")
        return value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            re.compile(value)
        return value

    @field_validator("minimum", "maximum", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> str | None:
        return None if value is None else str(value)

    @field_validator("references")
    @classmethod
    def _three_parts(cls, value: str | None) -> str | None:
        if value is not None and value.count(".") != 2:
            raise ValueError(f"references {value!r}: write theme.table.column")
        return value

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal column, else None."""
        match = _TYPE.match(self.type)
        return (int(match[2]), int(match[3])) if match and match[2] else None

    @property
    def comment(self) -> str:
        """The column's comment in a library: Chinese title, English title, then descriptions in both where given."""
        parts = [f"{self.title_zh} | {self.title}"]
        parts += [part for part in (self.description_zh, self.description) if part]
        if self.codes:
            parts.append("; ".join(f"{code}={'/'.join(dict.fromkeys(forms[:2][::-1]))}" for code, forms in self.codes.items()))
        return ". ".join(parts)


class TableRule(Strict):
    """A condition over the columns of one row that must hold (SQL in the project's subset), or a whole query.

    `holds` is a boolean SQL expression per row; `no_rows` a query in which every row returned is a violation. One of the two.
    """

    name: Name
    holds: str | None = None
    no_rows: str | None = None
    severity: Severity = "error"
    message: str
    message_zh: str

    @model_validator(mode="after")
    def _one_form(self) -> TableRule:
        if (self.holds is None) == (self.no_rows is None):
            raise ValueError(f"rule {self.name!r}: give either holds or no_rows")
        return self


class Protection(Strict):
    """A derived column that may leave the lake in place of a personal one.

    `method`: `key` is the keyed pseudonym (HMAC) of one value within a `domain` (equal values of one domain give equal keys in all
    feeds); `person_key` is DESIGN's person key from `number, kind, household, name, birth_date`, with a second boolean column
    `<name>_weak`; `mask_name`, `mask_phone`, `mask_number` keep a form that cannot be turned back; `redact` takes numbers, phones,
    names and doors out of free text.
    """

    name: Name
    method: Literal["key", "person_key", "mask_name", "mask_phone", "mask_number", "redact"] = Field(alias="as")
    source: dict[str, str] | str = Field(alias="from")
    domain: str | None = None
    title: str
    title_zh: str
    classification: Classification = Field("internal", alias="class")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,) if isinstance(self.source, str) else tuple(self.source.values())

    def columns(self) -> tuple[Column, ...]:
        """The columns that this protection adds to the clean table."""
        made = [Column(name=self.name, title=self.title, title_zh=self.title_zh, classification=self.classification)]
        if self.method == "person_key":
            made.append(
                Column(
                    name=f"{self.name}_weak",
                    type="boolean",
                    title=f"{self.title} is weak",
                    title_zh=f"{self.title_zh}为弱标识",
                    description="Made without an identity number, from household, name and birth date",
                    classification=self.classification,
                )
            )
        return tuple(made)


class AddressColumns(Strict):
    """Which columns of a feed say where a record is: the text and the hints for the resolver."""

    text: str | None = None
    district: str | None = None
    street: str | None = None
    community: str | None = None
    lng: str | None = None
    lat: str | None = None


class Contract(Strict):
    """What feeds and tables have in common."""

    name: Name
    title: str
    title_zh: str
    description: str = ""
    description_zh: str = ""
    grain: str
    keys: tuple[str, ...]
    version: Version = "1.0.0"
    steward: str
    columns: tuple[Column, ...]
    rules: tuple[TableRule, ...] = ()

    @model_validator(mode="after")
    def _columns_exist(self) -> Contract:
        names = [column.name for column in self.columns]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"columns declared twice: {sorted(repeated)}")
        missing = [key for key in self.keys if key not in names]
        if missing:
            raise ValueError(f"keys {missing} are no columns of {self.name}")
        return self

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def comment(self) -> str:
        """The table's comment in a library: Chinese title, English title, grain, descriptions."""
        parts = [f"{self.title_zh} | {self.title}", f"grain: {self.grain}", self.description_zh, self.description]
        return ". ".join(part for part in parts if part)


class Feed(Contract):
    """A data contract for what an office delivers.

    `mode`: `snapshot` (each delivery date holds the whole register; a record that is no longer there is gone), `append` (rows are
    facts that never change), `upsert` (a later version of a record replaces the earlier one; absence means nothing).
    `status_time` orders versions of one record before delivery date and row do. `key_pattern`: a key value that does not match
    (a truncated number) is not trusted as a key; the record's key is then made from its whole content.

    `joins` names another feed whose matters this office delivers too: a second petition office, another ticket system. The contract
    then starts from the other's columns and protections and says what differs; its rows are read wherever the other's are.
    """

    mode: Mode
    joins: Name | None = None
    status_time: str | None = None
    key_pattern: str | None = None
    address: AddressColumns | None = None
    protect: tuple[Protection, ...] = ()

    @model_validator(mode="after")
    def _named_columns_exist(self) -> Feed:
        names = {column.name for column in self.columns}
        named = [self.status_time] if self.status_time else []
        named += [value for value in (self.address.model_dump().values() if self.address else ()) if value]
        named += [source for protection in self.protect for source in protection.sources]
        missing = [name for name in named if name not in names]
        if missing:
            raise ValueError(f"{self.name} names columns that it does not declare: {missing}")
        return self

    @property
    def clean_columns(self) -> tuple[Column, ...]:
        """All columns of `clean.<feed>`: declared ones, derived protected ones, then provenance."""
        derived = tuple(column for protection in self.protect for column in protection.columns())
        return self.columns + derived + PROVENANCE

    @property
    def open_columns(self) -> tuple[Column, ...]:
        """The columns of `clean.<feed>` that SQL models may see: nothing personal or sensitive."""
        return tuple(column for column in self.clean_columns if column.classification in ("public", "internal"))


class Table(Contract):
    """A data contract for a table of a theme library or of the subject library."""

    theme: Theme
    audiences: tuple[Audience, ...] = ("internal",)
    small_groups: tuple[str, ...] = ()
    """Counts that are suppressed below the district's smallest group size in the `public` audience: a column, or what is left of one when
    another is taken away (`answers - satisfied`), since a reader can do that subtraction. Measures that go with it alone stand after it
    (`satisfied -> satisfaction_pct`); other numbers go with any count of their row."""

    declassifies: tuple[str, ...] = ()
    """Restricted relations that this table may read all the same, since it holds nothing but counts of groups that are not small."""

    @property
    def full_name(self) -> str:
        return f"{self.theme}.{self.name}"

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Every rule that the contract declares, as check results name them: `kind:column`, `key`, and the names of its own rules."""
        names = []
        for column in self.columns:
            declared = {
                "required": column.required,
                "code": column.codes,
                "pattern": column.pattern is not None,
                "min": column.minimum is not None,
                "max": column.maximum is not None,
                "max_length": column.max_length is not None,
                "unique": column.unique,
                "reference": column.references is not None,
            }
            names += [f"{kind}:{column.name}" for kind, given in declared.items() if given]
        return (*names, *(("key",) if self.keys else ()), *(rule.name for rule in self.rules))


def _provenance() -> tuple[Column, ...]:
    return (
        Column(
            name="record_key",
            title="Record key",
            title_zh="记录键",
            required=True,
            description="The contract's key columns joined by '|', or '~' and a content hash where the key cannot be trusted",
        ),
        Column(name="key_is_weak", type="boolean", title="Key made from content", title_zh="弱键", required=True),
        Column(
            name="address_query",
            title="Address query",
            title_zh="地址查询串",
            classification="personal",
            description="Address text and hints (text, district, street, community, lng, lat) joined by U+001F; null without any",
        ),
        Column(
            name="delivery",
            title="Delivery",
            title_zh="批次",
            required=True,
            description="feed/date/file name of the delivery that brought this version",
        ),
        Column(name="delivery_date", type="date", title="Delivery date", title_zh="交付日期", required=True),
        Column(
            name="source_row",
            type="integer",
            title="Row in the source file",
            title_zh="源文件行号",
            required=True,
            description="Line in a text file (first line is 1), row in a sheet, record number in Parquet",
        ),
    )


PROVENANCE: tuple[Column, ...] = _provenance()
"""Columns that govlake adds to each clean row, so that every published row traces back to file and line."""

"""The comparison form of a text: one script, one width, one way to write a number. No names, no slots.

Nothing here looks at a register. All functions take and give Polars columns and are row-wise: a row's result never depends on other rows.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import polars as pl

from .grammar import END, MARK, Grammar

_DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2} | {str(i): i for i in range(10)}
_SCALE = {"十": 10, "百": 100, "千": 1000}
# Forms that mean the same character in addresses and that the script table does not join.
_SAME = {
    "ˉ": "-", "－": "-", "—": "-", "–": "-", "―": "-", "─": "-", "‐": "-", "‑": "-", "﹣": "-", "−": "-", "一一": "--",
    "～": "~", "∼": "~", "〜": "~", "﹋": "~",
    "（": ",", "）": ",", "(": ",", ")": ",", "[": ",", "]": ",", "【": ",", "】": ",", "「": ",", "」": ",", "『": ",", "』": ",",
    "《": ",", "》": ",", "〔": ",", "〕": ",", "{": ",", "}": ",", "，": ",", "。": ",", "；": ",", ";": ",", "！": ",", "!": ",",
    "：": ":", "﹕": ":", "︰": ":", "﹖": "?", "？": "?", "．": ".", "·": "", "•": "",
    " ": "", "\u3000": "", "\t": "", "\r": "", "\n": "", "\u00a0": "", "\ufeff": "", "\u200b": "",
    "Ｏ": "0", "○": "〇", "Ο": "0", "巿": "市", "壹": "一", "贰": "二", "貳": "二", "叁": "三", "參": "参", "肆": "四", "伍": "五",
    "陆": "陆", "柒": "七", "捌": "八", "玖": "九", "拾": "十", "佰": "百", "仟": "千", "念": "念",
}  # fmt: skip


@lru_cache(maxsize=1)
def _fold_table() -> tuple[pl.Series, pl.Series]:
    """One character (or mark) to one: traditional to simplified (OpenCC's table), full width to half, lower case to upper."""
    traditional, plain = _script_table()
    table: dict[str, str] = dict(zip(traditional.to_list(), plain.to_list(), strict=True))
    for offset in range(94):
        table[chr(0xFF01 + offset)] = chr(0x21 + offset).upper()
    for letter in "abcdefghijklmnopqrstuvwxyz":
        table[letter] = letter.upper()
    table.update({key: value for key, value in _SAME.items() if len(key) == 1 and key != value})
    table.update(dict.fromkeys([END, *MARK.values(), "\ue009", "\ue00a", "\ue00b", "\ue00c", "\ue00d", "\ue00e", "\ue00f"], ""))
    return pl.Series(list(table)), pl.Series(list(table.values()))


@lru_cache(maxsize=1)
def _script_table() -> tuple[pl.Series, pl.Series]:
    """Traditional to simplified, one character to one, by OpenCC's table."""
    table: dict[str, str] = {}
    for line in files("opencc").joinpath("dictionary", "TSCharacters.txt").read_text(encoding="utf-8").splitlines():
        traditional, _, simplified = line.partition("\t")
        target = simplified.split(" ")[0]
        if len(traditional) == 1 and len(target) == 1 and traditional != target:
            table[traditional] = target
    return pl.Series(list(table)), pl.Series(list(table.values()))


def simplified(text: pl.Series) -> pl.Series:
    """The same text in simplified characters, each in its place."""
    characters, replacements = _script_table()
    return (
        text.to_frame("t")
        .select(pl.col("t").str.replace_many(pl.lit(characters).implode(), pl.lit(replacements).implode()))
        .to_series()
        .alias(text.name)
    )


def fold(text: pl.Series) -> pl.Series:
    """One script and width, upper case, no spaces, brackets and stops as commas."""
    characters, replacements = _fold_table()
    return (
        text.to_frame("t")
        .select(pl.col("t").str.replace_many(pl.lit(characters).implode(), pl.lit(replacements).implode()))
        .to_series()
        .alias(text.name)
    )


def numeral_value(numeral: str) -> str:
    """二十三 → 23, 廿三 → 23, 一四二 → 142, 一百零五 → 105, 一90 → 190. Unreadable runs come back as they are."""
    numeral = numeral.replace("廿", "二十").replace("卅", "三十")
    if not any(c in _SCALE for c in numeral):
        return "".join(str(_DIGIT[c]) for c in numeral)
    total, current = 0, ""
    for character in numeral:
        if character in _SCALE:
            total += (int(current) if current else 1) * _SCALE[character]
            current = ""
        elif character in _DIGIT:
            current += str(_DIGIT[character])
    # 一百五 is 150 in speech, but in addresses 一百零五 and 一百五 are too rare to guess: the last digit counts as units.
    return str(total + (int(current) if current else 0))


def read_numerals(text: pl.Series, grammar: Grammar) -> pl.Series:
    """Chinese numerals before the grammar's units become Arabic ones."""
    expression = grammar.numeral_expression
    has = text.str.contains(expression).fill_null(False)
    if not has.any():
        return text
    part = text.filter(has)
    runs = part.str.extract_all(expression).explode().unique().drop_nulls()
    numerals = "零〇一二三四五六七八九十百千廿卅两0123456789"
    pairs: dict[str, str] = {}
    for run in runs.to_list():
        core = run.strip("之") if run.startswith("之") else run
        head = core[: next((i for i, c in enumerate(core) if c not in numerals), len(core))]
        pairs[run] = run.replace(head, numeral_value(head), 1)
    ordered = sorted(pairs, key=lambda run: (-len(run), run))
    replaced = part.to_frame("t").select(pl.col("t").str.replace_many(ordered, [pairs[run] for run in ordered], leftmost=True)).to_series()
    if has.all():
        return replaced.alias(text.name)
    result = text.clone()
    return result.scatter(has.arg_true(), replaced).alias(text.name)


def comparable(text: pl.Series, grammar: Grammar) -> pl.Series:
    """Fold and read numerals: the form in which names and texts meet."""
    return read_numerals(fold(_blanks_read(text, grammar)), grammar)


def _blanks_read(text: pl.Series, grammar: Grammar) -> pl.Series:
    """The grammar's rewrites that need the blanks, which `fold` takes out."""
    for find, put in grammar.spaced_rewrites:
        has = text.str.contains(find).fill_null(False)
        if has.any():
            changed = text.filter(has).to_frame("t").select(pl.col("t").str.replace_all(find, put)).to_series()
            text = text.clone().scatter(has.arg_true(), changed)
    return text


def rewrite(marked: pl.Series, grammar: Grammar) -> pl.Series:
    """The grammar's rewrites, in order, on a text whose names are marked; only texts that the grammar's gate lets in are touched."""
    finds = [find.replace("{mark}", END) for find, _ in grammar.rewrites]
    wanted = marked.str.contains(grammar.rewrite_gate).fill_null(False)
    if not wanted.any():
        return marked
    frame = marked.filter(wanted).to_frame("t").lazy()
    for find, (_, put) in zip(finds, grammar.rewrites, strict=True):
        frame = frame.with_columns(pl.col("t").str.replace_all(find, put.replace("{mark}", END)))
    changed = frame.collect().to_series()
    if wanted.all():
        return changed.alias(marked.name)
    return marked.clone().scatter(wanted.arg_true(), changed).alias(marked.name)

"""Numbers that carry their own proof: identity numbers (GB 11643), credit codes (GB 32100), phone numbers, a column at a time.

Belongs here: canonical forms and check digits. Districts are judged by province alone: the division list changes every year, districts
made in 2021 are unknown to older lists and abolished ones live on in people's numbers. Does not belong here: what a wrong number does
to its row (`clean`).
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from quality import parse

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = list("10X98765432")
_PROVINCES = (
    *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83, 91,
)  # fmt: skip
"""GB/T 2260 provinces; 81–83 also begin residence permits for people from Hong Kong, Macao and Taiwan, 91 those of foreigners."""

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

_PHONE = (
    r"^1[3-9]\d{9}$"  # mainland mobile
    r"|^0\d{9,11}(-\d{1,6})?$"  # with area code; Taiwan numbers have 9 or 10 digits
    r"|^0\d{8}$"
    r"|^[2-9]\d{6,7}(-\d{1,6})?$"  # local
    r"|^[48]00\d{7}$"
    r"|^(1\d{2}|12\d{3}|9\d{4,6})$"  # service numbers
    r"|^\+(?:852|853|886)\d{7,10}$"
)


def id_numbers(text: pl.Series, last_birth: dt.date) -> pl.Series:
    """Identity numbers in their 18-character form; null where one is wrong.

    15 digits become 18 (year 19xx, check digit added), x becomes X. Checked: province, a birth date that exists and is not after
    `last_birth`, the ISO 7064 MOD 11-2 check character (GB 11643).
    """
    plain = parse.half_width(text).str.replace_all(r"[\s-]", "").str.to_uppercase()
    long = plain.str.contains(r"^\d{17}[\dX]$").fill_null(False)
    short = plain.str.contains(r"^\d{15}$").fill_null(False)
    body = plain.str.head(17).zip_with(long, plain.str.slice(0, 6) + "19" + plain.str.slice(6, 9))
    body = body.set(~(long | short), None)
    number = body.cast(pl.Int64, strict=False)
    total = pl.repeat(0, len(text), dtype=pl.Int64, eager=True)
    for place, weight in enumerate(_ID_WEIGHTS):
        total = total + (number // 10 ** (16 - place)) % 10 * weight
    check = (total % 11).replace_strict(list(range(11)), _ID_CHECKS, default=None, return_dtype=pl.String)
    born = body.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    sound = (
        (number // 10**15).is_in(list(_PROVINCES))
        & born.is_not_null()
        & (born >= dt.date(1860, 1, 1))
        & (born <= last_birth)
        & (short | (plain.str.slice(17, 1) == check))
    )
    return (body + check).set(~sound.fill_null(False), None).alias(text.name)


def credit_codes(text: pl.Series) -> pl.Series:
    """Unified social credit codes, upper case; null where one is wrong (alphabet, division digits, MOD 31-3 check, GB 32100)."""
    plain = parse.half_width(text).str.replace_all(r"[\s-]", "").str.to_uppercase()
    shaped = plain.str.contains(r"^[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}$").fill_null(False)
    plain = plain.set(~shaped, None)
    values = {letter: value for value, letter in enumerate(_CREDIT_ALPHABET)}
    total = pl.repeat(0, len(text), dtype=pl.Int64, eager=True)
    for place, weight in enumerate(_CREDIT_WEIGHTS):
        digit = plain.str.slice(place, 1).replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.Int64)
        total = total + digit * weight
    check = ((31 - total % 31) % 31).replace_strict(list(values.values()), list(values), default=None, return_dtype=pl.String)
    sound = (plain.str.slice(17, 1) == check).fill_null(False)
    return plain.set(~sound, None).alias(text.name)


def phones(text: pl.Series) -> pl.Series:
    """Phone numbers without blanks, brackets and the mainland's +86; an extension stays behind a hyphen. Null where it is none."""
    usual = text.str.contains(r"^1[3-9]\d{9}$").fill_null(False)
    return text if usual.all() else _other_phones(text.set(usual, None)).zip_with(~usual, text)


def _other_phones(text: pl.Series) -> pl.Series:
    plain = parse.half_width(text).str.replace(r"\.0$", "").str.replace_all(r"[\s().]", "").str.replace(r"^(\+86|0086)-?", "")
    plain = plain.str.replace(r"^86(1[3-9]\d{9})$", "$1")
    plain = plain.str.replace(r"(?:转|轉|#|x|ext)(\d{1,6})$", "-$1")
    # A hyphen after the area code is a separator; one before a short tail is an extension.
    plain = (
        plain.str.replace(r"^(0\d{1,3})-(\d{6,8})", "$1$2")
        .str.replace(r"^(1[3-9]\d)-(\d{4})-(\d{4})$", "$1$2$3")
        .str.replace(r"^([48]00)-(\d{3})-?(\d{4})$", "$1$2$3")
    )
    plain = plain.str.replace(r"^(09\d{2})-?(\d{3})-?(\d{3})$", "$1$2$3").str.replace(r"^(0\d{1,3})(\d{3,4})-(\d{4})$", "$1$2$3")
    sound = plain.str.contains(_PHONE).fill_null(False)
    return plain.set(~sound, None).alias(text.name)

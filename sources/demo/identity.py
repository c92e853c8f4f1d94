"""Numbers that look right and belong to nobody: identity numbers, phones, credit codes.

Identity numbers (GB 11643) carry the code of a whole city (`440300`) where a real number carries a county's: the check character is
right and python-stdnum accepts them, but nobody was ever given one. Phones begin with 154, a segment that no operator was given.
Credit codes (GB 32100) carry an organization number that begins with YY, beyond what was given out; both check characters are right.
Belongs here: these numbers and the damage done to them. Not here: who has them.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sources.demo.vocabulary import full_width, pick

CITIES = np.array([440300, 440300, 440300, 430100, 420100, 360100, 450100, 510100, 410100, 440100, 520100, 350100, 610100, 340100])
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK = "10X98765432"
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE_WEIGHTS = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28])
_ORGANIZATION_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_PHONE_STEP, _PHONES = 61_803_399, 10**8


def identity_numbers(city: np.ndarray, birth: np.ndarray, order: np.ndarray) -> pl.Series:
    """18-character numbers from city code, birth date as yyyymmdd and order number 0 … 999."""
    body = city.astype(np.int64) * 10**11 + birth.astype(np.int64) * 1000 + order
    total = np.zeros(len(body), dtype=np.int64)
    for place, weight in enumerate(_WEIGHTS):
        total += body // 10 ** (16 - place) % 10 * weight
    return pl.Series(body).cast(pl.String) + pick(list(_CHECK), total % 11)


def broken(numbers: pl.Series, damage: np.ndarray) -> pl.Series:
    """Numbers with damage: 0 none, 1 wrong check character, 2 the old 15 digits, 3 lower-case x, 4 a digit lost, 5 blanks between,
    6 full-width digits."""
    last = numbers.str.slice(17, 1)
    return pl.select(
        pl.when(pl.Series(damage == 1)).then(numbers.str.slice(0, 17) + last.replace({digit: ("5" if digit != "5" else "6") for digit in "0123456789X"}))
        .when(pl.Series(damage == 2)).then(numbers.str.slice(0, 6) + numbers.str.slice(8, 9))
        .when(pl.Series(damage == 3)).then(numbers.str.to_lowercase())
        .when(pl.Series(damage == 4)).then(numbers.str.slice(0, 16))
        .when(pl.Series(damage == 5)).then(numbers.str.slice(0, 6) + " " + numbers.str.slice(6, 8) + " " + numbers.str.slice(14))
        .when(pl.Series(damage == 6)).then(full_width(pl.lit(numbers)))
        .otherwise(numbers)
    ).to_series()  # fmt: skip


def phones(people: np.ndarray) -> pl.Series:
    """A mobile number for each person number; different people have different ones (up to 10⁸ people)."""
    return pl.Series(154 * _PHONES + people.astype(np.int64) * _PHONE_STEP % _PHONES).cast(pl.String)


def credit_codes(numbers: np.ndarray, kind: str) -> pl.Series:
    """Credit codes for entity numbers (below 10⁶); `kind` is the first two characters (91 company, 92 sole trader)."""
    serial = np.stack([numbers // 10**place % 10 for place in range(5, -1, -1)], axis=1)
    organization = np.concatenate([np.full((len(numbers), 2), 34), serial], axis=1)
    check = (11 - (organization * _ORGANIZATION_WEIGHTS).sum(axis=1) % 11) % 11
    head = np.array([int(digit) for digit in kind + "440300"])
    letter_y = _CODE.index("Y")
    values = np.concatenate(
        [
            np.tile(head, (len(numbers), 1)),
            np.full((len(numbers), 2), letter_y),
            serial,
            np.where(check == 10, _CODE.index("X"), check)[:, None],
        ],
        axis=1,
    )
    last = (31 - (values * _CODE_WEIGHTS).sum(axis=1) % 31) % 31
    made = pick(list(_CODE), values[:, 0])
    for place in range(1, values.shape[1]):
        made = made + pick(list(_CODE), values[:, place])
    return made + pick(list(_CODE), last)

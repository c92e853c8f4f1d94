"""Personal numbers where none belong: identity and telephone numbers inside open text fields are taken out before anything reads them.

Belongs here: finding and replacing them. Not here: fields that the contract calls personal (they are protected as the contract says, by
the pseudonym key), names and doors (in an open field they are words like others), what is noted about it (`clean`).
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from quality import identity

NUMBER, PHONE = "[证件号]", "[电话]"

_BORN = r"(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_IN_TEXT = (
    (rf"(^|[^0-9A-Za-z])[1-9]\d{{5}}{_BORN}\d{{3}}[\dXx]($|[^0-9A-Za-z])", f"${{1}}{NUMBER}${{2}}"),
    (r"(^|[^0-9A-Za-z])1[3-9]\d{9}($|[^0-9A-Za-z])", f"${{1}}{PHONE}${{2}}"),
)
_WORDS = r"\p{Han}"
"""A mobile number alone may be an office's own code of eleven digits; among words it is a telephone number."""


def masked(text: pl.Series, latest: dt.date) -> tuple[pl.Series, pl.Series]:
    """The texts with identity and mobile numbers replaced by a mark, and which ones were changed.

    A text of nothing but a number is changed if it is an identity number with a sound birth date (not after `latest`) and check digit.
    """
    suspect = (text.str.contains(r"\d{11}") & text.str.contains(_WORDS)).fill_null(False)
    bare = text.str.contains(r"^\s*\d{17}[\dXx]\s*$").fill_null(False)
    if not suspect.any() and not bare.any():
        return text, pl.repeat(False, len(text), dtype=pl.Boolean, eager=True)
    made = text
    for pattern, mark in _IN_TEXT:
        # Twice, since two numbers may share the character between them.
        changed = made.str.replace_all(pattern, mark).str.replace_all(pattern, mark)
        made = changed.zip_with(suspect, made)
    if bare.any():
        number = identity.id_numbers(text.set(~bare, None), latest).is_not_null()
        made = made.set(number, NUMBER)
    return made.alias(text.name), (made != text).fill_null(False)

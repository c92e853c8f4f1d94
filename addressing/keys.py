"""Unified address keys: minting from an identity, the check character, validation. Nothing about addresses themselves.

A minted key is 13 characters of Crockford's base 32: 60 bits of BLAKE2b over the identity, then a check character. The check is a
weighted sum over the field GF(32) with the powers of its primitive element as weights (a Reed-Solomon check symbol): every single
wrong character and every exchange of two characters is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import polars as pl

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 13
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_CODES = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_PRIMITIVE_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1


def _times(a: int, b: int) -> int:
    """Product in GF(32)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 32:
            a ^= _PRIMITIVE_POLYNOMIAL
        b >>= 1
    return product


def _weight_tables() -> np.ndarray:
    """Row i: what each digit at place i adds to the check (digit times 2^i in GF(32))."""
    tables, weight = [], 1
    for _ in range(LENGTH - 1):
        weight = _times(weight, 2)
        tables.append([_times(weight, digit) for digit in range(32)])
    return np.array(tables, dtype=np.uint8)


_WEIGHTED = _weight_tables()


def mint(identities: Sequence[str]) -> pl.Series:
    """The key of each identity (canonical path with its qualifiers); equal identities give equal keys on every machine."""
    digests = b"".join([blake2b(identity.encode(), digest_size=8).digest() for identity in identities])
    numbers = np.frombuffer(digests, dtype=">u8").astype(np.uint64)
    text = np.empty((len(numbers), LENGTH), dtype=np.uint8)
    check = np.zeros(len(numbers), dtype=np.uint8)
    for place in range(LENGTH - 1):
        digit = ((numbers >> np.uint64(59 - 5 * place)) & np.uint64(31)).astype(np.uint8)
        text[:, place] = _CODES[digit]
        check ^= _WEIGHTED[place][digit]
    text[:, -1] = _CODES[check]
    return pl.Series("address_key", text.view(f"S{LENGTH}").ravel()).cast(pl.String)


def is_valid(key: str) -> bool:
    """True where the key has the form of a minted key and its check character is right."""
    if len(key) != LENGTH or any(character not in _VALUE for character in key):
        return False
    check = 0
    for place, character in enumerate(key[:-1]):
        check ^= int(_WEIGHTED[place][_VALUE[character]])
    return ALPHABET[check] == key[-1]

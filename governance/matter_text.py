"""What two reports say in common: vectors of their words, learnt from the district's own reports.

Belongs here: texts as sets of two-character terms, how alike terms are, and a vector for each report. Does not belong here: which reports
are compared and what follows from it (`matter_pairs`, `matter`).

People say one thing in different words, but a report says its matter twice: in its title and in its text. Terms that stand in titles
and texts of the same reports more often than by chance are about the same thing (positive pointwise mutual information, Church & Hanks
1990); a greeting goes with every title and weighs nothing. A report's vector is the sum of its terms' rows of that table, brought to
DIMENSIONS by fixed random signs (Achlioptas 2003). All arithmetic up to the last division is in whole numbers, so that the result is
the same on every machine and with any number of threads.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

DIMENSIONS = 256
CHARACTERS = 2048
"""The most frequent characters that terms are made of; all others part a text."""
TERMS = 6144
LEARN_FROM = 200_000
"""Reports that the table of terms is learnt from; of more, an even sample by the hash of the event id."""
_COMMON = 0.2
"""A term in more than this share of the reports says nothing."""
_SEEN = 4
"""Reports in which a term, and a pair of terms, must stand before it counts."""
_ENOUGH = 3_000
"""Reports with title and text after which half is known of what words mean in this district."""
_ITSELF = 8
"""What a term says for itself beside what it says for others."""
_PLACEHOLDER = r"\[[^\]]{1,6}\]"
_BATCH = 20_000


def plain(texts: pl.Series, names: pl.Series) -> pl.Series:
    """`texts` without placeholders of redaction and without the `names` of places: where a matter is, is judged apart."""
    known = names.drop_nulls().unique().sort()
    known = known.filter(known.str.len_chars() >= 2)
    cleaned = texts.fill_null("").str.replace_all(_PLACEHOLDER, " ")
    if not known.len():
        return cleaned
    return cleaned.str.replace_many(known.to_list(), [" "] * known.len(), leftmost=True)


def _characters(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Code points of all texts, each text ended by a zero, and the row each belongs to."""
    joined = "\0".join(texts.to_list()) + "\0" if texts.len() else ""
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    rows = np.cumsum(points == 0) - (points == 0)
    return points, rows.astype(np.int64)


class Alphabet:
    """Frequent letters and characters, numbered from 1; digits and marks part a text."""

    def __init__(self, texts: pl.Series) -> None:
        counts = np.zeros(0x30000, dtype=np.int64)
        for start in range(0, texts.len(), _BATCH):
            points, _ = _characters(texts[start : start + _BATCH])
            counts += np.bincount(points[points < len(counts)], minlength=len(counts))
        words = (
            (np.arange(len(counts)) >= 0x3400)
            & (np.arange(len(counts)) < 0x2FA20)
            & ~((np.arange(len(counts)) >= 0xE000) & (np.arange(len(counts)) < 0xF900))
        )
        words &= ~((np.arange(len(counts)) >= 0xFE00) & (np.arange(len(counts)) <= 0xFFFF))
        for first, last in (("a", "z"), ("A", "Z")):
            words[ord(first) : ord(last) + 1] = True
        counts[~words] = 0
        order = np.argsort(-counts, kind="stable")[: CHARACTERS - 1]
        order = order[counts[order] > 0]
        self.number = np.zeros(len(counts) + 1, dtype=np.int64)
        self.number[order] = np.arange(1, len(order) + 1)

    def terms(self, texts: pl.Series) -> sparse.csr_matrix:
        """One row a text, one column a pair of characters; 1 where the text has it."""
        points, rows = _characters(texts)
        numbers = self.number[np.minimum(points, len(self.number) - 1)]
        holds = (numbers[:-1] > 0) & (numbers[1:] > 0)
        codes = numbers[:-1][holds] * CHARACTERS + numbers[1:][holds]
        made = sparse.csr_matrix((np.ones(len(codes), dtype=np.int32), (rows[:-1][holds], codes)), shape=(texts.len(), CHARACTERS**2))
        made.sum_duplicates()
        made.data[:] = 1
        return made


class Lexicon:
    """Terms that say something and the vector of each, learnt from reports that have a title and a text.

    `titles`, `bodies`: one row a report, empty where there is none. The order of the rows does not matter. `certainty` (0 … 1) rises with
    the number of reports that have both.
    """

    def __init__(self, titles: pl.Series, bodies: pl.Series) -> None:
        self.alphabet = Alphabet(pl.concat([titles, bodies]))
        title, body = self.alphabet.terms(titles), self.alphabet.terms(bodies)
        reports = titles.len()
        seen = np.asarray(((title + body) > 0).sum(axis=0)).ravel()
        useful = np.flatnonzero((seen >= _SEEN) & (seen <= max(_COMMON * reports, _SEEN)))
        self.terms = np.sort(useful[np.argsort(-seen[useful], kind="stable")[:TERMS]])
        self.vectors = _vectors(title[:, self.terms], body[:, self.terms])
        told = int(((titles.str.len_chars() > 0) & (bodies.str.len_chars() > 0)).sum())
        self.certainty = told / (told + _ENOUGH)

    def of(self, texts: pl.Series) -> np.ndarray:
        """Vectors of `texts` (title and text as one), int8, one row a text; of length about 127, or zero where nothing is said."""
        made = np.zeros((texts.len(), DIMENSIONS), dtype=np.int8)
        if not len(self.terms):
            return made
        for start in range(0, texts.len(), _BATCH):
            part = self.alphabet.terms(texts[start : start + _BATCH])[:, self.terms]
            # Whole numbers below 2^24, their squares' sums below 2^53: exact in any order of summing.
            sums = part.astype(np.float32) @ self.vectors
            length = np.sqrt(np.einsum("ij,ij->i", sums, sums, dtype=np.float64))
            scale = np.divide(448.0, length, out=np.zeros_like(length), where=length > 0)
            sums *= scale.astype(np.float32)[:, None]
            np.rint(sums, out=sums)
            np.clip(sums, -127, 127, out=sums)
            made[start : start + _BATCH] = sums
        return made


def _vectors(title: sparse.csr_matrix, body: sparse.csr_matrix) -> np.ndarray:
    """Whole-numbered vectors of terms: rows of positive pointwise mutual information, times four, under fixed random signs."""
    silent = np.asarray(title.sum(axis=1)).ravel() == 0
    body_alone = body[np.flatnonzero(silent)]
    together = (title.T @ body).astype(np.int64)
    together = together + together.T + (body_alone.T @ body_alone).astype(np.int64)
    together = together.tocoo()
    total = int(together.sum())
    if total == 0:
        return np.zeros((title.shape[1], DIMENSIONS), dtype=np.float32)
    row = np.asarray(together.sum(axis=1)).ravel().astype(np.float64)
    column = np.asarray(together.sum(axis=0)).ravel().astype(np.float64)
    enough = together.data >= _SEEN
    at, beside, count = together.row[enough], together.col[enough], together.data[enough].astype(np.float64)
    information = np.rint(4 * np.log2(count * total / (row[at] * column[beside])) - 8)
    holds = information > 0
    table = sparse.csr_matrix((information[holds], (at[holds], beside[holds])), shape=(len(row), len(row)))
    signs = np.random.default_rng(20260101).integers(0, 2, (len(row), DIMENSIONS)) * 2.0 - 1.0
    return np.rint(table @ signs + _ITSELF * signs).astype(np.float32)

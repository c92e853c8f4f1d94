from __future__ import annotations
import polars as pl
from .grammar import Grammar
def columns_from_text(frame: pl.DataFrame, grammar: Grammar, tree: pl.DataFrame) -> pl.DataFrame:
    return frame

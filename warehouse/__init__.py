"""Where it is kept: lake, models, libraries, releases, lineage, privacy; themes/<theme>/*.sql and subjects/*.sql.

Belongs here: storing and publishing tables. Does not belong here: what a value means (`quality`), where a text is (`addressing`), rules of
the trade (`governance`); those are handed in as tables and steps.
"""

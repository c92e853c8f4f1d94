"""Addressing: link any Chinese address text to a register, and say why.

Stands alone: plain arguments, Arrow tables in and out, no other package of the project. `build_base` makes an address base of register
dumps, `resolve` links texts to it, `explain` shows how one text was read, `link_file` does all of it for two files.
"""

from __future__ import annotations

from .base import AddressBase, AddressBaseError
from .cascade import resolve
from .grammar import Grammar, GrammarError
from .incremental import affected_queries
from .link import LinkError, LinkSummary, link_file
from .passports import TRACE_SCHEMA, trace
from .receipt import Explanation, explain
from .schema import (
    ALIAS_SCHEMA,
    DOOR_LEVELS,
    LEVELS,
    METHODS,
    NODE_SCHEMA,
    OUTCOMES,
    PASSPORT_SCHEMA,
    PUBLISHED_SCHEMA,
    REGISTER_COLUMNS,
    RESOLUTION_SCHEMA,
)
from .versions import build_base

__all__ = [
    "ALIAS_SCHEMA",
    "DOOR_LEVELS",
    "LEVELS",
    "METHODS",
    "NODE_SCHEMA",
    "OUTCOMES",
    "PASSPORT_SCHEMA",
    "PUBLISHED_SCHEMA",
    "REGISTER_COLUMNS",
    "RESOLUTION_SCHEMA",
    "TRACE_SCHEMA",
    "AddressBase",
    "AddressBaseError",
    "Explanation",
    "Grammar",
    "GrammarError",
    "LinkError",
    "LinkSummary",
    "affected_queries",
    "build_base",
    "explain",
    "link_file",
    "resolve",
    "trace",
]

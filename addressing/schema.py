"""Table shapes of the package: what goes in, what comes out. No logic."""

from __future__ import annotations

import pyarrow as pa

LEVELS = (
    "province", "city", "district", "street", "community", "neighbourhood",
    "road", "lane", "alley", "number", "estate", "building", "unit", "floor", "room", "crossing",
)  # fmt: skip

DOOR_LEVELS = ("number", "estate", "building", "unit", "floor", "room")

OUTCOMES = ("resolved", "partial", "ambiguous", "not_in_register", "no_address")
METHODS = ("exact", "alias", "hint", "correction")
PASSPORT_EVENTS = ("created", "renamed", "moved", "split", "merged", "retired", "restored")

REGISTER_COLUMNS = (
    "address_code", "full_address", "province", "city", "district", "street", "community", "neighbourhood",
    "road", "section", "lane", "alley", "sub_alley", "number", "estate", "building", "unit", "floor", "room",
    "lng", "lat", "status", "former_name", "community_code", "street_code", "district_code",
)  # fmt: skip

NODE_SCHEMA = pa.schema(
    [
        ("address_key", pa.string()),
        ("level", pa.string()),
        ("chain", pa.string()),
        ("name", pa.string()),
        ("path", pa.string()),
        ("parent_key", pa.string()),
        ("district_key", pa.string()),
        ("street_key", pa.string()),
        ("community_key", pa.string()),
        ("neighbourhood_key", pa.string()),
        ("road_key", pa.string()),
        ("lane_key", pa.string()),
        ("number_key", pa.string()),
        ("building_key", pa.string()),
        ("district", pa.string()),
        ("street", pa.string()),
        ("community", pa.string()),
        ("neighbourhood", pa.string()),
        ("register_code", pa.string()),
        ("lng", pa.float64()),
        ("lat", pa.float64()),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
        ("status", pa.string()),
    ]
)

ALIAS_SCHEMA = pa.schema([("address_key", pa.string()), ("alias", pa.string()), ("kind", pa.string())])

PASSPORT_SCHEMA = pa.schema(
    [
        ("address_key", pa.string()),
        ("version", pa.date32()),
        ("event", pa.string()),
        ("former_path", pa.string()),
        ("successor_key", pa.string()),
        ("detail", pa.string()),
    ]
)

PUBLISHED_SCHEMA = pa.schema([("address_key", pa.string()), ("path", pa.string()), ("level", pa.string()), ("first_version", pa.date32())])

RESOLUTION_SCHEMA = pa.schema(
    [
        ("address_key", pa.string()),
        ("level", pa.string()),
        ("outcome", pa.string()),
        ("method", pa.string()),
        ("matched_text", pa.string()),
        ("district_key", pa.string()),
        ("street_key", pa.string()),
        ("community_key", pa.string()),
        ("neighbourhood_key", pa.string()),
        ("district", pa.string()),
        ("community", pa.string()),
        ("neighbourhood", pa.string()),
        ("score", pa.float64()),
        ("margin", pa.float64()),
        ("runner_up", pa.string()),
        ("reason_code", pa.string()),
        ("reason", pa.string()),
        ("reason_zh", pa.string()),
    ]
)

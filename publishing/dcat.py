"""The catalogue as DCAT 3 (W3C Recommendation, 2024) in JSON-LD, with what DCAT-AP 3 asks for on top.

Belongs here: our catalogue → JSON-LD. Not here: facts (`catalogue`). The context is inline, so that nothing need be fetched; places of files
are relative to the document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from contracts.model import Audience

FILE = "dcat.jsonld"
_AUTHORITY = "http://publications.europa.eu/resource/authority"
_ACCESS = {"public": "PUBLIC", "internal": "RESTRICTED", "personal": "NON_PUBLIC", "sensitive": "NON_PUBLIC"}
_THEMES = {
    "place": ("Places", "地"),
    "organization": ("Organizations", "组织"),
    "person": ("People", "人"),
    "thing": ("Things", "物"),
    "event": ("Events", "事"),
    "sentiment": ("Sentiment", "情"),
    "subject": ("Subject tables", "专题"),
}
_FORMATS = {
    "parquet": ("Apache Parquet", "https://www.iana.org/assignments/media-types/application/vnd.apache.parquet"),
    "duckdb": ("DuckDB database, storage v1.0.0", "https://www.iana.org/assignments/media-types/application/octet-stream"),
}
_QUALITY = {
    "passed_share": ("rules that hold", "规则通过率"),
    "validity": ("rows within the rules", "数据有效率"),
    "completeness": ("values filled", "数据完整率"),
}

CONTEXT: dict[str, Any] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dqv": "http://www.w3.org/ns/dqv#",
    "adms": "http://www.w3.org/ns/adms#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}


def dcat(made: Mapping[str, Any], *, up: str, audience: Audience | None = None) -> str:
    """The catalogue as a JSON-LD text. `up`: the way from the document's folder to the release's; `audience`: only what it may see."""
    tables = [entry for entry in made["tables"].values() if entry["audiences"] and (audience is None or audience in entry["audiences"])]
    base = f"urn:govlake:{made['district']['name']}"
    publisher = {"@id": f"{base}:publisher", "@type": "foaf:Agent", "foaf:name": _both(made["district"])}
    graph: list[dict[str, Any]] = [
        {
            "@id": f"{base}:catalogue",
            "@type": "dcat:Catalog",
            "dct:title": _both(
                {"title": f"Data catalogue: {made['district']['title']}", "title_zh": f"{made['district']['title_zh']}数据目录"}
            ),
            "dct:description": _both(
                {
                    "title": "Published tables of the neighbourhood governance lakehouse",
                    "title_zh": "基层治理数据湖仓已发布的数据表",
                }
            ),
            "dct:publisher": {"@id": publisher["@id"]},
            "dct:language": [{"@id": f"{_AUTHORITY}/language/ZHO"}, {"@id": f"{_AUTHORITY}/language/ENG"}],
            "dct:modified": _moment(made["as_of"]),
            "dcat:version": made["release"],
            "dcat:themeTaxonomy": {"@id": f"{base}:themes"},
            "dcat:dataset": [{"@id": f"{base}:{entry['name']}"} for entry in tables],
        },
        publisher,
        {"@id": f"{base}:themes", "@type": "skos:ConceptScheme", "dct:title": _both({"title": "Themes", "title_zh": "主题"})},
        *(
            {
                "@id": f"{base}:theme:{theme}",
                "@type": "skos:Concept",
                "skos:prefLabel": _both({"title": title, "title_zh": title_zh}),
                "skos:inScheme": {"@id": f"{base}:themes"},
            }
            for theme, (title, title_zh) in _THEMES.items()
        ),
        *(
            {
                "@id": f"{base}:metric:{name}",
                "@type": "dqv:Metric",
                "skos:definition": _both({"title": title, "title_zh": title_zh}),
                "dqv:expectedDataType": {"@id": "xsd:decimal"},
            }
            for name, (title, title_zh) in _QUALITY.items()
        ),
    ]
    for entry in tables:
        graph += _dataset(entry, base, up, audience)
    return json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False, indent=1) + "\n"


def _dataset(entry: Mapping[str, Any], base: str, up: str, audience: Audience | None) -> list[dict[str, Any]]:
    name = entry["name"]
    this = f"{base}:{name}"
    files = [file for file in entry["files"] if audience is None or file["audience"] == audience]
    description = {
        "title": entry["description"] or f"{entry['title']}; {entry['grain']}",
        "title_zh": entry["description_zh"] or entry["title_zh"],
    }
    dataset: dict[str, Any] = {
        "@id": this,
        "@type": "dcat:Dataset",
        "dct:identifier": name,
        "dct:title": _both(entry),
        "dct:description": _both(description),
        "dct:publisher": {"@id": f"{base}:publisher"},
        "dct:creator": {"@type": "foaf:Agent", "foaf:name": entry["steward"]},
        "dcat:contactPoint": {"@type": "vcard:Organization", "vcard:fn": entry["steward"]},
        "dcat:theme": {"@id": f"{base}:theme:{entry['theme']}"},
        "dcat:keyword": [{"@value": entry["title"], "@language": "en"}, {"@value": entry["title_zh"], "@language": "zh"}],
        "dct:accessRights": {"@id": f"{_AUTHORITY}/access-right/{_access(entry, audience)}"},
        "dcat:version": entry["version"],
        "dct:conformsTo": {
            "@id": f"{up}contracts/{name.replace('.', '/')}.odcs.yaml",
            "@type": "dct:Standard",
            "dct:title": f"Data contract of {name} (ODCS)",
        },
        "dct:provenance": _provenance(entry),
        "dcat:distribution": [{"@id": f"{this}:{file['audience']}:{file['format']}"} for file in files],
        "dqv:hasQualityMeasurement": [
            {
                "@type": "dqv:QualityMeasurement",
                "dqv:computedOn": {"@id": this},
                "dqv:isMeasurementOf": {"@id": f"{base}:metric:{metric}"},
                "dqv:value": {"@value": str(entry["score"][metric]), "@type": "xsd:decimal"},
            }
            for metric in _QUALITY
            if entry["score"][metric] is not None
        ],
    }
    if entry["history"]:
        dataset["dct:issued"] = _moment(entry["history"][0]["as_of"])
        dataset["dct:modified"] = _moment(entry["history"][-1]["as_of"])
    return [dataset, *(_distribution(file, entry, this, up) for file in files)]


def _access(entry: Mapping[str, Any], audience: Audience | None) -> str:
    return "PUBLIC" if audience == "public" else _ACCESS[entry["classification"]]


def _provenance(entry: Mapping[str, Any]) -> dict[str, Any]:
    feeds = entry["freshness"]["feeds"]
    said = "; ".join(f"{feed['title']} ({feed['latest'] or 'never delivered'})" for feed in feeds) or "settings of the district"
    return {"@type": "dct:ProvenanceStatement", "rdfs:label": {"@value": f"Made from: {said}", "@language": "en"}}


def _distribution(file: Mapping[str, str], entry: Mapping[str, Any], this: str, up: str) -> dict[str, Any]:
    label, media = _FORMATS[file["format"]]
    where = {"@id": up + quote(file["path"])}
    made: dict[str, Any] = {
        "@id": f"{this}:{file['audience']}:{file['format']}",
        "@type": "dcat:Distribution",
        "dct:title": _both(
            {"title": f"{entry['title']}, {file['audience']}, {label}", "title_zh": f"{entry['title_zh']}（{file['audience']}）"}
        ),
        "dcat:accessURL": where,
        "dcat:downloadURL": where,
        "dcat:mediaType": {"@id": media, "@type": "dct:MediaType"},
        "dct:format": {"@type": "dct:MediaTypeOrExtent", "rdfs:label": label},
        "adms:status": {"@id": f"{_AUTHORITY}/distribution-status/COMPLETED"},
    }
    if "table" in file:
        made["dct:description"] = _both({"title": f"Table {file['table']} of the library", "title_zh": f"库中的表 {file['table']}"})
    return made


def _both(said: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"@value": said["title"], "@language": "en"}, {"@value": said["title_zh"], "@language": "zh"}]


def _moment(text: str) -> dict[str, str]:
    return {"@value": text, "@type": "xsd:dateTime"}

"""How a feed's files change from one delivery to the next: columns that come, go, take another name or place.

Belongs here: comparing two certificates. New codes and values of another type show up row by row (`quality.clean` notes them); what a
single file lacks against its contract is in its own certificate. Does not belong here: reading files.
"""

from __future__ import annotations

from contracts.delivery import Certificate, Problem


def drift(now: Certificate, former: Certificate) -> list[Problem]:
    """What changed between a feed's former certificate and this one; nothing where either could not be read."""
    if now.status != "read" or former.status != "read":
        return []
    problems = []
    fed_before = _headers_by_column(former)
    fed_now = _headers_by_column(now)
    renamed = {
        column: (fed_before[column], headers)
        for column, headers in fed_now.items()
        if column in fed_before and fed_before[column] != headers
    }
    for column, (before, after) in renamed.items():
        problems.append(
            _problem(
                now,
                "column_renamed",
                f"{column} now comes from {'+'.join(after)}, formerly {'+'.join(before)}",
                f"{column} 的表头由 {'+'.join(before)} 改为 {'+'.join(after)}",
                column,
            )
        )
    old_names = {header for before, _ in renamed.values() for header in before}
    new_names = {header for _, after in renamed.values() for header in after}
    gone = [header for header in former.columns if header not in now.columns and header not in old_names]
    new = [header for header in now.columns if header not in former.columns and header not in new_names]
    if gone:
        problems.append(
            _problem(now, "column_gone", f"columns of the former delivery are gone: {_listed(gone)}", f"较上一批次缺少列：{_listed(gone)}")
        )
    if new:
        problems.append(
            _problem(
                now, "column_came", f"columns that the former delivery did not have: {_listed(new)}", f"较上一批次新增列：{_listed(new)}"
            )
        )
    kept_before = [header for header in former.columns if header in now.columns]
    kept_now = [header for header in now.columns if header in former.columns]
    if kept_before != kept_now:
        problems.append(
            _problem(
                now,
                "columns_reordered",
                "columns stand in another order than before; read by name, so nothing is lost",
                "列的顺序与上一批次不同；按表头读取，不受影响",
            )
        )
    for name, zh in (("format", "格式"), ("encoding", "编码"), ("delimiter", "分隔符")):
        before, after = getattr(former, name), getattr(now, name)
        # Encoding and delimiter follow from the format: a workbook has none.
        if before != after and (name == "format" or former.format == now.format):
            problems.append(
                _problem(now, f"{name}_changed", f"{name} is {after!r}, formerly {before!r}", f"{zh}由 {before!r} 变为 {after!r}")
            )
    return problems


def _headers_by_column(certificate: Certificate) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for header, column in certificate.columns.items():
        if column is not None:
            found[column] = (*found.get(column, ()), header)
    return found


def _listed(headers: list[str]) -> str:
    return ", ".join(headers[:20]) + (" …" if len(headers) > 20 else "")


def _problem(certificate: Certificate, kind: str, message: str, message_zh: str, field: str | None = None) -> Problem:
    return Problem(
        kind=kind,
        severity="info" if kind in ("columns_reordered", "column_came") else "warn",
        message=f"{certificate.delivery}: {message}",
        message_zh=f"{certificate.delivery}：{message_zh}",
        remedy="tell the source office if this was not meant; name new headers in district.yaml",
        remedy_zh="如非有意变更，请告知来源单位；新表头可在 district.yaml 中登记",
        field=field,
    )

"""Pictures: Vega-Lite charts written with Altair and made into SVG by vl-convert, so that a page needs no script to show them.

Belongs here: how numbers are drawn. Not here: the numbers (`figures`). Colours and text follow the page (`currentColor`, CSS variables), so that
one picture serves light, dark and print. Every picture has a title and a description for screen readers; the page puts its table beside it.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

Rows = Sequence[Mapping[str, Any]]
WIDTH = 1080
GOOD, FAIR, BAD, MAIN, SECOND, THIRD, FOURTH, FIFTH = (f"var(--c-{name})" for name in ("good", "fair", "bad", "1", "2", "3", "4", "5"))
SERIES = (MAIN, SECOND, THIRD, FOURTH, FIFTH, FAIR, BAD, GOOD)
_FONT = "system-ui, sans-serif"
_SHORT = "format(datum.value, '~s')"
"""Each number on an axis by itself (0, 500, 1k): an axis's own format takes one unit for all and says 0k, 0.5k."""


@dataclass(frozen=True)
class Drawing:
    """A chart with the room that its labels need, and its key as (name, colour) pairs; the page shows the key as text."""

    chart: alt.TopLevelMixin
    left: float = 56
    right: float = 24
    top: float = 10
    bottom: float = 42
    key: tuple[tuple[str, str], ...] = ()


def svg(drawing: Drawing, *, title: str, description: str, mark: str) -> str:
    """The chart as an SVG element for a page: scales with the page, named for screen readers, without what only scripts need.

    The room for labels is reckoned here and not by vl-convert: that measures with the fonts of the machine that builds, which may have none
    for Chinese. `mark` is the element's id, unique on its page.
    """
    configured = drawing.chart.configure(  # type: ignore[attr-defined]
        aria=False,
        background="transparent",
        font=_FONT,
        autosize=alt.AutoSizeParams(type="none"),
        padding={"left": drawing.left, "right": drawing.right, "top": drawing.top, "bottom": drawing.bottom},
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor="currentColor", titleColor="currentColor", gridColor="currentColor", gridOpacity=0.12, domain=False, tickColor="currentColor",
            tickOpacity=0.25, labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelLimit=0, labelPadding=6, labelOverlap=False,
        ),
        text=alt.MarkConfig(color="currentColor"),
    )  # fmt: skip
    # Altair's check against its schema finds mistakes of who writes charts, not of data, and takes as long as the drawing.
    drawn = vl_convert.vegalite_to_svg(configured.to_dict(validate=False))
    drawn = re.sub(r"<\?xml[^>]*>|<!DOCTYPE[^>]*>", "", drawn)
    drawn = re.sub(r' (?:class|role|aria-[a-z]+|pointer-events|xmlns:xlink|stroke-miterlimit)="[^"]*"', "", drawn)
    drawn = re.sub(r' font-(?:family|size|weight)="(?:system-ui, sans-serif|12px|normal)"', "", drawn)
    drawn = re.sub(r'<path d="M0,0h0v0h0Z"/>|<path d="" display="none"/>|<g></g>|<g/>', "", drawn)
    drawn = re.sub(r"(\d+\.\d{2})\d+", r"\1", drawn)
    drawn = re.sub(r'id="(clip|gradient_)', rf'id="{mark}-\1', drawn).replace("url(#", f"url(#{mark}-")
    drawn = _squares(drawn)
    head = re.compile(r'<svg [^>]*width="([\d.]+)" height="([\d.]+)"[^>]*>')
    match = head.search(drawn)
    assert match is not None
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{mark}" role="img" aria-labelledby="{mark}-t {mark}-d" viewBox="0 0 {match[1]} {match[2]}" '
        f'style="max-width:{match[1]}px" font-family="{_FONT}" font-size="12px"><title id="{mark}-t">{html.escape(title)}</title><desc id="{mark}-d">{html.escape(description)}</desc>'
    )
    return drawn[: match.start()] + opening + drawn[match.end() :]


_MOST_LABEL = 230


def _width(text: str) -> float:
    """About how wide a text is at 12 px: a Chinese character is a square, a Latin one about 0.56 of it."""
    return sum(12.0 if ord(sign) > 0x2E7F else 6.8 for sign in text)


def _labelled(rows: Rows, label: str) -> tuple[list[dict[str, Any]], float]:
    """The rows with labels cut to what fits, still distinct, and the room that the widest needs."""
    done: list[dict[str, Any]] = []
    used: dict[str, str] = {}
    for row in rows:
        text = whole = str(row[label])
        while _width(text) > _MOST_LABEL:
            text = text[:-2].rstrip("…") + "…"
        while used.setdefault(text, whole) != whole:
            text += "\u200b"
        done.append({**row, label: text})
    return done, max((_width(row[label]) for row in done), default=0) + 16


def _bars_height(count: int, step: int = 24) -> int:
    return max(1, count) * step


_SQUARE = re.compile(
    r'<path transform="translate\((-?[\d.]+),(-?[\d.]+)\)" d="M(-?[\d.]+),(-?[\d.]+)h([\d.]+)v\5h-\5Z" fill="([^"]+)"([^>]*)/>'
)


def _squares(drawn: str) -> str:
    """Neighbouring squares of one look as one path, each a stroke as long as it is thick: a map of thousands becomes a twentieth of its size."""
    runs: list[dict[str, Any]] = []
    for match in _SQUARE.finditer(drawn):
        x, y, left, top, side, colour, rest = match.groups()
        look = f'fill="none" stroke="{colour}" stroke-width="{side}"{rest}'
        if not runs or (runs[-1]["end"], runs[-1]["look"]) != (match.start(), look):
            runs.append({"start": match.start(), "look": look, "strokes": []})
        runs[-1]["end"] = match.end()
        runs[-1]["strokes"].append(f"M{float(x) + float(left):.1f},{float(y) + float(top) + float(side) / 2:.1f}h{side}")
    for run in reversed(runs):
        drawn = f'{drawn[: run["start"]]}<path d="{"".join(run["strokes"])}" {run["look"]}/>{drawn[run["end"] :]}'
    return drawn


def _data(rows: Rows) -> alt.Data:
    return alt.Data(values=[dict(row) for row in rows])


def bars(rows: Rows, label: str, value: str, *, axis: str, colour: str = MAIN, decimals: int = 0) -> Drawing:
    """Horizontal bars in the rows' order, each with its number."""
    rows, left = _labelled(rows, label)
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y(f"{label}:N", sort=None, title=None, axis=alt.Axis(ticks=False)),
        x=alt.X(f"{value}:Q", title=axis, axis=alt.Axis(tickCount=5, labelExpr=_SHORT)),
    )
    texts = base.mark_text(align="left", dx=5, fontSize=12).encode(text=alt.Text(f"{value}:Q", format=f",.{decimals}f"))
    chart = alt.layer(base.mark_bar(color=colour, height=15), texts).properties(width=WIDTH - left - 70, height=_bars_height(len(rows)))
    return Drawing(chart, left=left, right=70)


def stacked(
    rows: Rows, label: str, parts: Mapping[str, str], *, axis: str, colours: Sequence[str] = SERIES, note: str | None = None
) -> Drawing:
    """Horizontal bars of several parts (column → its name). `note`: a column of text at each bar's end."""
    rows, left = _labelled(rows, label)
    names = list(parts.values())
    long = [
        {"label": row[label], "part": name, "value": row[column] or 0, "order": at}
        for row in rows
        for at, (column, name) in enumerate(parts.items())
    ]
    drawn = (
        alt.Chart(_data(long))
        .mark_bar(height=15)
        .encode(
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(ticks=False)),
            x=alt.X("value:Q", title=axis, axis=alt.Axis(tickCount=5, labelExpr=_SHORT)),
            color=_colours(names, colours),
            order="order:Q",
        )
    )
    layers: list[Any] = [drawn]
    if note:
        ends = [{"label": row[label], "note": row[note], "value": sum(row[column] or 0 for column in parts)} for row in rows]
        layers.append(
            alt.Chart(_data(ends))
            .mark_text(align="left", dx=5, fontSize=12)
            .encode(y=alt.Y("label:N", sort=None), x="value:Q", text="note:N")
        )
    chart = alt.layer(*layers).properties(width=WIDTH - left - 80, height=_bars_height(len(rows)))
    return Drawing(chart, left=left, right=80, key=_key(names, colours))


def months(rows: Rows, parts: Mapping[str, str], *, axis: str) -> Drawing:
    """Columns by month (`month` as YYYY-MM), one beside the other for each part (column → its name)."""
    names = list(parts.values())
    long = [
        {"month": row["month"], "part": name, "value": row[column]}
        for row in rows
        for column, name in parts.items()
        if row[column] is not None
    ]
    chart = (
        alt.Chart(_data(long))
        .mark_bar()
        .encode(
            x=alt.X("month:O", title=None, axis=_month_axis(rows)),
            xOffset=alt.XOffset("part:N", sort=names),
            y=_amount(axis),
            color=_colours(names),
        )
        .properties(width=_months_width(rows), height=230)
    )
    return Drawing(chart, bottom=_month_room(rows), key=_key(names))


def months_stacked(rows: Rows, part: str, value: str, *, axis: str, names: Sequence[str]) -> Drawing:
    """Columns by month, stacked by `part`."""
    listed = [{"month": row["month"], "part": row[part], "value": row[value]} for row in rows]
    chart = (
        alt.Chart(_data(listed))
        .mark_bar()
        .encode(x=alt.X("month:O", title=None, axis=_month_axis(rows)), y=_amount(axis), color=_colours(names))
        .properties(width=_months_width(rows), height=230)
    )
    return Drawing(chart, bottom=_month_room(rows), key=_key(names))


def lines(rows: Rows, parts: Mapping[str, str], *, axis: str, whole: bool = False, colours: Sequence[str] = SERIES) -> Drawing:
    """Lines by month, one for each part (column → its name) that has a value in any month. `whole`: the axis goes from 0 to 100."""
    shown = [
        (column, name, colours[at % len(colours)])
        for at, (column, name) in enumerate(parts.items())
        if any(row.get(column) is not None for row in rows)
    ]
    parts, colours = {column: name for column, name, _ in shown}, [colour for _, _, colour in shown]
    names = list(parts.values())
    long = [
        {"month": row["month"], "part": name, "value": row[column]}
        for row in rows
        for column, name in parts.items()
        if row.get(column) is not None
    ]
    chart = (
        alt.Chart(_data(long))
        .mark_line(point=alt.OverlayMarkDef(size=50), strokeWidth=2.5)
        .encode(
            x=alt.X("month:O", title=None, axis=_month_axis(rows)),
            y=_amount(axis, alt.Scale(domain=[0, 100]) if whole else alt.Scale(zero=True)),
            color=_colours(names, colours),
        )
        .properties(width=_months_width(rows), height=190)
    )
    return Drawing(chart, bottom=_month_room(rows), key=_key(names, colours))


def _amount(axis: str, scale: alt.Scale | None = None) -> alt.Y:
    return alt.Y("value:Q", title=axis, scale=scale or alt.Scale(), axis=alt.Axis(tickCount=5, labelExpr=_SHORT, titleX=-44))


def _months_width(rows: Rows) -> float:
    return min(WIDTH - 80, max(260, 170 * len({row["month"] for row in rows})))


def _month_axis(rows: Rows) -> alt.Axis:
    return alt.Axis(labelAngle=-50 if _are_many(rows) else 0, grid=False)


def _month_room(rows: Rows) -> float:
    return 60 if _are_many(rows) else 28


def _are_many(rows: Rows) -> bool:
    return len({row["month"] for row in rows}) > 12


def heat(rows: Rows, across: str, down: str, value: str, *, order: Sequence[str] | None = None) -> Drawing:
    """A table of shaded cells in the rows' order (`order`: that of the columns); darker is more."""
    rows, left = _labelled(rows, down)
    most = max((row[value] or 0 for row in rows), default=0) or 1
    columns = list(order or dict.fromkeys(row[across] for row in rows))
    step = min(110.0, (WIDTH - left) / max(1, len(columns)))
    tilted = max((_width(str(name)) for name in columns), default=0) > step - 6
    base = alt.Chart(_data(rows)).encode(
        x=alt.X(
            f"{across}:N", sort=columns, title=None, axis=alt.Axis(orient="top", labelAngle=-40 if tilted else 0, grid=False, ticks=False)
        ),
        y=alt.Y(f"{down}:N", sort=None, title=None, axis=alt.Axis(grid=False, ticks=False)),
    )
    cells = base.mark_rect(color=MAIN).encode(
        opacity=alt.Opacity(f"{value}:Q", scale=alt.Scale(domain=[0, most], range=[0.04, 0.7]), legend=None)
    )
    texts = base.mark_text(fontSize=12).encode(text=alt.Text(f"{value}:Q", format=","))
    chart = alt.layer(cells, texts).properties(width=step * len(columns), height=_bars_height(len({row[down] for row in rows})))
    return Drawing(chart, left=left, right=40 if tilted else 12, top=80 if tilted else 30, bottom=8)


def spans(rows: Rows, label: str, middle: str, high: str, *, axis: str, names: tuple[str, str]) -> Drawing:
    """Per row a bar to the middle value, a thin line on to the high one, and a `note` at its end."""
    rows, left = _labelled(rows, label)
    base = alt.Chart(_data(rows)).encode(y=alt.Y(f"{label}:N", sort=None, title=None, axis=alt.Axis(ticks=False)))
    x = alt.X(f"{middle}:Q", title=axis, axis=alt.Axis(tickCount=6))
    end = alt.X(f"{high}:Q")
    chart = alt.layer(
        base.mark_rule(strokeWidth=2, color=SECOND).encode(x=x, x2=f"{high}:Q"),
        base.mark_bar(height=13, color=MAIN).encode(x=x),
        base.mark_point(filled=True, size=60, opacity=1, color=SECOND).encode(x=end),
        base.mark_text(align="left", dx=8, fontSize=12).encode(x=end, text="note:N"),
    ).properties(width=WIDTH - left - 80, height=_bars_height(len(rows), 26))
    return Drawing(chart, left=left, right=80, key=((names[0], MAIN), (names[1], SECOND)))


def _colours(names: Sequence[str], colours: Sequence[str] = SERIES) -> alt.Color:
    """Colour by `part`, without a legend: the page has the key."""
    scale = alt.Scale(domain=list(names), range=[colour for _, colour in _key(names, colours)])
    return alt.Color("part:N", scale=scale, legend=None)


def _key(names: Sequence[str], colours: Sequence[str] = SERIES) -> tuple[tuple[str, str], ...]:
    return tuple((name, colours[at % len(colours)]) for at, name in enumerate(names))


def ground(cells: Rows, communities: Rows) -> Drawing:
    """A map without a map: the register's buildings as faint squares, events in them as strong ones, communities as circles by issues."""
    points = [*cells, *communities]
    west, east = min(row["lng"] for row in points), max(row["lng"] for row in points)
    south, north = min(row["lat"] for row in points), max(row["lat"] for row in points)
    # One degree of longitude is shorter than one of latitude by the cosine of the latitude.
    wide = max(east - west, 1e-6) * math.cos(math.radians((south + north) / 2))
    high = max(north - south, 1e-6)
    scale = min((WIDTH - 40) / wide, 760 / high)
    width, height = max(200, round(wide * scale)), max(200, round(high * scale))
    pad_x, pad_y = (east - west) * 0.04 or 0.001, (north - south) * 0.04 or 0.001
    x = alt.X("lng:Q", scale=alt.Scale(domain=[west - pad_x, east + pad_x], nice=False, zero=False), axis=None)
    y = alt.Y("lat:Q", scale=alt.Scale(domain=[south - pad_y, north + pad_y], nice=False, zero=False), axis=None)
    layers: list[Any] = []
    if cells:
        side = cells[0]["side"] / (north - south + 2 * pad_y) * height
        size = max(3.0, side * 0.92) ** 2
        most = max((row["events"] for row in cells), default=0) or 1
        # Five shades, one after the other, so that equal squares stand together in the file.
        shaded = [{**row, "shade": math.ceil(5 * math.sqrt(row["events"] / most)) / 5} for row in cells if row["events"]]
        shaded.sort(key=lambda row: row["shade"])
        layers.append(alt.Chart(_data(cells)).mark_square(size=size, color="currentColor", opacity=0.1).encode(x=x, y=y))
        layers.append(
            alt.Chart(_data(shaded))
            .mark_square(size=size, color=FAIR)
            .encode(x=x, y=y, opacity=alt.Opacity("shade:Q", scale=None, legend=None))
        )
    if communities:
        circles = alt.Size("issues:Q", scale=alt.Scale(range=[20, 1800], type="linear"), legend=None)
        layers.append(
            alt.Chart(_data(communities)).mark_circle(color=MAIN, opacity=0.4, stroke=MAIN, strokeWidth=1.2).encode(x=x, y=y, size=circles)
        )
        top = list(communities)[:12]
        layers.append(alt.Chart(_data(top)).mark_text(fontSize=12, fontWeight="bold", dy=-2).encode(x=x, y=y, text="community:N"))
    return Drawing(alt.layer(*layers).properties(width=width, height=height), left=20, right=20, bottom=16)

"""The check report of a release: one offline page and the same as JSON.

Belongs here: how check results look. Not here: running checks (`checks`). No external resource, no value of a row but the keys that the
results hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import jinja2

from quality.checks import CheckResult

_PAGE = """<!doctype html>
<html lang="zh">
<head><meta charset="utf-8"><title>{{ title_zh }} · {{ title }} — 检查报告 Check report</title>
<style>
body { font: 15px/1.5 system-ui, "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.failed { color: #a40000; font-weight: 600; } .warned { color: #8a5a00; font-weight: 600; } .passed { color: #1b6b2f; }
summary { cursor: pointer; font-weight: 600; }
</style></head>
<body>
<h1>检查报告 · Check report</h1>
<p>{{ title_zh }} · {{ title }}</p>
<p>规则 Rules: {{ checks | length }} · <span class="passed">通过 passed {{ passed }}</span> ·
<span class="warned">警告 warned {{ warned }}</span> · <span class="failed">失败 failed {{ failed }}</span></p>
{% if broken %}
<h2>未通过的规则 · Rules that did not hold</h2>
<table><tr><th>表 Table</th><th>规则 Rule</th><th>级别 Severity</th><th>违规行 Violations</th><th>行数 Rows</th><th>说明 Meaning</th><th>例如（键） For example (keys)</th></tr>
{% for check in broken %}<tr><td>{{ check.table }}</td><td>{{ check.rule }}</td><td class="{{ 'failed' if check.severity == 'error' else 'warned' }}">{{ check.severity }}</td>
<td class="number">{{ "{:,}".format(check.violations) }}</td><td class="number">{{ "{:,}".format(check.rows_checked) }}</td><td>{{ check.message_zh }}<br>{{ check.message }}</td><td>{{ check.examples | join("<br>" | safe) }}</td></tr>
{% endfor %}</table>
{% endif %}
<h2>全部表 · All tables</h2>
{% for table, listed in tables.items() %}
<details><summary>{{ table }} — {{ listed | selectattr("passed") | list | length }} / {{ listed | length }}</summary>
<table><tr><th>规则 Rule</th><th>结果 Result</th><th>违规行 Violations</th><th>说明 Meaning</th></tr>
{% for check in listed %}<tr><td>{{ check.rule }}</td>
<td class="{{ 'passed' if check.passed else ('failed' if check.severity == 'error' else 'warned') }}">{{ "通过 passed" if check.passed else "未通过 broken" }}</td>
<td class="number">{{ "{:,}".format(check.violations) }}</td><td>{{ check.message_zh }}<br>{{ check.message }}</td></tr>
{% endfor %}</table></details>
{% endfor %}
{% if feeds %}
<h2 id="books">账目 · The books</h2>
<p>每个批次每一行的去向；差额应为 0。What became of every row of every delivery; the difference must be 0.</p>
{% for feed, lines in feeds.items() %}
<details{% if lines | sum(attribute="difference") %} open{% endif %}><summary>{{ feed }} — {{ lines | length }} 批次 deliveries ·
读入 read {{ "{:,}".format(lines | sum(attribute="rows_read")) }} · 拒收 refused {{ "{:,}".format(lines | sum(attribute="rows_refused")) }} ·
接收 accepted {{ "{:,}".format(lines | sum(attribute="rows_accepted")) }} · 差额 difference {{ lines | sum(attribute="difference") }}</summary>
<table><tr><th>批次 Delivery</th><th>状态 Status</th>{% for _, name in columns %}<th>{{ name }}</th>{% endfor %}</tr>
{% for line in lines %}<tr><td>{{ line.delivery }}{% if line.version > 1 %} ({{ line.version }}){% endif %}</td><td>{{ line.status }}</td>
{% for key, _ in columns %}<td class="number{% if key == 'difference' and line[key] %} failed{% endif %}">{{ "–" if line[key] is none else "{:,}".format(line[key]) }}</td>{% endfor %}</tr>
{% endfor %}</table></details>
{% endfor %}
{% endif %}
</body></html>
"""

_BOOKS_COLUMNS = (
    ("bytes", "字节 bytes"),
    ("rows_read", "读入 read"),
    ("rows_malformed", "畸形 malformed"),
    ("rows_refused", "拒收 refused"),
    ("rows_accepted", "接收 accepted"),
    ("rows_repeated", "重复 repeated"),
    ("rows_replaced", "被替换 replaced"),
    ("rows_superseded", "历史版本 superseded"),
    ("rows_in_latest", "最新状态 latest"),
    ("linked_door", "门户 door"),
    ("linked_way", "道路小区 road, estate"),
    ("linked_community", "社区 community"),
    ("linked_division", "街道以上 division"),
    ("not_linked", "未关联 not linked"),
    ("rows_in_theme", "进入主题库 in theme"),
    ("rows_in_event", "进入事件流 in stream"),
    ("difference", "差额 difference"),
)


def report_html(checks: Sequence[CheckResult], *, title: str, title_zh: str, books: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page: what did not hold first, then every table with every rule, then the books (rows of `subject.reconciliation`) by feed."""
    feeds: dict[str, list[Mapping[str, Any]]] = {}
    for line in books:
        feeds.setdefault(line["feed"], []).append(line)
    tables: dict[str, list[CheckResult]] = {}
    for check in checks:
        tables.setdefault(check.table, []).append(check)
    broken = [check for check in checks if not check.passed]
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_PAGE)
    return page.render(
        title=title,
        title_zh=title_zh,
        checks=checks,
        passed=len(checks) - len(broken),
        warned=sum(check.severity == "warn" for check in broken),
        failed=sum(check.severity == "error" for check in broken),
        broken=broken,
        tables=tables,
        feeds=feeds,
        columns=_BOOKS_COLUMNS,
    )


def report_json(checks: Sequence[CheckResult]) -> str:
    """All results as a JSON list, one object a rule."""
    return json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=1)

"""The check report of a release: one offline page and the same as JSON.

Belongs here: how check results look. Not here: running checks (`checks`). No external resource, no value of a row but the keys that the
results hold.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

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
</body></html>
"""


def report_html(checks: Sequence[CheckResult], *, title: str, title_zh: str) -> str:
    """The page: what did not hold first, then every table with every rule."""
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
    )


def report_json(checks: Sequence[CheckResult]) -> str:
    """All results as a JSON list, one object a rule."""
    return json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=1)

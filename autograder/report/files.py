"""The table of a graded class as files: CSV for a spreadsheet, HTML to read."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment

from autograder.report.table import flags, points, short
from autograder.results import StudentResult

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ lecture }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ccc; text-align: right; }
th:first-child { text-align: left; }
</style>
</head>
<body>
<h1>{{ lecture }}</h1>
<table>
<thead><tr><th scope="col">student</th>
{% for exercise in results[0].exercises %}<th scope="col">{{ short(exercise.exercise) }}</th>
{% endfor %}
<th scope="col">total</th></tr></thead>
<tbody>
{% for result in results %}
<tr><th scope="row">{{ result.student }}</th>
{% for exercise in result.exercises %}<td>{{ points(exercise.points) }}</td>
{% endfor %}
<td>{{ points(result.total) }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if not jailed %}
<p><strong>Graded without a jail</strong>: what submissions did to this machine or to each other is not known.</p>
{% endif %}
{% if common %}
<h2>Most often</h2>
<table>
<thead><tr><th scope="col">mistake</th><th scope="col">exercise</th><th scope="col">students</th></tr></thead>
<tbody>
{% for (name, exercise), count in common %}
<tr><th scope="row">{{ name }}</th><td>{{ short(exercise) }}</td><td>{{ count }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
<h2>What was wrong</h2>
<dl>
{% for result in results %}
{% set lost = result.exercises | selectattr("sentence") | list %}
{% if result.ungraded or lost %}
<dt>{{ result.student }}</dt>
{% if result.ungraded %}
<dd>not graded: {{ result.ungraded }}</dd>
{% endif %}
{% for exercise in lost %}
<dd><b>{{ short(exercise.exercise) }}</b>: {{ exercise.sentence }}
{% if exercise.misconception %}<i>({{ exercise.misconception }})</i>{% endif %}</dd>
{% endfor %}
{% endif %}
{% endfor %}
</dl>
<h2>To look at</h2>
<dl>
{% for result in results %}
{% set lines = flags(result) + (result.mended | list) + (result.notes | list) %}
{% if lines %}
<dt>{{ result.student }}</dt>
{% for line in lines %}
<dd>{{ line }}</dd>
{% endfor %}
{% endif %}
{% endfor %}
</dl>
</body>
</html>
""")


def write_files(lecture: str, results: Sequence[StudentResult], folder: Path, jailed: bool = True) -> list[Path]:
    """Write NN.csv and NN.html into `folder`; returns their paths. Does nothing where nobody handed in.

    `jailed` says whether submissions ran in a jail; the page tells.
    """
    if not results:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    table, page = folder / f"{lecture}.csv", folder / f"{lecture}.html"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "student",
                *(e.exercise for e in results[0].exercises),
                "total",
                "not graded",
                "what was wrong",
                "to look at",
            ]
        )
        for r in results:
            wrong = " | ".join(f"{short(e.exercise)}: {e.sentence}" for e in r.exercises if e.sentence)
            numbers = [None if value is None else value for value in (*(e.points for e in r.exercises), r.total)]
            look = " | ".join((*flags(r), *r.mended, *r.notes))
            writer.writerow([no_formula(r.student), *numbers, *map(no_formula, (r.ungraded, wrong, look))])
    common = Counter((e.misconception, e.exercise) for r in results for e in r.exercises if e.misconception)
    shown = PAGE.render(
        lecture=lecture, results=results, jailed=jailed, common=common.most_common(), short=short, points=points,
        flags=flags,
    )  # fmt: skip
    page.write_text(shown, encoding="utf-8")
    return [table, page]


def no_formula(text: str) -> str:
    """Text that a spreadsheet shows and does not run: one that begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) or text[:1] in "\t\r" else text

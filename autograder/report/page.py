"""The report of a graded class as a page to read: points, what to look at, what is common, what was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment

from autograder.report.results import StudentResult
from autograder.report.table import flags, mistakes, points, short

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ lecture }}: the class</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #8888; text-align: right; white-space: nowrap; }
th:first-child, .text { text-align: left; }
tbody th { min-width: 8rem; max-width: 18rem; overflow-wrap: anywhere; white-space: normal; }
tfoot th, tfoot td { border-bottom: 0; font-weight: normal; font-style: italic; }
dt { font-weight: bold; margin-top: .6rem; }
</style>
</head>
<body>
<main>
<h1>{{ lecture }}: {{ results | length }} submissions</h1>
{% if not jailed %}
<p><strong>Graded without a jail</strong>: what submissions did to this machine or to each other is not known.</p>
{% endif %}
<div class="wide" tabindex="0" role="region" aria-label="Points">
<table>
<thead><tr><th scope="col">student</th>
{% for exercise in columns %}<th scope="col">{{ short(exercise.name) }}</th>
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
<tfoot>
<tr><th scope="row">mean</th>
{% for column in columns %}<td>{{ points(column.mean) }}</td>
{% endfor %}
<td>{{ points(mean) }}</td></tr>
<tr><th scope="row">of</th>
{% for column in columns %}<td>{{ points(column.max_points) }}</td>
{% endfor %}
<td>{{ points(max_total) }}</td></tr>
</tfoot>
</table>
</div>
{% if looks %}
<h2>To look at</h2>
<dl>
{% for student, lines in looks %}
<dt>{{ student }}</dt>
{% for line in lines %}
<dd>{{ line }}</dd>
{% endfor %}
{% endfor %}
</dl>
{% endif %}
{% if mistakes %}
<h2>Most often</h2>
<div class="wide" tabindex="0" role="region" aria-label="Mistakes">
<table>
<thead><tr><th scope="col">mistake</th><th scope="col">students</th><th scope="col" class="text">where</th></tr></thead>
<tbody>
{% for mistake in mistakes %}
<tr><th scope="row">{{ mistake.name }}</th><td>{{ mistake.students }}</td><td class="text">{{ mistake.where }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if wrong %}
<h2>What was wrong</h2>
<dl>
{% for result in wrong %}
<dt>{{ result.student }}</dt>
{% for exercise in result.exercises if exercise.sentence and not result.ungraded %}
<dd><b>{{ short(exercise.exercise) }}</b>: {{ exercise.sentence }}
{% if exercise.misconception %}<i>({{ exercise.misconception }})</i>{% endif %}</dd>
{% endfor %}
{% endfor %}
</dl>
{% endif %}
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Column:
    """An exercise in the class: what it is worth, and the mean of what was graded; None where nothing was."""

    name: str
    max_points: float | None
    mean: float | None


def class_page(lecture: str, results: Sequence[StudentResult], jailed: bool) -> str:
    """Return the page, in HTML. `jailed` says whether submissions ran in a jail."""
    graded = [r for r in results if r.total is not None]
    looks = [(r.student, to_look_at(r)) for r in results]
    return PAGE.render(
        lecture=lecture, results=results, jailed=jailed, columns=_columns(results),
        mean=_mean([r.total for r in graded]), max_total=graded[0].max_total if graded else None,
        looks=[(who, lines) for who, lines in looks if lines],
        mistakes=mistakes(results), wrong=[r for r in graded if any(e.sentence for e in r.exercises)],
        short=short, points=points,
    )  # fmt: skip


def to_look_at(result: StudentResult) -> list[str]:
    """What an instructor should look at in one submission, a line each."""
    ungraded = [f"not graded: {result.ungraded}"] if result.ungraded else []
    return [*ungraded, *flags(result), *result.mended, *result.notes]


def _columns(results: Sequence[StudentResult]) -> list[Column]:
    graded = [r for r in results if r.total is not None]
    return [
        Column(
            exercise.exercise,
            graded[0].exercises[i].max_points if graded else None,
            _mean([r.exercises[i].points for r in graded]),
        )
        for i, exercise in enumerate(results[0].exercises)
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    there = [v for v in values if v is not None]
    return round(sum(there) / len(there), 2) if there else None

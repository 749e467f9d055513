"""The autograded notebook: the lecture's cells as the lecture has them, the student's as they were handed in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import determine_grade

from autograder.jail.jail import Jail
from autograder.submission.assemble import as_text, assemble
from autograder.submission.lecture import RESTORED, SKIP
from autograder.submission.sanitise import sanitise
from autograder.submission.submission import SubmissionGrade, grade
from edf_course.handin import VERDICT
from tests.attacks.lecture import LECTURE, LIMITS, SECRET, SIGMOID, cells, code, notebook
from tests.tools import needs

SKIPPED = "import time\ntime.sleep(1000)  # a long training"
PICTURE = "iVBORw0KGgo="
TEXT: dict[str, Any] = {
    "cell_type": "markdown", "source": "# Mine\n![x](attachment:x.png)", "id": "my-text",
    "metadata": {"tags": ["mine"]},
    "attachments": {"x.png": {"image/png": PICTURE, "text/html": "<script>"}, "y": {"image/svg+xml": "<svg/>"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Iterator[SubmissionGrade]:
    """What comes of a notebook with cells of a student's own, one of the lecture's missing, and one changed."""
    needs("bwrap")
    made = [c for c in cells(sgd="def sgd(:") if "sgd-hand-in" not in str(c["metadata"])]
    made.insert(1, TEXT)
    made.insert(2, code("print('mine')", tags=["skip-execution", "mine"]) | {"id": "sigmoid", "outputs": [{"evil": 1}]})
    made.insert(3, code(SKIPPED))
    made[5]["source"] = "check = None"
    with Jail(LIMITS) as jail:
        yield grade(notebook(made), LECTURE, SECRET, jail)


@pytest.fixture(scope="module")
def graded(result: SubmissionGrade) -> Any:
    """The notebook of it."""
    return nbformat.reads(result.notebook, as_version=4)


def test_it_is_valid_for_nbformat_and_nbgrader_and_says_what_nbformat_would_write(
    result: SubmissionGrade, graded: Any
) -> None:
    nbformat.validate(graded)
    MetadataValidator().validate_nb(graded)
    assert (graded.nbformat, graded.nbformat_minor) == (4, 5)
    assert json.loads(result.notebook) == json.loads(nbformat.writes(graded))


def test_the_order_is_the_submission_s_and_what_is_missing_stands_where_the_lecture_has_it(graded: Any) -> None:
    assert [c.metadata.get("nbgrader", {}).get("grade_id") for c in graded.cells] == [
        None, None, None, None, "sigmoid", "sigmoid-check", "sigmoid-hand-in", "sgd", "sgd-check", "sgd-hand-in",
        "gate", "gate-check", "gate-hand-in",
    ]  # fmt: skip
    assert [c.id for c in graded.cells[:5]] == ["cell-0", "my-text", "cell-2", "cell-3", "sigmoid"]


def test_marks_and_locked_sources_are_the_lecture_s_and_answers_the_student_s(graded: Any) -> None:
    found = {c.metadata.nbgrader.grade_id: c for c in graded.cells if "nbgrader" in c.metadata}
    for of in LECTURE.cells:
        assert found[of.grade_id].metadata.nbgrader == of.mark
        if of.role != "answer":
            assert found[of.grade_id].source == of.source
    assert found["sigmoid"].source == SIGMOID
    assert [name for name, cell in found.items() if cell.metadata.get(RESTORED)] == ["sgd-hand-in"]
    assert [found[name].metadata.get("editable", True) for name in ("sigmoid", "sigmoid-check")] == [True, False]


def test_of_a_student_s_own_cell_only_text_harmless_tags_and_pictures_are_kept(graded: Any) -> None:
    _, text, mine, skipped, *_ = graded.cells
    assert text.metadata == mine.metadata == {"tags": ["mine"]}
    assert text.attachments == {"x.png": {"image/png": PICTURE}}
    assert [o.text for o in mine.outputs] == ["mine\n"]
    assert skipped.source == SKIPPED
    assert skipped.outputs == []


def test_a_hand_in_shows_the_verdict_and_nbgrader_reads_its_points(result: SubmissionGrade, graded: Any) -> None:
    for cell, exercise in zip([c for c in graded.cells if c.id.endswith("-hand-in")], result.exercises, strict=True):
        assert determine_grade(cell) == (exercise.points, exercise.max_points)
        assert cell.outputs[0].data[VERDICT]["points"] == exercise.points
    assert [e.points for e in result.exercises] == [6, 0, 8]
    assert result.scores == {
        "sigmoid-check": 0, "sigmoid-hand-in": 6, "sgd-check": 0, "sgd-hand-in": 0, "gate-check": 0, "gate-hand-in": 8,
    }  # fmt: skip


def test_what_was_mended_and_noted_is_in_its_metadata(result: SubmissionGrade, graded: Any) -> None:
    about = graded.metadata.edf_course
    assert about == {"mended": list(result.mended), "notes": list(result.notes), "jail": "bubblewrap"}
    assert "The cell sigmoid-check was changed, and was put back." in about.mended
    assert "The cell sgd-hand-in was missing, and was put back." in about.mended


def test_only_what_is_made_to_be_run_by_a_kernel_has_tags_that_steer() -> None:
    clean = sanitise(notebook([code("x", tags=["skip-execution"]), code(SKIPPED), *cells()]), LECTURE)
    tagged = [c["metadata"].get("tags") for c in assemble(clean, {}, {}, steer=True)["cells"]]
    assert tagged.count([SKIP]) == 1 + 3  # the training, and each check
    assert tagged[0] is None
    assert SKIP not in as_text(assemble(clean, {}, {}))


def test_the_kernel_is_the_source_s_and_else_the_submission_s() -> None:
    its_own = {"metadata": {"kernelspec": {"name": "mine", "display_name": "Mine", "language": "python", "evil": [1]}}}
    clean = sanitise(json.dumps(json.loads(notebook(cells())) | its_own).encode(), LECTURE)
    assert assemble(clean, {}, {})["metadata"]["kernelspec"] == {
        "name": "mine", "display_name": "Mine", "language": "python",
    }  # fmt: skip

"""An assignment of other people's, with our configuration: two notebooks, plain tests, answers that humans grade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback

from autograder.classroom.lecture_files import read_lecture, recorded_lecture
from autograder.course import Course, merged
from edf_course.handin import VERDICT
from tests.autograder.mini import make_course
from tests.tools import needs

PS = "ps1"
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
TEST = "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(7) == 14\n### END HIDDEN TESTS"
NODE = """\
class Sigmoid(CompNode):
    ### BEGIN SOLUTION
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = 1 / (1 + np.exp(-self.x.value))

    def backward(self):
        self.x.addgrad(self.grad * self.value * (1 - self.value))
    ### END SOLUTION
"""
HAND_IN = "# Graded when you hand in.\n### BEGIN HIDDEN TESTS\nhand_in('edf.sigmoid', Sigmoid)\n### END HIDDEN TESTS"


def made(source: str, grade_id: str, cell_type: str = "code", **mark: Any) -> NotebookNode:
    """A cell of the source."""
    new = nbformat.v4.new_code_cell if cell_type == "code" else nbformat.v4.new_markdown_cell
    all_ = {
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
        "schema_version": 3,
        "grade_id": grade_id,
    }
    return new(source, metadata={"nbgrader": all_ | mark})


P1 = [
    made("A helper.", "intro", "markdown", locked=True),
    made("import data\nx = data.x", "load", locked=True),
    made(ANSWER, "double", solution=True),
    made(TEST, "double-test", grade=True, points=3, locked=True),
    made("x / 2", "partial", grade=True, points=4, locked=True),
    made("### BEGIN SOLUTION\nprint('the plot')\n### END SOLUTION", "plot", grade=True, solution=True, points=2),
    made("Why?", "why", "markdown", grade=True, solution=True, points=5),
    made("Draw.", "task", "markdown", task=True, locked=True, points=6),
]
P2 = [
    nbformat.v4.new_code_cell(
        "import numpy as np\nfrom edf_course import hand_in\nfrom edf_course.edf import CompNode"
    ),
    made(NODE, "sigmoid", solution=True),
    made(HAND_IN, "sigmoid-hand-in", grade=True, points=12, locked=True),
    made("assert Sigmoid.__name__ == 'Sigmoid'", "named", grade=True, points=1, locked=True),
]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Course:
    """The course after autograde of one student, who solved what can be solved."""
    needs("bwrap")
    course = make_course(tmp_path_factory.mktemp("course"), new_gradebook)
    source = course.folder("source", PS)
    source.mkdir(parents=True)
    for name, cells in (("p1", P1), ("p2", P2)):
        nbformat.write(nbformat.v4.new_notebook(cells=cells), source / f"{name}.ipynb")
    (source / "data.py").write_text("x = 5\n")
    run(course, GenerateAssignment)
    submitted = course.folder("submitted", PS, "ada")
    submitted.mkdir(parents=True)
    for name in ("p1", "p2"):
        notebook = nbformat.read(course.folder("release", PS) / f"{name}.ipynb", 4)
        for cell in notebook.cells:
            cell.source = {"double": ANSWER, "sigmoid": NODE, "plot": "print('a plot')"}.get(id_of(cell), cell.source)
        nbformat.write(notebook, submitted / f"{name}.ipynb")
    (submitted / "notes.txt").write_text("mine")
    run(course, Autograde, student_id="ada")
    return course


def run(course: Course, step: type, **who: str) -> None:
    """Run one of nbgrader's converters."""
    step(coursedir=course.directory(assignment_id=PS, **who), config=course.config).start()


def id_of(cell: NotebookNode) -> str:
    """What nbgrader calls a cell."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def graded(course: Course, name: str) -> dict[str, tuple[float | None, bool]]:
    """Of each graded cell, its automatic score, and whether a human has to look."""
    with Gradebook(course.directory().db_url) as gradebook:
        notebook = gradebook.find_submission_notebook(name, PS, "ada")
        return {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in notebook.grades}


def test_plain_tests_answers_and_tasks_are_scored_as_nbgrader_would(course: Course) -> None:
    assert graded(course, "p1") == {
        "double-test": (3.0, False), "partial": (2.5, False), "plot": (None, True), "why": (0.0, False),
        "task": (None, True),
    }  # fmt: skip


def test_an_exercise_of_ours_is_judged_among_them_for_the_points_of_its_cell(course: Course) -> None:
    assert graded(course, "p2") == {"sigmoid-hand-in": (12.0, False), "named": (1.0, False)}
    notebook = nbformat.read(course.folder("autograded", PS, "ada") / "p2.ipynb", 4)
    cell = next(c for c in notebook.cells if id_of(c) == "sigmoid-hand-in")
    assert cell.outputs[0].data[VERDICT]["passed"]


def test_what_lies_beside_is_there_after_grading(course: Course) -> None:
    folder = course.folder("autograded", PS, "ada")
    assert {p.name for p in folder.iterdir()} == {"p1.ipynb", "p2.ipynb", "data.py", "notes.txt"}


def test_the_comment_on_what_nobody_wrote_is_nbgrader_s(course: Course) -> None:
    with Gradebook(course.directory().db_url) as gradebook:
        comments = {c.name: c.auto_comment for c in gradebook.find_submission_notebook("p1", PS, "ada").comments}
    assert comments == {"double": None, "plot": None, "why": "No response.", "task": None}


def test_the_feedback_shows_no_hidden_test(course: Course) -> None:
    run(course, GenerateFeedback, student_id="ada")
    page = (course.folder("feedback", PS, "ada") / "p1.html").read_text(encoding="utf-8")
    assert "double" in page
    assert "14" not in page.partition("<body")[2]


def test_a_lecture_is_the_same_from_its_files_and_from_the_gradebook(course: Course) -> None:
    for name in ("p1", "p2"):
        source, release = (course.folder(step, PS) / f"{name}.ipynb" for step in ("source", "release"))
        with Gradebook(course.directory().db_url) as gradebook:
            recorded = recorded_lecture(gradebook, PS, name, source)
            without_source = recorded_lecture(gradebook, PS, name, course.root / "nowhere")
        assert recorded == read_lecture(name, source, release)
        assert set(without_source.by_id) == set(recorded.by_id)


def test_without_the_source_the_gradebook_alone_decides(course: Course) -> None:
    (course.folder("source", PS) / "p1.ipynb").unlink()
    config = merged(course.config, {"BaseConverter": {"force": True}})
    Autograde(coursedir=course.directory(assignment_id=PS, student_id="ada"), config=config).start()
    assert graded(course, "p1")["double-test"] == (3.0, False)

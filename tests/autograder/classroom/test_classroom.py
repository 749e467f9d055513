"""A class is graded whole: what one submission does costs nobody else, and nothing that people did is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.classroom import classroom, feedback
from autograder.classroom.classroom import News
from autograder.classroom.pool import Graders, LocalExecutor
from autograder.course import Course
from autograder.jailed import limits_of
from autograder.release.release import ReleaseError
from autograder.report.results import results
from edf_course import exercises
from edf_course.exercises import statement
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course
from tests.tools import needs

SIGMOID, GATE = (statement(exercise).points for exercise in MINI_EXERCISES)
ALL = SIGMOID + GATE

SIGMOID_WITH = """# %% sigmoid
{before}
class Sigmoid(CompNode):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self):
        self.value = 0.5 * (np.tanh(self.x.value / 2) + 1)

    def backward(self):
        {backward}
"""
RIGHT = "self.x.addgrad(self.grad * self.value * (1 - self.value))"
CLASS = {  # small sources: the student is named after what is special
    "right": "# begins with: solution\n",
    "untouched": "",
    "noisy": "# begins with: solution\n\n"
    + SIGMOID_WITH.format(
        before="import sys, warnings", backward=f"print(1, file=sys.stderr); warnings.warn('x'); {RIGHT}"
    ),
    "no_upstream": "# begins with: solution\n\n"
    + SIGMOID_WITH.format(before="", backward="self.x.addgrad(self.value * (1 - self.value))"),
    "no_python": "# begins with: solution\n\n# %% sigmoid\nclass Sigmoid(:\n",
    "endless_cell": "# begins with: solution\n\n# %% new after sigmoid-hand-in\nwhile True:\n    pass\n",
    "kills_its_kernel": "# begins with: solution\n\n# %% new after sigmoid-hand-in\nimport os\nos._exit(1)\n",
    "lost_an_answer": "# begins with: solution\n# removes: sigmoid sigmoid-check\n",
    "lost_a_hand_in": "# begins with: solution\n# removes: gate-check gate-hand-in\n",
    "lost_all": "# removes: sigmoid sigmoid-check sigmoid-hand-in gate gate-check gate-hand-in\n",
    "cut": "# begins with: solution\n# is cut after: 2000\n",
    "trained": "# begins with: solution\n\n# %% new after sigmoid-hand-in\nprint('my own training')\n",
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, new_gradebook: Path) -> Iterator[tuple[Course, Any]]:
    """The class above, graded once: the course, and the results by student."""
    needs("bwrap")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        course = make_course(tmp_path_factory.mktemp("course"), new_gradebook)
        with (course.root / "nbgrader_config.py").open("a") as config:
            config.write("c.GradeInJail.cell_seconds = 5\n")
        folder = course.root / "sources"
        folder.mkdir()
        for student, source in CLASS.items():
            (folder / f"{student}.py").write_text(source)
        classroom.prepare(course, MINI)
        classroom.gather_sample(course, MINI, folder)
        _tag_everything(course, "tagged")
        _copy_a_cell(course, "copied_a_cell")
        _save_in_an_old_format(course, "old_format")
        for student, name in (
            ("renamed", "answers.ipynb"),
            ("empty_file", f"{MINI}.ipynb"),
            ("no_cells", f"{MINI}.ipynb"),
        ):
            path = course.folder("submitted", MINI, student) / name
            path.parent.mkdir(parents=True)
            path.write_text('{"nbformat": 3}' if student == "no_cells" else "")
        students = course.students(MINI)
        limits = limits_of(course.config)
        graders = Graders(lambda: LocalExecutor(2, limits), 2)
        assert sorted(classroom.grade(course, MINI, students, graders)) == students
        pages = graders.each(feedback.write_page, feedback.due(course, MINI, students), (course.root, MINI))
        assert not any(fault for _, fault in pages)
        graders.close()
        yield course, {r.student: r for r in results(course, MINI, students)}


def _tag_everything(course: Course, student: str) -> None:
    """A wrong submission that tags its cells so that nbclient would skip them (full marks with stock nbgrader)."""
    notebook = nbformat.read(course.notebook("submitted", MINI, "no_upstream"), as_version=4)
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution", "skip-grading", "raises-exception"]
    path = course.notebook("submitted", MINI, student)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def _copy_a_cell(course: Course, student: str) -> None:
    """Right work, with an answer cell copied below itself, metadata and all."""
    notebook = nbformat.read(course.notebook("submitted", MINI, "right"), as_version=4)
    place = next(i for i, c in enumerate(notebook.cells) if c.id == "gate")
    notebook.cells.insert(place, nbformat.from_dict({**notebook.cells[place], "id": "copy"}))
    path = course.notebook("submitted", MINI, student)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def _save_in_an_old_format(course: Course, student: str) -> None:
    """Right work without a hand-in cell, as a tool saves it that knows no cell ids (format 4.4)."""
    notebook = nbformat.read(course.notebook("submitted", MINI, "lost_a_hand_in"), as_version=4)
    notebook.nbformat_minor = 4
    for cell in notebook.cells:
        del cell["id"]
    path = course.notebook("submitted", MINI, student)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def test_what_ran_without_a_jail_is_known_later_too(graded: tuple[Course, Any]) -> None:
    course, known = graded
    path = course.notebook("autograded", MINI, "right")
    jailed = path.read_text()
    path.write_text(jailed.replace('"jail": "bubblewrap"', '"jail": "none"'))
    (found,) = results(course, MINI, ["right"])
    path.write_text(jailed)
    assert (known["right"].jailed, found.jailed) == (True, False)


@pytest.mark.parametrize(
    ("student", "points"),
    [
        ("right", (SIGMOID, GATE)),
        ("untouched", (0, 0)),
        ("noisy", (SIGMOID, GATE)),
        ("no_upstream", (1, GATE)),
        ("no_python", (0, GATE)),
        ("endless_cell", (SIGMOID, GATE)),
        ("kills_its_kernel", (SIGMOID, GATE)),
        ("lost_an_answer", (0, GATE)),
        ("lost_a_hand_in", (SIGMOID, GATE)),
        ("lost_all", (0, 0)),
        ("trained", (SIGMOID, GATE)),
        ("tagged", (1, GATE)),
        ("copied_a_cell", (SIGMOID, GATE)),
        ("old_format", (SIGMOID, GATE)),
    ],
)
def test_each_gets_what_the_work_deserves(
    graded: tuple[Course, Any], student: str, points: tuple[float, float]
) -> None:
    result = graded[1][student]
    assert result.ungraded == ""
    assert tuple(e.points for e in result.exercises) == points
    assert (result.total, result.max_total) == (sum(points), ALL)


@pytest.mark.parametrize(
    ("student", "why"),
    [
        ("cut", "no notebook: Unterminated string"),
        ("renamed", f"there is no {MINI}.ipynb in the submission, only answers.ipynb"),
        ("empty_file", "the file is empty"),
        ("no_cells", "the file is no notebook that can be read"),
    ],
)
def test_what_cannot_be_graded_says_why(graded: tuple[Course, Any], student: str, why: str) -> None:
    result = graded[1][student]
    assert why in result.ungraded
    assert (result.total, {e.points for e in result.exercises}) == (None, {None})


@pytest.mark.parametrize(
    ("student", "misconception", "sentence"),
    [
        ("right", None, ""),
        ("no_upstream", "no-upstream", "upstream gradient is missing"),
        ("no_python", None, "SyntaxError: invalid syntax"),
        ("untouched", None, "not written yet"),
        ("lost_an_answer", None, "missing from the submission"),
    ],
)
def test_what_was_wrong_with_the_first_exercise(
    graded: tuple[Course, Any], student: str, misconception: str | None, sentence: str
) -> None:
    first = graded[1][student].exercises[0]
    assert first.misconception == misconception
    assert sentence in first.sentence
    assert bool(first.sentence) == bool(sentence)


def _graded_cell(course: Course, student: str, text: str) -> Any:
    cells = nbformat.read(course.notebook("autograded", MINI, student), as_version=4).cells
    return next(cell for cell in cells if text in cell.source)


def test_a_cell_that_the_source_tags_is_skipped_and_a_students_own_is_run(graded: tuple[Course, Any]) -> None:
    assert _graded_cell(graded[0], "trained", "a long training").outputs == []
    assert _graded_cell(graded[0], "trained", "my own training").outputs[0].text == "my own training\n"


def test_feedback_shows_the_verdict_and_no_hidden_test(graded: tuple[Course, Any]) -> None:
    for student in ("right", "no_python", "lost_all"):
        page = graded[0].notebook("feedback", MINI, student).read_text(encoding="utf-8")
        assert "HIDDEN" not in page
        assert 'hand_in</span><span class="p">(' not in page
        assert len(page) < 2e6
    page = graded[0].notebook("feedback", MINI, "no_upstream").read_text(encoding="utf-8")
    assert "The upstream gradient is missing" in page


def _points_by_hand(course: Course, student: str, points: float) -> None:
    with Gradebook(course.directory().db_url) as gradebook:
        gradebook.find_grade("sigmoid-hand-in", MINI, MINI, student).manual_score = points
        gradebook.db.commit()


def _grade(course: Course, students: list[str], force: bool = False) -> dict[str, bool]:
    """Grade, and return who was graded anew."""
    news: list[News] = []
    graders = Graders(lambda: LocalExecutor(1, limits_of(course.config)), 1)
    anew = classroom.grade(course, MINI, students, graders, force=force, tell=news.append)
    graders.close()
    assert sorted(n.student for n in news if n.anew) == sorted(anew)
    return {n.student: n.anew for n in news}


def test_only_what_changed_is_graded_again_and_points_by_hand_stay(graded: tuple[Course, Any]) -> None:
    course = graded[0]
    students = ["no_python", "trained", "cut"]
    assert _grade(course, students) == {"no_python": False, "trained": False, "cut": False}
    _points_by_hand(course, "no_python", 3.0)
    submission = course.notebook("submitted", MINI, "trained")
    submission.write_text(submission.read_text(encoding="utf-8").replace("my own", "my very own"), encoding="utf-8")
    assert _grade(course, students) == {"no_python": False, "trained": True, "cut": False}
    assert _grade(course, ["no_python"], force=True) == {"no_python": True}
    (result,) = results(course, MINI, ["no_python"])
    assert result.exercises[0].points == 3.0
    assert result.total == 3.0 + GATE


def test_a_lost_gradebook_lets_everybody_be_graded_again(graded: tuple[Course, Any], new_gradebook: Path) -> None:
    course = graded[0]
    path = course.root / "workspace" / "course" / "gradebook.db"
    path.write_bytes(new_gradebook.read_bytes())
    classroom.prepare(course, MINI)
    assert _grade(course, ["untouched"]) == {"untouched": True}
    (result,) = results(course, MINI, ["untouched"])
    assert result.max_total == ALL


def test_a_lecture_with_other_cells_than_what_was_graded_is_refused(prepared: Course) -> None:
    submission = prepared.notebook("submitted", MINI, "ada")
    submission.parent.mkdir(parents=True)
    submission.write_bytes(prepared.notebook("release", MINI).read_bytes())
    with Gradebook(prepared.directory().db_url) as gradebook:
        gradebook.update_or_create_student("ada")
        gradebook.add_submission(MINI, "ada")
    script = prepared.solutions / f"{MINI}.py"
    script.write_text(script.read_text().replace('"grade_id": "gate-check"', '"grade_id": "gate-check-2"'))
    with pytest.raises(ReleaseError, match="submissions associated"):
        classroom.prepare(prepared, MINI)


def test_files_handed_in_beside_the_notebook_are_there_and_what_it_writes_comes_out(prepared: Course) -> None:
    needs("bwrap")
    notebook = nbformat.read(prepared.notebook("release", MINI), as_version=4)
    says = "import helper\nopen('told.txt', 'w').write(helper.WORD)\nopen('evil.html', 'w').write('x')"
    notebook.cells.insert(1, nbformat.v4.new_code_cell(says))
    path = prepared.notebook("submitted", MINI, "ada")
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    graded = prepared.folder("autograded", MINI, "ada")
    for word in ("one", "two"):
        (path.parent / "helper.py").write_text(f"WORD = {word!r}")
        assert _grade(prepared, ["ada"]) == {"ada": True}
        assert (graded / "told.txt").read_text() == word
    assert _grade(prepared, ["ada"]) == {"ada": False}
    assert not (graded / "evil.html").exists()
    (path.parent / "told.txt").mkdir()  # where the notebook wrote a file the last time
    for name in ("x", "n" * 255):
        (path.parent / "told.txt" / name).touch()
    assert _grade(prepared, ["ada"]) == {"ada": True}
    assert [p.name for p in (graded / "told.txt").iterdir()] == ["x"]

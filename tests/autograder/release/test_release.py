"""A release is built by nbgrader, whole or not at all, the same every time, and gives nothing away."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode

from autograder.course import Course, CourseError, find_course
from autograder.release.leaks import LEFT_OF_A_HAND_IN, MARKERS, leaks
from autograder.release.release import (
    ReleaseError,
    build_source,
    drift,
    errors_of_a_run,
    exercise_of,
    known_lectures,
    release,
    source_notebook,
)
from edf_course.exercises import LECTURES, statement
from tests.autograder.mini import MINI, REPOSITORY

REPOSITORY_COURSE = Course(REPOSITORY)


def script(course: Course) -> Path:
    return course.solutions / f"{MINI}.py"


def edit(course: Course, old: str, new: str) -> None:
    text = script(course).read_text(encoding="utf-8")
    assert old in text
    script(course).write_text(text.replace(old, new), encoding="utf-8")


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def released(course: Course) -> NotebookNode:
    return read(course.lectures / MINI / f"{MINI}.ipynb")


def by_id(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {cell.id: cell for cell in notebook.cells}


def everything_in(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_release_holds_neither_answers_nor_hand_ins(mini_course: Course) -> None:
    release(mini_course, MINI)
    cells = by_id(released(mini_course))
    assert "np.exp" not in cells["sigmoid"].source
    assert cells["sigmoid"].source.count("raise NotImplementedError()") == 2
    assert cells["sigmoid-hand-in"].source == LEFT_OF_A_HAND_IN
    assert cells["sigmoid-check"].source == 'check("edf.sigmoid", Sigmoid)'


def test_points_come_from_the_exercise_and_a_check_is_worth_none(mini_course: Course) -> None:
    release(mini_course, MINI)
    cells = by_id(released(mini_course))
    assert cells["sigmoid-hand-in"].metadata.nbgrader.points == statement("edf.sigmoid").points
    assert cells["gate-hand-in"].metadata.nbgrader.points == statement("edf.gate").points
    assert cells["gate-check"].metadata.nbgrader.points == 0


def test_a_rebuild_gives_the_same_bytes(mini_course: Course) -> None:
    release(mini_course, MINI)
    first = everything_in(mini_course.lectures)
    release(mini_course, MINI)
    assert everything_in(mini_course.lectures) == first


def test_a_release_carries_a_version_that_changes_with_it(mini_course: Course) -> None:
    before = source_notebook(script(mini_course)).metadata.edf_course.version
    assert source_notebook(script(mini_course)).metadata.edf_course.version == before
    edit(mini_course, "The end.", "The very end.")
    assert source_notebook(script(mini_course)).metadata.edf_course.version != before


def test_ids_of_an_exercise_stay_when_a_cell_is_added_before_it(mini_course: Course) -> None:
    edit(mini_course, "# %% [markdown]\n# ### Exercise 1", "# %%\n1 + 1\n\n# %% [markdown]\n# ### Exercise 1")
    cells = by_id(source_notebook(script(mini_course)))
    assert cells["start-3"].source == "1 + 1"
    assert cells["gate-hand-in-1"].source == "The end."


def test_tags_reach_the_release(mini_course: Course) -> None:
    release(mini_course, MINI)
    assert by_id(released(mini_course))["sigmoid-hand-in-1"].metadata.tags == ["skip-grading"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("### END SOLUTION", "", "solution"),  # nbgrader refuses
        ("### END HIDDEN TESTS", "", "hidden"),
        ('"grade_id": "gate-check"', '"grade_id": "sigmoid-check"', "sigmoid-check"),
        ('hand_in("edf.gate", Gate)', "", "LECTURES says"),
        ('hand_in("edf.gate", Gate)', 'hand_in("edf.affine", Gate)', "edf.affine"),
        ("# Graded when you hand in.\n", "# Graded when you hand in.\nprint(Gate)\n", "print"),
        (
            "# The end.",
            "# In full:\n#\n#     self.x.addgrad(self.grad * self.value * (1 - self.value))",
            "the whole answer",
        ),
    ],
)
def test_a_source_with_a_fault_leaves_lectures_as_they_were(mini_course: Course, old: str, new: str, why: str) -> None:
    release(mini_course, MINI)
    before = everything_in(mini_course.lectures)
    edit(mini_course, old, new)
    with pytest.raises(ReleaseError) as error:
        release(mini_course, MINI)
    assert why.lower() in str(error.value).lower()
    assert everything_in(mini_course.lectures) == before


def test_a_fault_leaves_no_release_that_could_be_published(mini_course: Course) -> None:
    edit(mini_course, "# Graded when you hand in.\n", "# Graded when you hand in.\nprint(Gate)\n")
    with pytest.raises(ReleaseError):
        release(mini_course, MINI)
    assert not mini_course.folder("release", MINI).exists()


def test_an_unknown_lecture_is_told_apart_from_the_known(mini_course: Course) -> None:
    with pytest.raises(ReleaseError, match=f"There is no 91_none.py .* there is {MINI}"):
        release(mini_course, "91_none")


def test_a_folder_that_is_no_course_is_said(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"nbgrader_config\.py"):
        find_course(tmp_path)


def test_a_course_is_found_from_inside_it(mini_course: Course) -> None:
    assert find_course(mini_course.solutions).root == mini_course.root


def test_a_configuration_that_somebody_handed_in_makes_no_course(mini_course: Course) -> None:
    folder = mini_course.folder("submitted", MINI, "mallory")
    folder.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text("raise SystemExit('run')")
    assert find_course(folder).root == mini_course.root


def test_drift_names_the_file(mini_course: Course) -> None:
    release(mini_course, MINI)
    assert drift(mini_course, MINI) == []
    edit(mini_course, "The end.", "The very end.")
    assert drift(mini_course, MINI) == [f"lectures/{MINI}/{MINI}.ipynb is not what solutions/{MINI}.py gives now."]


def test_drift_sees_a_file_that_does_not_belong(mini_course: Course) -> None:
    release(mini_course, MINI)
    (mini_course.lectures / MINI / "solution.txt").write_text("hm")
    assert [line.split()[0] for line in drift(mini_course, MINI)] == [f"lectures/{MINI}/solution.txt"]


def plant(cell: NotebookNode, where: str, what: str) -> None:
    if where == "source":
        cell.source += f"\n{what}"
    elif where == "metadata":
        cell.metadata["note"] = what
    else:
        cell.outputs = [nbformat.v4.new_output("stream", text=what)]


@pytest.mark.parametrize("where", ["source", "metadata", "output"])
@pytest.mark.parametrize(
    "what",
    [
        "self.b.addgrad(self.grad * self.a.value * self.open * (1 - self.open))",
        "  self.a.addgrad( self.grad*self.open )",
        'hand_in("edf.gate", Gate)',
        *MARKERS,
    ],
)
def test_a_planted_answer_is_found(mini_course: Course, where: str, what: str) -> None:
    release(mini_course, MINI)
    source, notebook = read(mini_course.notebook("source", MINI)), released(mini_course)
    assert leaks(source, notebook) == []
    plant(by_id(notebook)["start-2"], where, what)
    assert leaks(source, notebook) != []


def test_a_hidden_line_that_the_source_shows_elsewhere_is_no_leak(mini_course: Course) -> None:
    edit(mini_course, 'print("a long training")', "self_value = np.exp(-np.abs(x))\nprint(self_value)")
    edit(mini_course, "e = np.exp(-np.abs(self.x.value))", "self_value = np.exp(-np.abs(x))")
    release(mini_course, MINI)
    assert any("self_value = np.exp(-np.abs(x))" in cell.source for cell in released(mini_course).cells)


def test_an_answer_in_the_metadata_of_the_notebook_is_found(mini_course: Course) -> None:
    release(mini_course, MINI)
    notebook = released(mini_course)
    notebook.metadata["was"] = "self.a.addgrad(self.grad * self.open)"
    assert len(leaks(read(mini_course.notebook("source", MINI)), notebook)) == 1


def test_which_exercise_a_cell_hands_in() -> None:
    assert exercise_of('# x\nhand_in("edf.sigmoid", Sigmoid)') == "edf.sigmoid"
    assert exercise_of('check("edf.sigmoid", Sigmoid)') is None
    assert exercise_of("hand_in(name, Sigmoid)") is None
    assert exercise_of("not python(") is None


def test_a_run_that_ends_in_an_error_names_the_cell(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(s, id=i) for s, i in (("x = 1", "one"), ("1 / 0", "two"))]
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")
    assert errors_of_a_run(tmp_path / "n.ipynb") == ["The cell two ends in ZeroDivisionError: division by zero"]


def test_a_run_without_an_error_says_nothing(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    nbformat.write(notebook, tmp_path / "n.ipynb")
    assert errors_of_a_run(tmp_path / "n.ipynb") == []


@pytest.mark.parametrize("lecture", known_lectures(REPOSITORY_COURSE))
class TestEachLecture:
    """What continuous integration holds of each lecture in the repository."""

    def test_is_what_its_source_gives(self, lecture: str) -> None:
        assert drift(REPOSITORY_COURSE, lecture) == []

    def test_gives_no_answer_away(self, lecture: str) -> None:
        source = read(build_source(REPOSITORY_COURSE, lecture))
        assert leaks(source, read(REPOSITORY_COURSE.lectures / lecture / f"{lecture}.ipynb")) == []

    def test_sets_its_exercises_in_order(self, lecture: str) -> None:
        cells = source_notebook(REPOSITORY_COURSE.solutions / f"{lecture}.py").cells
        handed_in = [e for e in (exercise_of(c.source) for c in cells if c.cell_type == "code") if e]
        assert tuple(handed_in) == LECTURES[lecture]

    @pytest.mark.slow
    def test_runs_to_its_end_unsolved(self, lecture: str) -> None:
        assert errors_of_a_run(REPOSITORY_COURSE.lectures / lecture / f"{lecture}.ipynb") == []

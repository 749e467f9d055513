"""The preprocessors that grade as this course needs it, one by one."""

from __future__ import annotations

from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import determine_grade

from autograder.nbgrader_plugin import ExecuteSubmission, HideTests

TEST = "# Graded when you hand in.\n### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"


def grade_cell(hidden: str, points: float = 6) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(TEST.format(hidden))
    cell.metadata["nbgrader"] = NotebookNode(
        grade=True, solution=False, locked=True, points=points, grade_id="x-hand-in", schema_version=3, task=False
    )
    return cell


def execute(*cells: NotebookNode, **traits: Any) -> list[NotebookNode]:
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    ExecuteSubmission(kernel_name="python3", **traits).preprocess(notebook, {})
    return list(notebook.cells)


def test_what_a_hand_in_writes_to_stderr_costs_no_points() -> None:
    (cell,) = execute(grade_cell("import sys\nprint('careful', file=sys.stderr)\n4.0"))
    assert determine_grade(cell) == (4.0, 6.0)
    assert cell.outputs[0].text == "careful\n"


def test_an_error_in_a_hand_in_still_costs_them() -> None:
    (cell,) = execute(grade_cell("4.0 / 0"))
    assert determine_grade(cell) == (0, 6.0)


def test_cells_after_the_time_for_the_whole_notebook_get_no_points() -> None:
    code = nbformat.v4.new_code_cell("import time\ntime.sleep(1.5)")
    _, text, cell = execute(code, nbformat.v4.new_markdown_cell("text"), grade_cell("4.0"), notebook_timeout=1)
    assert determine_grade(cell) == (0, 6.0)
    assert "1 s for the whole notebook" in cell.outputs[0].evalue
    assert "outputs" not in text


def test_an_endless_cell_costs_only_itself() -> None:
    endless, cell = execute(nbformat.v4.new_code_cell("while True: pass"), grade_cell("4.0"), timeout=2)
    assert endless.outputs[-1].ename == "CellTimeoutError"
    assert determine_grade(cell) == (4.0, 6.0)


def test_hidden_tests_are_cut_out_of_the_feedback_with_the_traceback_that_quotes_them() -> None:
    cell = grade_cell("hand_in('x', X)")
    cell.outputs = [
        nbformat.v4.new_output("error", ename="NameError", evalue="no X", traceback=["----> 3 hand_in('x', X)"])
    ]
    HideTests().preprocess_cell(cell, {}, 0)
    assert cell.source == "# Graded when you hand in."
    assert cell.outputs[0].traceback == ["NameError: no X"]


def test_a_students_own_cell_stays_as_it_is_in_the_feedback() -> None:
    cell = nbformat.v4.new_code_cell(TEST.format("mine"))
    HideTests().preprocess_cell(cell, {}, 0)
    assert cell.source == TEST.format("mine")

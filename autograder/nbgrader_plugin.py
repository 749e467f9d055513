"""What nbgrader's own commands do differently for this course: a few preprocessors.

`nbgrader_config.py` puts them into nbgrader's lists. All decide by what the instructor has (the gradebook,
the source), never by what a submission says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, Execute, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import is_grade, is_solution
from traitlets import Integer, Unicode

from autograder.classroom.lecture_files import HIDDEN, recorded_lecture, without_hidden
from autograder.classroom.secret import secret_of
from autograder.release.leaks import GivesAway, leaks
from autograder.submission.assemble import assemble
from autograder.submission.lecture import SKIP, Lecture
from autograder.submission.sanitise import Cell, Sanitised, sanitise
from autograder.submission.submitted import Unreadable, read_notebook, read_submission
from edf_course.handin import VERDICT


class NotGradedError(Exception):
    """A submission that cannot be graded; the message is the reason."""


class RefuseLeaks(NbGraderPreprocessor):
    """Stops a release that would give an answer away, whoever makes it: formgrader then has nothing to publish.

    Raises: GivesAway.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        names = resources["nbgrader"]
        found = leaks(nbformat.read(Place(self, names).notebook("source"), as_version=4), nb)
        if found:
            raise GivesAway(f"{names['assignment']} would give answers away. " + " ".join(found))
        return nb, resources


class SubmissionExporter(NotebookExporter):
    """Reads what was handed in whatever its encoding and format, and never waits for what is no file.

    Raises: NotGradedError with the reason.
    """

    _content = b""

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **more: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Export the notebook in a file, whatever its format and encoding. Raises: NotGradedError."""
        try:
            self._content = read_submission(Path(filename))
        except Unreadable as error:
            raise NotGradedError(str(error)) from error
        return super().from_filename(filename, resources, **more)

    def from_file(
        self, file_stream: Any, resources: dict[str, Any] | None = None, **more: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Export what `from_filename` has read; nbconvert opens the file as text, which it need not be."""
        return self.from_notebook_node(_readable(self._content), resources, **more)


def _readable(content: bytes) -> NotebookNode:
    """The notebook as nbformat has it; where that is no valid one, its cells. Raises: NotGradedError."""
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)
        nbformat.validate(notebook)
        return notebook
    except Exception:  # of nbformat, which takes much for granted
        try:
            handed = read_notebook(content)
        except Unreadable as error:
            raise NotGradedError(str(error)) from error
    cells = [Cell(c.cell_type, c.source, place=c.place) for c in handed.cells]
    return nbformat.from_dict(assemble(Sanitised(cells), {}, {}))


class Place:
    """Where nbgrader's converter is: the notebook of a student that it works on, as a preprocessor is told."""

    def __init__(self, preprocessor: NbGraderPreprocessor, names: Mapping[str, str]) -> None:
        self._directory = preprocessor.parent.parent.coursedir  # of the exporter's converter
        self._hidden = ClearHiddenTests(config=preprocessor.config)
        self._db_url = names["db_url"]
        self.assignment, self.name, self.student = names["assignment"], names["notebook"], names.get("student", ".")

    def notebook(self, step: str) -> Path:
        """The notebook in one of nbgrader's folders: "source", "submitted", "autograded"."""
        student = "." if step == "source" else self.student
        folder = self._directory.format_path(getattr(self._directory, f"{step}_directory"), student, self.assignment)
        return Path(folder) / f"{self.name}.ipynb"

    def lecture(self) -> Lecture:
        """What the gradebook knows of the notebook."""
        hidden = self._hidden.begin_test_delimeter, self._hidden.end_test_delimeter
        with Gradebook(self._db_url) as gradebook:
            return recorded_lecture(gradebook, self.assignment, self.name, self.notebook("source"), hidden)

    def secret(self) -> bytes:
        """The secret of the course, which decides what is asked. Raises: BadSecret."""
        return secret_of(self._directory)


class SanitiseSubmission(NbGraderPreprocessor):
    """Makes the notebook that is graded of what was handed in: what the gradebook knows decides, and the source's tags.

    Cells that are not needed for grading get the tag "skip-grading". Raises: NotGradedError with the reason.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook that is graded, whatever was handed in, and the resources. Raises: NotGradedError."""
        place = Place(self, resources["nbgrader"])
        try:
            clean = sanitise(read_submission(place.notebook("submitted")), place.lecture())
        except Unreadable as error:
            raise NotGradedError(str(error)) from error
        for line in clean.mended:
            self.log.warning("%s: %s", place.student, line)
        shown = {} if ClearOutput(config=self.config).enabled else _own_outputs(clean, nb)
        return nbformat.from_dict(assemble(clean, shown, {"mended": clean.mended}, steer=True)), resources


def _own_outputs(clean: Sanitised, nb: NotebookNode) -> dict[int, list[Any]]:
    """The outputs that the submission brings, of each cell that is its own or is there in it."""
    return {
        i: nb.cells[cell.place].get("outputs", [])
        for i, cell in enumerate(clean.cells)
        if cell.place is not None and cell.place < len(nb.cells)
    }


class ExecuteSubmission(Execute):
    """Runs a submission: within a time for the whole of it, and so that a warning costs nobody points.

    nbgrader gives 0 to a graded cell that writes to stderr; here that counts as ordinary output.
    """

    skip_cells_with_tag = Unicode(SKIP, help="The tag of cells that are not run.").tag(config=True)
    notebook_timeout = Integer(600, help="Seconds for all cells of a submission together.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any = None, km: Any = None) -> tuple[NotebookNode, Any]:
        self.deadline = monotonic() + self.notebook_timeout
        return super().preprocess(nb, resources, km)

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        """Return the cell, run where there is time left, and the resources."""
        if monotonic() > self.deadline:
            if cell.cell_type == "code":
                cell.outputs = [self._out_of_time()]
            return cell, resources
        cell, resources = super().preprocess_cell(cell, resources, index)
        if is_grade(cell) and not is_solution(cell):
            for output in cell.get("outputs", []):
                if output.output_type == "stream":
                    output.name = "stdout"
        return cell, resources

    def _out_of_time(self) -> NotebookNode:
        sentence = f"the {self.notebook_timeout} s for the whole notebook were over before this cell"
        return nbformat.v4.new_output("error", ename="OutOfTime", evalue=sentence, traceback=[f"OutOfTime: {sentence}"])


class HideTests(NbGraderPreprocessor):
    """Keeps hidden tests out of the feedback page: of a test cell only what students have seen is left.

    An error's traceback quotes the cell, so only its last line stays.
    """

    begin = Unicode(HIDDEN[0], help="The line from which a test cell is hidden.").tag(config=True)
    end = Unicode(HIDDEN[1], help="The line up to which it is hidden.").tag(config=True)

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        """Return the cell without hidden tests and what they printed of themselves, and the resources."""
        if is_grade(cell) and not is_solution(cell) and self.begin in cell.source:
            cell.source = without_hidden(cell.source, (self.begin, self.end))
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources


class SaveGrades(SaveAutoGrades):
    """Saves the automatic grades; and where the judge has flagged an answer, that a human has to look."""

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._add_score(cell, resources)
        verdicts = [output.get("data", {}).get(VERDICT) for output in cell.get("outputs", [])]
        if any(verdict and verdict.get("flagged") for verdict in verdicts):
            names = (self.notebook_id, self.assignment_id, self.student_id)
            self.gradebook.find_grade(cell.metadata.nbgrader.grade_id, *names).needs_manual_grade = True
            self.gradebook.db.commit()

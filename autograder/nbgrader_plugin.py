"""What nbgrader's own commands do differently for this course: a few preprocessors.

`nbgrader_config.py` puts them into nbgrader's lists. All decide by what the instructor has (the gradebook,
the source), never by what a submission says of itself.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, SourceCell
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Integer, Unicode

from autograder.leaks import GivesAway, leaks

SKIP = "skip-grading"  # the tag of a cell that is not needed for grading: a demonstration, a long training
TAGS_THAT_STEER = {SKIP, "skip-execution", "raises-exception"}
RESTORED = "edf_course_restored"  # set in the metadata of a cell that was missing from the submission


class RefuseLeaks(NbGraderPreprocessor):
    """Stops a release that would give an answer away, whoever makes it: formgrader then has nothing to publish.

    Raises: GivesAway.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        names = resources["nbgrader"]
        found = leaks(nbformat.read(_source_of(self, names), as_version=4), nb)
        if found:
            raise GivesAway(f"{names['assignment']} would give answers away. " + " ".join(found))
        return nb, resources


def _source_of(preprocessor: NbGraderPreprocessor, names: dict[str, Any]) -> Path:
    """The instructor's version of the notebook that is being worked on."""
    directory = preprocessor.parent.parent.coursedir  # of the exporter's converter
    folder = directory.format_path(directory.source_directory, ".", names["assignment"])
    return Path(folder) / f"{names['notebook']}.ipynb"


class RestoreCells(NbGraderPreprocessor):
    """Puts back every cell that nbgrader knows and the submission lacks: an answer cell as it was released.

    nbgrader's own `add_missing_cells` leaves deleted answers out, and stops where two neighbours are missing.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            source = gradebook.find_notebook(names["notebook"], names["assignment"])
            points = {cell.name: cell.max_score for cell in source.grade_cells}
            solutions = {cell.name for cell in source.solution_cells}
            known = [_as_released(cell, points, cell.name in solutions) for cell in source.source_cells]
        for cell in nb.cells:
            if cell.metadata.get("nbgrader") == {}:  # what DeduplicateIds leaves of the copy of a cell
                del cell.metadata["nbgrader"]
        present = {_grade_id(cell) for cell in nb.cells}
        after = 0  # where the next missing cell belongs: behind the one that comes before it in the source
        for cell in known:
            if _grade_id(cell) in present:
                after = 1 + next(i for i, c in enumerate(nb.cells) if _grade_id(c) == _grade_id(cell))
            else:
                self.log.warning("The cell %s was missing from the submission", _grade_id(cell))
                if (nb.nbformat, nb.nbformat_minor) < (4, 5):
                    del cell["id"]
                nb.cells.insert(after, cell)
                after += 1
        return nb, resources


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _as_released(cell: SourceCell, points: dict[str, float], solution: bool) -> NotebookNode:
    """The cell as the release has it, but with its hidden tests."""
    new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    made = new(cell.source)
    made.metadata = NotebookNode(deletable=False, **{RESTORED: True})
    made.metadata["nbgrader"] = NotebookNode(
        schema_version=3,
        grade_id=cell.name,
        grade=cell.name in points,
        solution=solution,
        locked=cell.locked,
        task=False,
        cell_type=cell.cell_type,
        checksum=cell.checksum,
    )
    if cell.name in points:
        made.metadata["nbgrader"]["points"] = points[cell.name]
    return made


class ResetTags(NbGraderPreprocessor):
    """Lets only the source decide which cells are skipped: a tag that a submission brings is dropped.

    A plain cell that reads as one that the source tags "skip-grading" is skipped; once changed, it runs.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        skipped = self._skipped(resources["nbgrader"])
        for cell in nb.cells:
            tags = [tag for tag in cell.metadata.get("tags", []) if tag not in TAGS_THAT_STEER]
            if cell.cell_type == "code" and "nbgrader" not in cell.metadata and cell.source.strip() in skipped:
                tags.append(SKIP)
            cell.metadata["tags"] = tags
        return nb, resources

    def _skipped(self, names: dict[str, Any]) -> set[str]:
        """What the cells say that the source tags; nothing where the source is gone: then all cells run."""
        source = _source_of(self, names)
        if not source.is_file():
            self.log.warning("%s is not there, so no cell is skipped", source)
            return set()
        cells = nbformat.read(source, as_version=4).cells
        return {cell.source.strip() for cell in cells if SKIP in cell.metadata.get("tags", [])}


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

    begin = Unicode("BEGIN HIDDEN TESTS", help="The line from which a test cell is hidden.").tag(config=True)
    end = Unicode("END HIDDEN TESTS", help="The line up to which it is hidden.").tag(config=True)

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        if is_grade(cell) and not is_solution(cell) and self.begin in cell.source:
            cell.source = self._shown(cell.source)
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources

    def _shown(self, source: str) -> str:
        shown, hidden = [], False
        for line in source.split("\n"):
            if self.begin in line:
                hidden = True
            elif self.end in line:
                hidden = False
            elif not hidden:
                shown.append(line)
        return "\n".join(shown)

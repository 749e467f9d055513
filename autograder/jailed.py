"""nbgrader's autograde, with the jail in the place of a kernel: `GradeInJail` takes the place of `Execute`.

What was submitted is run in the jail and judged outside; what came of it is put into the cells that nbgrader goes on
with, so its gradebook, formgrader and feedback pages work as ever. One warm jail serves all submissions of a process.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from traitlets import Bool, Float, Integer, default
from traitlets.config import Config

from autograder.grades import ExerciseGrade, SubmissionGrade
from autograder.jail import MB, Limits
from autograder.lecture_files import read_lecture
from autograder.pool import Terms, grade_here
from autograder.sanitise import read_submission
from autograder.secret import secret_beside
from edf_course.handin import bundle, bundle_without_verdict

KB = 1000


class NotGradedError(Exception):
    """A submission that cannot be graded; the message is the reason."""


class GradeInJail(NbGraderPreprocessor):
    """Runs a submission in the jail, and writes verdicts and outputs into the notebook that nbgrader grades.

    Raises: NotGradedError with the reason; NoJail where this machine has none.
    """

    jailed = Bool(True, help="Whether there is a jail; without one a submission can do all that you can.").tag(
        config=True
    )
    notebook_seconds = Float(Limits.notebook_seconds, help="For a submission as a whole.").tag(config=True)
    cell_seconds = Float(help="For one cell; then it is interrupted. Default: Execute.timeout.").tag(config=True)
    probe_seconds = Float(Limits.probe_seconds, help="For one question of the judge.").tag(config=True)
    memory_mb = Integer(Limits.memory // MB, help="Memory of a submission, in MB.").tag(config=True)
    scratch_mb = Integer(Limits.scratch // MB, help="Files that a submission may write, in MB.").tag(config=True)
    cell_output_kb = Integer(
        Limits.cell_output // KB, min=1, max=900, help="What is kept of a cell's output, text and pictures, in kB."
    ).tag(config=True)
    notebook_output_kb = Integer(
        Limits.notebook_output // KB, min=1, help="What is kept of the outputs of a submission as a whole, in kB."
    ).tag(config=True)

    @default("cell_seconds")
    def _cell_seconds_of_execute(self) -> float:
        """What nbgrader's own setting says, where somebody set it; none means as long as the notebook may take."""
        if "timeout" not in self.config.get("Execute", {}):
            return Limits.cell_seconds
        seconds = Execute(config=self.config).timeout
        return float(seconds) if seconds is not None and seconds > 0 else self.notebook_seconds

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        names = resources["nbgrader"]
        directory = self.parent.parent.coursedir  # of the exporter's converter
        lecture = names["notebook"]

        def notebook(step: str, student: str = ".") -> Path:
            folder = directory.format_path(getattr(directory, f"{step}_directory"), student, names["assignment"])
            return Path(folder) / f"{lecture}.ipynb"

        terms = Terms(
            read_lecture(lecture, notebook("source"), notebook("release")),
            secret_beside(self._gradebook(names["db_url"], notebook("source"))),
            self.limits(),
            self.jailed,
        )
        result = grade_here(read_submission(notebook("submitted", names["student"])), terms)
        if result.ungraded:
            raise NotGradedError(result.ungraded)
        for line in (*result.mended, *result.notes):
            self.log.warning("%s: %s", names["student"], line)
        fill(nb, result)
        return nb, resources

    def limits(self) -> Limits:
        """What a submission may take."""
        return Limits(
            notebook_seconds=self.notebook_seconds, cell_seconds=self.cell_seconds, probe_seconds=self.probe_seconds,
            memory=self.memory_mb * MB, scratch=self.scratch_mb * MB,
            cell_output=self.cell_output_kb * KB, notebook_output=self.notebook_output_kb * KB,
        )  # fmt: skip

    def _gradebook(self, db_url: str, source: Path) -> Path:
        """Where the gradebook is; where that is no file, beside the sources."""
        scheme, _, path = db_url.partition(":///")
        return Path(path) if scheme == "sqlite" else source.parents[1] / "gradebook"


def limits_of(config: Config) -> Limits:
    """What a submission may take by an nbgrader configuration: as GradeInJail would have it."""
    limits: Limits = GradeInJail(config=config).limits()
    return limits


def fill(nb: NotebookNode, result: SubmissionGrade) -> None:
    """Put what came of a submission into the cells of its notebook: outputs, and points where nbgrader reads them."""
    ran = json.loads(result.notebook)["cells"]
    by_id = {cell["id"]: cell for cell in ran}
    left = [cell for cell in ran if cell["id"].startswith("cell-")]
    graded = {exercise.grade_id: exercise for exercise in result.exercises}
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        found = by_id.get(grade_id) or next((c for c in left if "".join(c["source"]) == cell.source), None)
        if found in left:
            left.remove(found)
        outputs = [NotebookNode(o) for o in found["outputs"]] if found else []
        if grade_id in graded:
            outputs = _outputs_of(graded[grade_id])
        cell.outputs = [_joined(o) for o in outputs]


def _joined(output: NotebookNode) -> NotebookNode:
    """An output with its text in one piece, as nbformat has it in memory."""
    if isinstance(output.get("text"), list):
        output.text = "".join(output.text)
    if "data" in output:
        output.data = NotebookNode({k: "".join(v) if isinstance(v, list) else v for k, v in output.data.items()})
    return output


def _outputs_of(exercise: ExerciseGrade) -> list[NotebookNode]:
    """What a hand-in cell shows: the verdict, and the points as its value, which nbgrader takes as the score."""
    if exercise.verdict is not None:
        shown = bundle(exercise.verdict)
    else:
        shown = bundle_without_verdict(exercise.exercise, f"{exercise.exercise}: {exercise.reason}.")
    points = {"text/plain": repr(float(exercise.points))}
    return [
        NotebookNode(output_type="display_data", data=shown, metadata={}),
        NotebookNode(output_type="execute_result", data=points, metadata={}, execution_count=None),
    ]

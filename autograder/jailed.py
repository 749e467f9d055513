"""nbgrader's autograde, with the jail in the place of a kernel: `GradeInJail` takes the place of `Execute`.

What was submitted is run in the jail and judged outside, by what the gradebook knows of the assignment; the notebook
that comes of it is what nbgrader goes on with, so its gradebook, formgrader and feedback pages work as ever. One warm
jail serves all submissions of a process.
"""

from __future__ import annotations

from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Bool, Float, Integer, default
from traitlets.config import Config

from autograder.classroom.lecture_files import handed_in
from autograder.classroom.pool import Terms, grade_here
from autograder.course import settings_of
from autograder.jail.jail import MB, Limits
from autograder.nbgrader_plugin import NotGradedError, Place
from autograder.submission import outputs
from autograder.submission.beside import links_in, read_beside, write_beside
from autograder.submission.lecture import SKIP
from autograder.submission.submitted import Unreadable, read_submission

KB = 1000


class GradeInJail(NbGraderPreprocessor):
    """Runs a submission in the jail, and writes verdicts and outputs into the notebook that nbgrader grades.

    With `nbgrader autograde --no-execute` nothing is run, and what the submission itself shows is graded.
    Raises: NotGradedError with the reason; NoJail where this machine has none.
    """

    jailed = Bool(True, help="Whether there is a jail; without one a submission can do all that you can.").tag(
        config=True
    )
    cell_seconds = Float(
        Limits.cell_seconds, min=0.1, help="For one cell; then it is interrupted. Default: Execute.timeout."
    ).tag(config=True)
    notebook_seconds = Float(
        Limits.notebook_seconds,
        min=1.0,
        help=f"For a submission as a whole. Default: {Limits.notebook_seconds:g}, or three times Execute.timeout.",
    ).tag(config=True)
    probe_seconds = Float(Limits.probe_seconds, min=0.1, help="For one question of the judge.").tag(config=True)
    memory_mb = Integer(Limits.memory // MB, min=1, help="Memory of a submission, in MB.").tag(config=True)
    scratch_mb = Integer(
        Limits.scratch // MB,
        min=1,
        help="Files of a submission, in MB; half of that for those handed in beside the notebook.",
    ).tag(config=True)
    cell_output_kb = Integer(
        Limits.cell_output // KB, min=1, max=700, help="What is kept of a cell's output, text and pictures, in kB."
    ).tag(config=True)
    notebook_output_kb = Integer(
        Limits.notebook_output // KB, min=1, help="What is kept of the outputs of a submission as a whole, in kB."
    ).tag(config=True)

    @default("cell_seconds")
    def _cell_seconds_of_execute(self) -> float:
        """What nbgrader's own setting says, where somebody set it; no limit is as long as the notebook may take."""
        seconds = self._timeout()
        return self.notebook_seconds if seconds is None else seconds

    @default("notebook_seconds")
    def _notebook_seconds_of_execute(self) -> float:
        return max(Limits.notebook_seconds, 3 * (self._timeout() or 0.0))

    def _timeout(self) -> float | None:
        """Execute.timeout where somebody set it, None where it says that there is no limit."""
        if "timeout" not in self.config.get("Execute", {}):
            return Limits.cell_seconds
        seconds = Execute(config=self.config).timeout
        return float(seconds) if seconds is not None and seconds > 0 else None

    def limits(self) -> Limits:
        """What a submission may take."""
        return Limits(
            notebook_seconds=self.notebook_seconds, cell_seconds=self.cell_seconds, probe_seconds=self.probe_seconds,
            memory=self.memory_mb * MB, scratch=self.scratch_mb * MB,
            cell_output=self.cell_output_kb * KB, notebook_output=self.notebook_output_kb * KB,
        )  # fmt: skip

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook as it was run in the jail and judged, and the resources. Raises: NotGradedError."""
        place = Place(self, resources["nbgrader"])
        lecture = place.lecture()
        if not Execute(config=self.config).enabled:
            return self._as_it_is(nb), resources
        try:
            content = read_submission(place.notebook("submitted"))
        except Unreadable as error:
            raise NotGradedError(str(error)) from error
        secret = place.secret() if lecture.hand_ins else b""
        limits = self.limits()
        folder = place.notebook("autograded").parent
        links = links_in(place.notebook("submitted").parent) - links_in(place.notebook("source").parent)
        beside = read_beside(folder, limits.scratch // 2, links)
        result = grade_here(content, Terms(lecture, secret, limits, self.jailed), beside)
        if result.ungraded:
            raise NotGradedError(result.ungraded)
        for line in result.notes:
            self.log.warning("%s: %s", place.student, line)
        write_beside(folder, result.files)
        return nbformat.reads(result.notebook, as_version=4), resources

    def _as_it_is(self, nb: NotebookNode) -> NotebookNode:
        """The notebook as it was handed in; but of what only the judge can grade there is nothing to see."""
        self.log.warning("Nothing was run: graded is what the submission itself shows, which may be anything.")
        for cell in nb.cells:
            if SKIP in cell.metadata.get("tags", []):
                cell.metadata.tags.remove(SKIP)
            if cell.cell_type == "code" and is_grade(cell) and handed_in(cell.source):
                cell.outputs = [nbformat.from_dict(outputs.error("NotRun", "nothing was run, so nobody judged it"))]
        return nb


def limits_of(config: Config) -> Limits:
    """What a submission may take by an nbgrader configuration: as GradeInJail would have it. Raises: CourseError."""
    with settings_of(GradeInJail, config):
        limits: Limits = GradeInJail(config=config).limits()
    return limits

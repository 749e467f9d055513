"""nbgrader on the folders of this course. Every nbgrader command that is started beside this file reads it.

Only instructors need it: the preprocessors named here come with edf-autograder.
"""

from pathlib import Path

c = get_config()  # noqa: F821  (traitlets puts it here)
root = Path(__file__).resolve().parent

# Where things are. What nbgrader calls source and release is staged under build/ (`edf-course release` makes
# it from solutions/); what people hand in and what is graded lies under workspace/. Neither is in the
# repository.
c.CourseDirectory.root = str(root)
c.CourseDirectory.course_id = "edf"
c.CourseDirectory.source_directory = "build/source"
c.CourseDirectory.release_directory = "build/release"
c.CourseDirectory.source_with_tests_directory = "build/source_with_tests"
c.CourseDirectory.solution_directory = "build/solution"
c.CourseDirectory.submitted_directory = "workspace/course/submitted"
c.CourseDirectory.autograded_directory = "workspace/course/autograded"
c.CourseDirectory.feedback_directory = "workspace/course/feedback"
c.CourseDirectory.db_url = f"sqlite:///{(root / 'workspace' / 'course' / 'gradebook.db').as_posix()}"
c.Exchange.root = str(root / "workspace" / "exchange")
for folder in (
    "course",
    "exchange",
):  # SQLite makes its file but not the folder; formgrader wants an exchange
    (root / "workspace" / folder).mkdir(parents=True, exist_ok=True)

# As nbgrader has them, with the level of hints, and a last look: a release that would give an answer away is not made.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.InstantiateTests",
    "autograder.hint_level.HintLevel",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearSolutions",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
    "autograder.nbgrader_plugin.RefuseLeaks",
]

# What is graded is made of a submission by what the gradebook knows of the assignment, whatever its file is like.
c.Autograde.exporter_class = "autograder.nbgrader_plugin.SubmissionExporter"
c.Autograde.sanitize_preprocessors = [
    "autograder.nbgrader_plugin.SanitiseSubmission",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    # Runs submissions in the jail, and judges them outside. In its place "autograder.nbgrader_plugin.ExecuteSubmission"
    # runs them in a kernel without a jail: for languages other than Python, and people whom one trusts.
    "autograder.jailed.GradeInJail",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.nbgrader_plugin.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "autograder.report.feedback.ShowVerdicts",
    "autograder.nbgrader_plugin.HideTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
c.GenerateFeedback.exporter_class = "autograder.report.feedback.FeedbackPage"

# How much check and the feedback pages say of what is wrong. "off": that it is; "place": also in which part; "kind":
# also in what way, with the numbers; "name": everything, the likely mistake too. A release carries it to students.
c.HintLevel.level = "name"
c.HintLevel.by_lecture = {}  # for example {"04_edf": "kind"}

# What a submission may take. Seconds: a cell that takes longer is interrupted, and the next one runs.
c.Execute.timeout = 20  # for a cell
c.GradeInJail.notebook_seconds = 120  # for all cells of a submission together
c.GradeInJail.probe_seconds = 5  # for one question of the judge
c.GradeInJail.memory_mb = 2048
c.GradeInJail.scratch_mb = 64  # of files that it writes
c.GradeInJail.cell_output_kb = 400  # what is kept of a cell's output, text and pictures together; the rest is cut
c.GradeInJail.notebook_output_kb = 1500  # and of all cells

# The same for ExecuteSubmission, which starts a kernel for each submission.
c.ExecuteSubmission.timeout = 60
c.ExecuteSubmission.notebook_timeout = 600
c.Execute.iopub_timeout = 60  # the default of 4 s fails honest work on a busy machine
c.Execute.extra_arguments = ["--log-level=ERROR"]  # the kernel's own warnings are no news to whoever grades

"""What the two distributions hold: a student's install has lectures and figures, and nothing that gives an answer."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from edf_course import edf
from edf_course.exercises import statements

ROOT = Path(__file__).parent.parent
Files = dict[str, str]


def build(kind: str, project: Path, folder: Path) -> Path:
    """Build a distribution with the tools that are installed: nothing is fetched."""
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(folder), str(project)]
    subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (built,) = folder.iterdir()
    return built


def files_of_wheel(wheel: Path) -> Files:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of_wheel(build("--wheel", ROOT, tmp_path_factory.mktemp("course")))


@pytest.fixture(scope="module")
def autograder(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of_wheel(build("--wheel", ROOT / "autograder", tmp_path_factory.mktemp("autograder")))


@pytest.fixture(scope="module")
def source_archive(tmp_path_factory: pytest.TempPathFactory) -> Files:
    with tarfile.open(build("--sdist", ROOT, tmp_path_factory.mktemp("sdist"))) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {
            member.name.partition("/")[2]: archive.extractfile(member).read().decode(errors="replace")  # type: ignore[union-attr]
            for member in members
        }


def in_the_tree(folder: str) -> set[str]:
    """The files under `folder`, caches left out."""
    paths = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {p.as_posix() for p in paths if not {"__pycache__", ".ipynb_checkpoints"} & set(p.parts)}


def without_metadata(files: Files) -> set[str]:
    return {name for name in files if ".dist-info/" not in name}


def test_the_course_is_its_package_and_the_lectures(course: Files) -> None:
    lectures = {f"edf_course/_{name}" for name in in_the_tree("lectures")}
    assert "edf_course/_lectures/04_edf/04_edf.ipynb" in lectures
    assert without_metadata(course) == in_the_tree("edf_course") | lectures


@pytest.mark.parametrize("suffix", [".js", ".css"])
def test_front_ends_are_in_the_course(course: Files, suffix: str) -> None:
    assert [name for name in course if name.startswith("edf_course/explore/") and name.endswith(suffix)]


def test_the_autograder_is_its_package_alone(autograder: Files) -> None:
    assert without_metadata(autograder) == in_the_tree("autograder") - {"autograder/pyproject.toml"}
    assert "autograder/judge.py" in autograder
    assert not [name for name in autograder if name.endswith(".ipynb")]


def test_the_source_archive_holds_no_more_than_the_wheel(source_archive: Files) -> None:
    added = {"pyproject.toml", "README.md", "LICENSE", ".gitignore", "PKG-INFO"}
    assert source_archive.keys() - added == in_the_tree("edf_course") | in_the_tree("lectures")


def plain(name: str) -> str:
    return name.replace("_", "").lower()


def withheld() -> set[str]:
    """The nodes that exercises ask for and the library does not have."""
    return {s.name for s in statements() if s.kind == "node" and not hasattr(edf, s.name)}


def test_withheld_nodes_are_defined_nowhere_in_the_course(course: Files) -> None:
    names = {plain(name) for name in withheld()}
    assert {"gate", "rmsnorm"} <= names
    for file, text in course.items():
        if file.endswith(".py"):
            definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            defined = {plain(node.name) for node in ast.walk(ast.parse(text)) if isinstance(node, definitions)}
            assert not names & defined, file


def test_nothing_in_the_course_imports_the_autograder(course: Files) -> None:
    for file, text in course.items():
        if file.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not [module for module in modules if module.partition(".")[0] == "autograder"], file


def metadata_of(files: Files, name: str) -> str:
    return next(text for file, text in files.items() if file.endswith(f".dist-info/{name}"))


def test_a_students_install_needs_neither_torch_nor_nbgrader(course: Files) -> None:
    required = message_from_string(metadata_of(course, "METADATA")).get_all("Requires-Dist", [])
    always = {Requirement(line).name for line in required if "extra ==" not in line}
    assert "jupyterlab" in always
    assert not {"torch", "nbgrader", "edf-autograder", "pytest"} & always


def test_the_course_brings_its_command_and_the_autograder_its_judge(course: Files, autograder: Files) -> None:
    assert "edf-course = edf_course.cli:main" in metadata_of(course, "entry_points.txt")
    assert "local = autograder.judge:judge" in metadata_of(autograder, "entry_points.txt")

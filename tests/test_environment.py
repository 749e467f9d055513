"""pyproject.toml (both), constraints.txt, environment.yml and the tools' settings say the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
COURSE = tomllib.loads((ROOT / "pyproject.toml").read_text())
AUTOGRADER = tomllib.loads((ROOT / "autograder" / "pyproject.toml").read_text())
OWN = {"edf-course", "edf-autograder"}
EXTRAS = {"torch", "nbgrader", "dev"}


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def named_requirements() -> list[Requirement]:
    """Every requirement of the two projects, those of building them included."""
    project = COURSE["project"]
    extras = [line for of in (project, AUTOGRADER["project"]) for line in _of_extras(of)]
    lines = [*project["dependencies"], *extras, *AUTOGRADER["project"]["dependencies"]]
    lines += [*COURSE["build-system"]["requires"], *AUTOGRADER["build-system"]["requires"]]
    return [Requirement(line) for line in lines if Requirement(line).name not in OWN]


def _of_extras(project: dict[str, Any]) -> list[str]:
    return [line for lines in project["optional-dependencies"].values() for line in lines]


@pytest.mark.parametrize("requirement", named_requirements(), ids=str)
def test_a_requirement_is_pinned_to_a_version_that_satisfies_it(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_what_the_requirements_require_is_pinned_too() -> None:
    open_, seen = [*named_requirements()], {}
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        if seen.get(name, set()) >= requirement.extras and name in seen:
            continue
        seen[name] = seen.get(name, set()) | requirement.extras
        for line in requires(name) or []:
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                open_.append(needed)
    assert len(seen) > 100
    assert not {name for name in seen if not belongs_to_an_accelerator(name)} - pins().keys() - OWN


def belongs_to_an_accelerator(name: str) -> bool:
    return name.startswith(("nvidia-", "cuda-", "triton"))


def test_what_is_pinned_is_a_plain_version() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\d.]+(\.post\d+|rc\d+)?", line), line


def test_torch_is_the_version_of_which_a_cpu_build_is_at_hand() -> None:
    assert pins()["torch"] == Version("2.13.0")


def test_conda_installs_what_make_installs() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    makefile = (ROOT / "Makefile").read_text()
    extras = re.search(r"^EXTRAS := (.*)$", makefile, re.MULTILINE)
    autograder = re.search(r"^AUTOGRADER_EXTRAS := (.*)$", makefile, re.MULTILINE)
    assert extras is not None
    assert autograder is not None
    assert set(extras.group(1).split(",")) == EXTRAS == COURSE["project"]["optional-dependencies"].keys()
    assert set(autograder.group(1).split(",")) == AUTOGRADER["project"]["optional-dependencies"].keys()
    assert pip == ["-c constraints.txt", f"-e .[{extras.group(1)}]", f"-e autograder[{autograder.group(1)}]"]
    assert "-c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]' -e 'autograder[$(AUTOGRADER_EXTRAS)]'" in makefile


def test_every_place_names_the_same_pythons() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert COURSE["project"]["requires-python"] == AUTOGRADER["project"]["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in (ROOT / "Makefile").read_text()
    assert "python=3.11" in conda
    assert COURSE["tool"]["ruff"]["target-version"] == "py311"
    assert COURSE["tool"]["mypy"]["python_version"] == "3.11"


def test_the_two_projects_have_one_version() -> None:
    version = COURSE["project"]["version"]
    assert AUTOGRADER["project"]["version"] == version
    assert f"edf-course[torch,nbgrader]=={version}" in AUTOGRADER["project"]["dependencies"]
    assert {distribution(name).version for name in OWN} == {version}


def test_hooks_come_from_the_environment_and_not_from_elsewhere() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


def imported(folder: str) -> Iterator[tuple[str, str]]:
    """The modules of others that the Python files of a folder import, wherever in a file: (file, module)."""
    own = {*sys.stdlib_module_names, "edf_course", "autograder", "tests"}
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "classroom" in path.parts:
            continue  # what students handed in: some of it does not even parse
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for module in {name.partition(".")[0] for name in names} - own:
                yield path.relative_to(ROOT).as_posix(), module


def declared(*lists: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for lines in lists for line in lines}


COURSE_NEEDS = declared(COURSE["project"]["dependencies"])
EXTRA_NEEDS = {name: declared(lines) for name, lines in COURSE["project"]["optional-dependencies"].items()}
AUTOGRADER_NEEDS = declared(AUTOGRADER["project"]["dependencies"], _of_extras(AUTOGRADER["project"]))


@pytest.mark.parametrize(
    ("folder", "may_import"),
    [
        ("edf_course", COURSE_NEEDS | EXTRA_NEEDS["torch"]),
        ("autograder", AUTOGRADER_NEEDS | EXTRA_NEEDS["torch"] | EXTRA_NEEDS["nbgrader"]),
        ("tests", COURSE_NEEDS | AUTOGRADER_NEEDS | set().union(*EXTRA_NEEDS.values())),
    ],
)
def test_what_is_imported_is_declared(folder: str, may_import: set[str]) -> None:
    providers = packages_distributions()
    for file, module in imported(folder):
        assert {canonicalize_name(name) for name in providers.get(module, [])} & may_import, f"{file}: {module}"

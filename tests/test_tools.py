"""A test whose tool is missing is skipped on a person's machine, and fails in continuous integration."""

import pytest

from tests import tools


@pytest.fixture(autouse=True)
def _a_tool_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools.TOOLS, "nothing", (("no-such-program",), "apt install nothing"))


def test_a_missing_tool_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs nothing, which is not here: apt install nothing"):
        tools.needs("nothing")


def test_a_missing_tool_fails_in_continuous_integration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt install nothing"):
        tools.needs("nothing")


def test_a_tool_that_is_there_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools.TOOLS, "shell", (("no-such-program", "sh"), "it is always there"))
    assert tools.needs("shell").endswith("/sh")


def test_a_tool_that_is_not_on_the_path_is_found_by_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools.TOOLS, "shell", (("/b*n/s[h]",), "it is always there"))
    assert tools.needs("shell") == "/bin/sh"

"""Attacks on a whole course on disk: the gradebook, its secret, the sources and what the others handed in."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.classroom import classroom
from autograder.classroom.pool import Graders, LocalExecutor
from autograder.course import Course
from autograder.jailed import limits_of
from autograder.report.results import StudentResult, results
from edf_course import exercises
from edf_course.exercises import statement
from tests.autograder.mini import MINI, MINI_EXERCISES, make_course, make_gradebook
from tests.tools import needs

ALL = sum(statement(exercise).points for exercise in MINI_EXERCISES)

# An attacker who knows where everything is. What he gets hold of is printed.
WAYS = """\
import glob, os
ROOT = {root!r}
PLACES = [os.path.join(ROOT, p) for p in (
    'workspace/course/gradebook.db', 'workspace/course/gradebook.secret', 'workspace/course/submitted',
    'workspace/course/submitted/honest/90_mini/90_mini.ipynb', 'workspace/course/autograded', 'solutions/90_mini.py',
    'build/source/90_mini/90_mini.ipynb', 'nbgrader_config.py', 'workspace/course')]
def ways(place):
    yield place
    yield '/..' * 3 + place
    for prefix in ('/proc/self/root', '/proc/1/root', '/proc/self/cwd', '/proc/1/cwd', '/.old_root', '/oldroot',
                   '/newroot', '/mnt', '/run/host', '/host'):
        yield prefix + place
    for up in range(1, 9):
        yield '../' * up + place.lstrip('/')
    for number in range(300):
        yield f'/proc/self/fd/{{number}}{{place}}'
        yield f'/dev/fd/{{number}}{{place}}'
"""
READS = """
for place in PLACES:
    for way in ways(place):
        for how in (os.stat, os.listdir, open, os.readlink, lambda w: os.open(w, os.O_PATH)):
            try:
                how(way)
            except (OSError, ValueError):
                continue
            print('REACHED', way)
"""
WRITES = """
for place in PLACES:
    for way in ways(place):
        for how in (lambda w: open(w, 'r+b').write(b'x'), os.unlink, os.rmdir, lambda w: os.rename(w, w + '.old'),
                    lambda w: os.chmod(w, 0), lambda w: os.link(w, '/tmp/linked'), lambda w: os.truncate(w, 0),
                    lambda w: open(os.path.join(w, 'new'), 'w')):
            try:
                how(way)
            except (OSError, ValueError):
                continue
            print('REACHED', way)
"""
TRIGGER = """
import sqlite3
SQL = ('create trigger rich after update on grade begin update grade set manual_score = 99; end',
       'update grade set auto_score = 99', 'update submitted_assignment set student_id = "attacker"')
for way in ways(PLACES[0]):
    for uri in (f'file:{{way}}?mode=rw', f'file:{{way}}?mode=rw&vfs=unix-none', f'file:{{way}}?immutable=1'):
        try:
            db = sqlite3.connect(uri, uri=True, timeout=0)
            db.execute('select count(*) from grade')
            print('REACHED', uri)
            for line in SQL:
                db.execute(line)
            db.commit()
        except sqlite3.Error:
            pass
db = sqlite3.connect(':memory:')
for way in ways(PLACES[0]):
    try:
        db.execute('attach ? as other', (way,))
        db.execute('select count(*) from other.grade')
        print('REACHED', way)
    except sqlite3.Error:
        pass
"""
LOCK = """
import fcntl, sqlite3, time
kept = []
for way in ways(PLACES[0]):
    try:
        db = sqlite3.connect(f'file:{{way}}?mode=rw', uri=True, timeout=0, isolation_level=None)
        db.execute('begin exclusive')
        kept.append(db)
        print('REACHED', way)
    except sqlite3.Error:
        pass
    try:
        kept.append(open(way, 'r+b'))
        fcntl.flock(kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        print('REACHED', way)
    except OSError:
        pass
for name in ('gradebook.db-journal', 'gradebook.db-wal'):
    try:
        open(os.path.join(os.path.dirname(PLACES[0]), name), 'w').write('x')
        print('REACHED', name)
    except OSError:
        pass
time.sleep(1)
"""
DESCRIPTORS = """
import array, socket, stat
for number in range(1024):
    try:
        kind = os.fstat(number).st_mode
    except OSError:
        continue
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        print('REACHED', number)
    try:
        os.listdir(number)
        print('REACHED', number)
    except OSError:
        pass
    for name in ('../../../../' + PLACES[0], PLACES[0], 'gradebook.db'):
        try:
            os.open(name, os.O_RDWR, dir_fd=number)
            print('REACHED', number, name)
        except OSError:
            pass
    if stat.S_ISSOCK(kind):
        end = socket.socket(fileno=os.dup(number))
        try:  # has anybody sent a descriptor?
            data, more, *_ = end.recvmsg(1, socket.CMSG_SPACE(64), socket.MSG_DONTWAIT | socket.MSG_PEEK)
            if more:
                print('REACHED', more)
        except OSError:
            pass
"""
ATTACKERS = {"reads": READS, "writes": WRITES, "plants": TRIGGER, "locks": LOCK, "descriptors": DESCRIPTORS}
SOLVED = "# begins with: solution\n\n"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Course, dict[str, StudentResult], str]]:
    """A course after a class with attackers in it was graded: the course, the results, what was handed in before."""
    needs("bwrap")
    folder = tmp_path_factory.mktemp("attacked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exercises.LECTURES, MINI, MINI_EXERCISES)
        course = make_course(folder / "course", make_gradebook(folder / "gradebook.db"))
        (folder / "sources").mkdir()
        ways = WAYS.format(root=str(course.root))
        for name, source in {"honest": "", "honest_too": "", **ATTACKERS}.items():
            attack = f"# %% new after sigmoid-hand-in\n{ways}{source.format()}" if source else ""
            (folder / "sources" / f"{name}.py").write_text(SOLVED + attack)
        classroom.prepare(course, MINI)
        classroom.gather_sample(course, MINI, folder / "sources")
        students, before = course.students(MINI), fingerprint(course)
        graders = Graders(lambda: LocalExecutor(2, limits_of(course.config)), 2)
        try:
            assert sorted(classroom.grade(course, MINI, students, graders)) == students
        finally:
            graders.close()
        yield course, {r.student: r for r in results(course, MINI, students)}, before


def fingerprint(course: Course) -> str:
    """A hash over what was handed in, the sources and the secret."""
    made = hashlib.sha256()
    for place in ("workspace/course/submitted", "solutions", "build/source", "nbgrader_config.py"):
        path = course.root / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            made.update(f"{file} {file.stat().st_mode}\n".encode() + (file.read_bytes() if file.is_file() else b""))
    return made.hexdigest()


@pytest.mark.parametrize("attacker", sorted(ATTACKERS))
def test_an_attacker_who_knows_where_everything_is_reaches_nothing(
    attacked: tuple[Course, dict[str, StudentResult], str], attacker: str
) -> None:
    course, _, _ = attacked
    graded = json.loads(course.notebook("autograded", MINI, attacker).read_text())
    outputs = [o for cell in graded["cells"] for o in cell.get("outputs", [])]
    said = "".join("".join(o.get("text", "")) + o.get("ename", "") for o in outputs)
    assert "REACHED" not in said
    assert "Error" not in said  # the attack ran to its end


def test_everybody_has_what_their_code_deserves(attacked: tuple[Course, dict[str, StudentResult], str]) -> None:
    _, graded, _ = attacked
    assert {name: result.total for name, result in graded.items()} == dict.fromkeys(graded, ALL)
    assert len(graded) == 2 + len(ATTACKERS)


def test_what_others_handed_in_and_the_sources_are_as_they_were(
    attacked: tuple[Course, dict[str, StudentResult], str],
) -> None:
    course, _, before = attacked
    assert fingerprint(course) == before


def test_the_gradebook_has_no_trigger_and_no_lock_and_no_mark_that_nobody_gave(
    attacked: tuple[Course, dict[str, StudentResult], str],
) -> None:
    course, _, _ = attacked
    path = course.root / "workspace" / "course" / "gradebook.db"
    with sqlite3.connect(path, timeout=1) as db:
        assert db.execute("select count(*) from sqlite_master where type in ('trigger', 'view')").fetchone() == (0,)
        assert db.execute("select count(*) from grade where manual_score is not null").fetchone() == (0,)
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        db.execute("begin exclusive")
        db.rollback()


def test_the_ways_reach_the_course_where_there_is_no_jail(tmp_path: Path) -> None:
    """So that the tests above can fail: run here, the same attack finds everything."""
    (tmp_path / "workspace/course/submitted").mkdir(parents=True)
    db = sqlite3.connect(tmp_path / "workspace/course/gradebook.db")
    db.execute("create table grade (auto_score, manual_score)")
    db.commit()
    for source in (READS, TRIGGER, LOCK.replace("time.sleep(1)", "[k.close() for k in kept]")):
        said: list[str] = []
        program = WAYS.format(root=str(tmp_path)) + source.format()
        exec(program, {"print": lambda *words, said=said: said.append(" ".join(map(str, words)))})
        assert any(line.startswith("REACHED") for line in said)

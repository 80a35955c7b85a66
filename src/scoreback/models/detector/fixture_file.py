"""Finds a detector's tests: in its own file, and in NAME.tests.yml beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from scoreback.models.detector.checks import check_tests
from scoreback.models.detector.fixture_tests import FixtureTest, TestFile
from scoreback.models.detector.located_yaml import parse, read_text
from scoreback.models.detector.problems import Problem, problems_of, refuse
from scoreback.models.detector.spec import Detector

TESTS_SUFFIXES = (".tests.yml", ".tests.yaml")


class FoundTest(NamedTuple):
    """A test, and the file that it is in."""

    test: FixtureTest
    file: Path


def tests_of(path: Path, detector: Detector) -> list[FoundTest]:
    """The tests of *detector*, whose file is *path*; empty if it has none.

    Raises:
        ConfigError: NAME.tests.yml cannot be read or is wrong; names file, line, key and remedy.
    """
    own = [FoundTest(test, path) for test in detector.tests]
    return own + [FoundTest(test, file) for file in files_beside(path) for test in _read(
        file, detector, {test.name for test in detector.tests}
    )]  # fmt: skip


def is_tests_file(path: Path) -> bool:
    """Whether *path* has the name of a file of tests, so it is not a detector file."""
    return path.name.endswith(TESTS_SUFFIXES)


def files_beside(path: Path) -> list[Path]:
    """The existing files of tests of the detector file *path*."""
    names = (path.with_name(path.stem + suffix) for suffix in TESTS_SUFFIXES)
    return [name for name in names if name.exists()]


def _read(file: Path, detector: Detector, there: set[str]) -> list[FixtureTest]:
    document = parse(read_text(file), str(file))
    try:
        tests = TestFile.model_validate(document.root).tests
    except ValidationError as error:
        raise refuse(problems_of(error, TestFile), document) from error
    problems = [*check_tests(detector, tests), *_named_twice(tests, there)]
    if problems:
        raise refuse(problems, document)
    return tests


def _named_twice(tests: list[FixtureTest], there: set[str]) -> Iterator[Problem]:
    for i, test in enumerate(tests):
        if test.name in there:
            what = f"a test {test.name!r} already exists in the detector's own file"
            yield Problem(("tests", i, "name"), what, "rename it")

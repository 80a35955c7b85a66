"""What holds the house together: links, declared dependencies, versions, and what import loads."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import scoreback

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
ALL_PYTHON = [
    *SOURCES,
    *(path for name in ("tests", "benchmarks", "examples", "packaging")
      for path in sorted((ROOT / name).rglob("*.py"))),
]  # fmt: skip
HEAVY = (
    "numpy", "pandas", "xgboost", "sklearn", "scipy", "duckdb", "pyarrow", "sqlalchemy", "alembic",
    "elasticsearch", "sigma", "splunklib",
)  # fmt: skip
RUNS_WHAT_IT_READS = {
    "pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code",
    "codeop", "runpy",
}  # fmt: skip
# It asks connectors whether their slices survive pickling, on objects of its own making.
PICKLES_ITS_OWN = {"scoreback/connectors/contract/event_checks.py": {"pickle"}}
# It makes functions of syntax trees that it builds of a model's numbers itself; it parses no text.
COMPILES_ITS_OWN = {"scoreback/portable/trees.py": {"compile"}}
EXTRAS_OF_USERS = ("sigma",)  # what the product imports only when asked for; the others are ours
# Where a connector is chosen when nobody says which, and where an option is for one of them.
NAMES_A_CONNECTOR = {
    "service/settings.py": {"local"},
    "service/cli/demo.py": {"elastic"},
    "service/cli/keys.py": {"elastic"},  # the name of an option
}
BINARY = {".parquet", ".gz", ".png", ".ubj"}
# Modules of a library that another one pins to a version and documents as its own.
COMES_WITH = {"elastic_transport": "elasticsearch", "pydantic_core": "pydantic"}


@pytest.mark.parametrize("name", ["connectors", "models", "service"])
def test_each_wing_is_linked_at_the_top(name: str) -> None:
    link = ROOT / name
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / "src" / "scoreback" / name
    assert (link / "__init__.py").is_file()


def test_every_link_in_the_tree_leads_somewhere_inside_it() -> None:
    links = [path for path in _tracked() if path.is_symlink()]
    assert len(links) >= 4
    for link in links:
        assert link.exists(), f"{link} leads nowhere"
        assert link.resolve().is_relative_to(ROOT), f"{link} leads outside"


def test_nothing_imports_through_the_links() -> None:
    for path in ALL_PYTHON:
        through = _imported(path) & {"connectors", "models", "service", "src"}
        assert not through, f"{path} imports {through}"


def test_packaging_is_no_python_package() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()  # it would shadow a library


def test_every_library_that_is_imported_is_declared() -> None:
    used: set[str] = set()
    for path in SOURCES:
        used |= _imported(path)
    foreign = used - set(sys.stdlib_module_names) - {"scoreback"}
    owners = packages_distributions()
    declared = _declared().union(*(_extra(name) for name in EXTRAS_OF_USERS))
    for module in sorted(foreign):
        named = {_normal(owner) for owner in [COMES_WITH.get(module), *owners[module]] if owner}
        assert named & declared, f"{module} comes with {named}, which setup.cfg does not name"


READ_BY_OTHERS = {"tzdata"}  # time zones, which zoneinfo finds where the system has none


def test_every_library_that_is_declared_is_imported() -> None:
    used: set[str] = set()
    for path in SOURCES:
        used |= _imported(path)
    owners = packages_distributions()
    imported = {_normal(owner) for module in used for owner in owners.get(module, [])}
    assert _declared() - READ_BY_OTHERS <= imported


def test_the_lock_has_every_declared_library() -> None:
    lock = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    locked = {_normal(line.split("==")[0]) for line in lock.splitlines() if "==" in line}
    extras = _config()["options.extras_require"]
    wanted = _declared().union(*(_extra(name) for name in extras))
    assert wanted | {"setuptools"} <= locked


def test_what_an_extra_of_users_needs_is_there_when_tests_run() -> None:
    for name in EXTRAS_OF_USERS:
        assert _extra(name) <= _extra("test"), name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_nothing_in_the_package_runs_what_it_reads(path: Path) -> None:
    name = path.relative_to(ROOT / "src").as_posix()
    allowed, may_call = PICKLES_ITS_OWN.get(name, set()), COMPILES_ITS_OWN.get(name, set())
    assert not _imported(path) & RUNS_WHAT_IT_READS - allowed
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            runs = {"eval", "exec", "compile", "__import__", "yaml.load"} - may_call
            assert called not in runs, called
            assert not {k.arg for k in node.keywords if k.arg == "allow_pickle"}, called


@pytest.mark.parametrize("wing", ["models", "service"])
def test_no_connector_is_asked_for_by_name(wing: str) -> None:
    entry_points = _config()["options.entry_points"]
    groups = [entry_points[group] for group in ("scoreback.connectors", "scoreback.sigma")]
    lines = [line for group in groups for line in group.split("\n") if line]
    names = {line.partition(" = ")[0] for line in lines}
    assert len(names) >= 3
    package = ROOT / "src" / "scoreback"
    for path in sorted((package / wing).rglob("*.py")):
        told = {node.value for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant)}
        allowed = NAMES_A_CONNECTOR.get(path.relative_to(package).as_posix(), set())
        assert told & names <= allowed, path


def test_translators_of_sigma_rules_are_found_without_its_libraries() -> None:
    code = "from scoreback.connectors.registry import sigma_translators as s; s()"
    done = _python("-c", f"import sys; {code}; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert not {"sigma", "yaml"} & set(done.stdout.split())


def test_checking_a_detector_file_loads_no_engine_and_no_database() -> None:
    loaded = _loaded_by("validate", str(ROOT / "examples" / "detectors" / "alert_triage.yml"))
    assert "pydantic" in loaded
    assert not loaded & set(HEAVY)


def test_help_and_version_import_nothing_heavy() -> None:
    for option in ("--help", "--version"):
        loaded = _loaded_by(option)
        assert "typer" in loaded  # the measurement itself works
        assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "import-sigma",
        "load",
        "train",
        "score",
        "verdict",
        "validate",
        "test",
        "backtest",
        "promote",
        "plan",
        "remove",
        "serve",
    ],
)
def test_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    assert not _loaded_by(command, "--help") & set(HEAVY)


def test_importing_the_package_imports_nothing_else() -> None:
    done = _python("-c", "import sys, scoreback; print(*sys.modules)")
    foreign = {name for name in done.stdout.split() if name.startswith("scoreback.")}
    assert not foreign


def test_the_version_is_said_once_and_everywhere_the_same() -> None:
    assert _config()["metadata"]["version"] == "attr: scoreback.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]?", changelog, re.MULTILINE)
    newest = changelog.split("\n## ")[1]
    assert scoreback.__version__ in newest or released[0] == scoreback.__version__


def test_the_supported_pythons_agree() -> None:
    config = _config()
    assert config["options"]["python_requires"] == ">=3.11"
    classified = re.findall(r":: (3\.\d+)$", config["metadata"]["classifiers"], re.MULTILINE)
    assert classified == ["3.11", "3.12", "3.13"]
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "Python 3.11, 3.12 or 3.13" in (ROOT / name).read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(version in ci for version in classified)


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    # Joined from pieces, so that this file does not name what it looks for.
    folders = "|".join(("work", "farm", "root", "Users"))
    hosts = "|".join(("maven", "npm", "pypi", "crates", "golang"))
    pattern = re.compile(
        rf"(?<![\w.])/(?:{folders})/[A-Za-z.]|https?://[^ )\"]*(?:{hosts})|(?<![\w.])/home/\w"
    )
    for path in _tracked():
        if path.is_symlink() or not path.is_file() or path.suffix in BINARY:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert not pattern.search(line), f"{path}:{number}: {line.strip()[:120]}"


def test_no_tracked_file_is_large() -> None:
    for path in _tracked():
        assert not path.is_file() or path.stat().st_size < 1 << 20, path


def _tracked() -> list[Path]:
    # A checkout that another user owns, as in containers, is read all the same.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    git += ["--cached", "--others", "--exclude-standard"]
    done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _imported(path: Path) -> set[str]:
    """Top names of what *path* imports, inside functions too."""
    return {name.partition(".")[0] for name in _import_names(_tree(path))}


def _import_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _config() -> ConfigParser:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def _declared() -> set[str]:
    return _requirements(_config()["options"]["install_requires"])


def _extra(name: str) -> set[str]:
    """What the extra *name* installs beside the product, through extras of ours that it names."""
    found: set[str] = set()
    for line in _config()["options.extras_require"][name].split("\n"):
        ours = re.fullmatch(r"scoreback\[([\w, -]+)\]", line.strip())
        if ours:
            found = found.union(*(_extra(inner.strip()) for inner in ours[1].split(",")))
        else:
            found |= _requirements(line)
    return found


def _requirements(text: str) -> set[str]:
    return {_normal(re.split(r"[<>=!~;\[ ]", line)[0]) for line in text.split("\n") if line}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _loaded_by(*arguments: str) -> set[str]:
    """Top names of the modules that the command line imports for *arguments*."""
    call = f"import sys; sys.argv[1:] = {list(arguments)!r}; from scoreback.service.cli import main"
    done = _python("-X", "importtime", "-c", f"{call}; main()")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

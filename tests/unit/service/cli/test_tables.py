"""On a screen of 80 columns ids, names and numbers stay whole; only sentences wrap."""

import ast
import importlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from scoreback.service import cli
from scoreback.service.cli import show, tables

NAME = "alert_queue_of_the_north/" + "0123456789abcdef" * 3
NUMBER = "0.4567 (0.3456 to 0.5678)"
SENTENCE = "the field process.command_line is missing in all events that were looked at " * 3


def printed(rows: tables.Rows, width: int) -> str:
    into = io.StringIO()
    tables.show(rows, Console(file=into, width=width))
    return into.getvalue()


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `show.table` in the commands, with the module that it is in."""
    for path in sorted(Path(cli.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and ast.unparse(node.func) == "show.table"
            if named and isinstance(node, ast.Call):
                yield path.stem, node


def columns_of(module: str, node: ast.expr) -> list[str]:
    """What the call names as its columns; what is only known at run time has a long name."""
    if isinstance(node, ast.Tuple | ast.List):
        found: list[str] = []
        for part in node.elts:
            if isinstance(part, ast.Constant):
                found.append(str(part.value))
            elif isinstance(part, ast.Starred) and isinstance(part.value, ast.Name):
                found += columns_of(module, part.value)
            elif isinstance(part, ast.Starred) and isinstance(part.value, ast.IfExp):
                found += columns_of(module, part.value.body)  # the wider of the two tables
            else:
                found.append("process.command_line")
        return found
    where = importlib.import_module(f"scoreback.service.cli.{module}")
    return list(getattr(where, ast.unparse(node), ["process.command_line", "user.name"]))


CALLS = list(calls())


@pytest.mark.parametrize(
    ("module", "call"), CALLS, ids=[f"{name}:{call.lineno}" for name, call in CALLS]
)
@pytest.mark.parametrize("width", [60, 80, 119, 160])
def test_every_table_of_every_command_keeps_names_and_numbers_whole(
    module: str, call: ast.Call, width: int
) -> None:
    columns = columns_of(module, call.args[1])
    said = {one.arg: one.value for one in call.keywords}
    prose = {
        str(part.value)
        for part in ast.walk(said.get("prose", ast.Tuple(elts=[])))
        if isinstance(part, ast.Constant)
    }
    assert prose <= set(columns)
    cells = [SENTENCE if c in prose else (NAME, NUMBER)[i % 2] for i, c in enumerate(columns)]
    rows = tables.Rows(title=NAME, columns=columns, cells=[cells, cells], prose=frozenset(prose),
                       blocks="blocks" in said)  # fmt: skip
    out = printed(rows, width)
    for cell in {cell for cell in cells if cell != SENTENCE}:
        assert out.count(cell) >= 2 * cells.count(cell)
    for line in out.splitlines():
        assert len(line.rstrip()) <= width or NAME in line


def test_there_are_tables_to_look_at() -> None:
    assert len(CALLS) >= 15


words = st.text(st.characters(categories=["L", "N"], max_codepoint=0x17F), min_size=1, max_size=30)


@given(
    cells=st.integers(1, 8).flatmap(
        lambda n: st.lists(st.lists(words, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    width=st.integers(40, 200),
    blocks=st.booleans(),
)
def test_a_cell_is_in_one_line_whatever_the_width(
    cells: list[list[str]], width: int, blocks: bool
) -> None:
    columns = [f"column {i} of it" for i in range(len(cells[0]))]
    out = printed(tables.Rows(title="T", columns=columns, cells=cells, blocks=blocks), width)
    for row in cells:
        for cell in row:
            assert any(cell in line for line in out.splitlines())
    assert all(len(line.rstrip()) <= max(width, 60) for line in out.splitlines())


def test_below_120_columns_there_is_one_block_a_row() -> None:
    rows = tables.Rows(title="Alerts", columns=("alert", "risk", "why"), prose=frozenset({"why"}),
                       cells=[("a1", "97", "rare"), ("a2", "96", "")], blocks=True)  # fmt: skip
    assert printed(rows, 119).split("\n\n")[1:3] == [
        "alert a1\n  risk  97\n  why   rare",
        "alert a2\n  risk  96",
    ]
    assert "alert a1" not in printed(rows, 120)


def test_numbers_align_right() -> None:
    rows = tables.Rows(title="T", columns=("a", "figure"), cells=[("x", "1"), ("y", "100")],
                       numbers=" r")  # fmt: skip
    lines = [line.rstrip() for line in printed(rows, 80).splitlines()]
    ends = {len(line) for line in lines if line.strip().startswith(("x ", "y "))}
    assert len(ends) == 1


def test_a_table_in_a_pipe_is_as_wide_as_somebody_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns, blocks in (("80", True), ("", False), ("wide", False)):
        monkeypatch.setenv("COLUMNS", columns)
        show.table("Alerts", ("alert", "why"), [("a1", "rare")], blocks=True)
        assert ("alert a1" in capsys.readouterr().out) is blocks


def test_a_table_in_a_file_is_as_wide_as_its_names_and_never_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    columns = [f"a heading of many words {i}" for i in range(9)]
    show.table("T", columns, [["x" * 30] * 9], blocks=True)
    assert any(
        all(name in line for name in columns) for line in capsys.readouterr().out.split("\n")
    )

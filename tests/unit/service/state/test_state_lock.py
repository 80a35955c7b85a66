"""Two processes on one state: one works, the other is told who."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer

import pytest

from scoreback.errors import StateError
from scoreback.service.state.workspace_state import State

HOLD = """
import pathlib, sys
from scoreback.service.state.workspace_state import State
with State.open(pathlib.Path(sys.argv[1])) as state, state.lock("d"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_refused_and_told_who_holds_it_until_it_is_killed(
    tmp_path: Path,
) -> None:
    with State.open(tmp_path) as state:
        with holder(tmp_path) as process:
            for _ in range(2):
                with pytest.raises(StateError) as caught, state.lock("d"):
                    pass
                assert f"'d' is in use by process {process.pid}" in str(caught.value)
            with state.lock("e"):
                pass
            process.kill()
            process.wait()
            with state.lock("d"):
                pass
        with state.lock("d"):
            pass


def test_two_states_open_at_once_in_one_process_collide_too(tmp_path: Path) -> None:
    with State.open(tmp_path) as one, State.open(tmp_path) as two:
        with one.lock("d"), pytest.raises(StateError, match="in use by process"), two.lock("d"):
            pass
        with two.lock("d"):
            pass


def test_an_error_inside_lets_go_of_the_lock(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        with pytest.raises(KeyError), state.lock("d"):
            raise KeyError
        with state.lock("d"):
            pass


def test_processes_that_open_a_new_state_at_once_all_succeed(tmp_path: Path) -> None:
    code = "import pathlib, sys; from scoreback.service.state.workspace_state import State; "
    code += "State.open(pathlib.Path(sys.argv[1])).close()"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in started:
        _, said = process.communicate()
        assert process.returncode == 0, said


def test_names_that_would_leave_the_folder_are_refused(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        for name in ("../x", "", "a/b", ".."):
            with pytest.raises(ValueError, match="is not a valid name of a lock"), state.lock(name):
                pass


def test_training_and_scoring_of_one_detector_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with State.open(tmp_path) as one, State.open(tmp_path) as two:
        in_use = pytest.raises(StateError, match="training of 'd' is in use by process")
        with one.lock("d", "train"), two.lock("d"), in_use, two.lock("d", "train"):
            pass
        with two.lock("d", "train"):
            pass


def test_a_thread_that_holds_a_detector_goes_on_and_another_thread_is_refused(
    tmp_path: Path,
) -> None:
    refused: list[StateError] = []

    def attempt(state: State) -> None:
        try:
            with state.lock("d"):
                pass
        except StateError as error:
            refused.append(error)

    with State.open(tmp_path) as state:
        with state.lock("d"):
            with state.lock("d"):
                pass
            other = Thread(target=attempt, args=(state,))
            other.start()
            other.join()
        assert len(refused) == 1
        attempt(state)
        assert len(refused) == 1


def test_who_waits_gets_the_detector_when_it_is_let_go(tmp_path: Path) -> None:
    with State.open(tmp_path) as state, holder(tmp_path) as process:
        Timer(0.2, process.kill).start()
        with state.lock("d", wait=60):
            pass

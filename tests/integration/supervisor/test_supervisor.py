"""The supervisor is ours and real; its children are real processes that stand in for model servers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from contender.adapters.slots_process import ProcessSlots
from contender.adapters.supervisor.control import launch, observed, stop, wait_ready
from contender.adapters.supervisor.documents import Observed, ProcessState, RunFolder, observed_bytes
from contender.adapters.supervisor.lifeline import LIFELINE_VARIABLE
from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, digest, seal
from contender.errors import DeadlineExceeded, InvalidArtifact, InvalidInput, Refused, Unavailable
from contender.release.ports import Slots
from contender.values import ModelVersion

TASK = "job-change"
SUPERVISE = Path(__file__).with_name("supervise.py")
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 10.0) -> T:
    """The first truthy thing that `look` sees."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"never came true: {look}"
        time.sleep(0.01)
    return seen


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class House:
    """A home folder, and the supervisors that the test starts over it."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, RunFolder(home, TASK)
        self.slots = ProcessSlots(home, TASK)
        self._started: list[subprocess.Popen[bytes]] = []

    def up(self, *, port: int = 0, grace: float = 5.0, lifeline: int | None = None) -> subprocess.Popen[bytes]:
        inherited = () if lifeline is None else (lifeline,)
        environment = dict(os.environ) | ({} if lifeline is None else {LIFELINE_VARIABLE: str(lifeline)})
        process = subprocess.Popen(
            [sys.executable, str(SUPERVISE), str(self.home), str(port), str(grace)],
            env=environment,
            pass_fds=inherited,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        until(lambda: process.poll() is not None or self.seen() is not None)
        return process

    def seen(self) -> Observed | None:
        return observed(self.home, TASK)

    def process(self, name: str) -> ProcessState:
        seen = self.seen()
        found = seen.process(name) if seen else None
        assert found is not None
        return found

    def pids(self) -> list[int]:
        seen = self.seen()
        return [process.pid for process in seen.processes if process.pid] if seen else []

    def version(self, number: str, behaviour: str = "serve") -> ModelVersion:
        folder = self.home / "artifacts" / number
        folder.mkdir(parents=True)
        files = {MODEL: b"graph", FEATURES: json.dumps({"behaviour": behaviour}).encode(), GOLDEN: b"{}"}
        manifest = Manifest(TASK, number, "schema", ("0", "1"), {}, {}, seal(files)).to_bytes()
        for name, content in (files | {MANIFEST: manifest}).items():
            (folder / name).write_bytes(content)
        return ModelVersion(TASK, number, "1.0.0", str(folder), digest(manifest))

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that no supervisor has started."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def finish(process: subprocess.Popen[bytes], seconds: float = 10.0) -> tuple[int, str]:
    _, stderr = process.communicate(timeout=seconds)
    return process.returncode, stderr.decode()


def test_serves_exactly_the_version_that_was_prepared(house: House) -> None:
    house.up()
    slots: Slots = house.slots
    version = house.version("7")
    assert slots.answers("blue") is None
    slots.prepare("blue", version, deadline_s=10)
    slots.prepare("baseline", house.version("1"), deadline_s=10)
    assert (slots.answers("blue"), slots.answers("green"), slots.answers("baseline")) == ("7", None, "1")
    seen = wait_ready(house.home, TASK, deadline_s=10)
    assert {process.name for process in seen.processes} == {"blue", "baseline", "transformer"}
    assert house.process("blue").digest == version.digest


def test_prepare_leaves_a_slot_alone_that_already_serves_the_version(house: House) -> None:
    house.up()
    version = house.version("7")
    house.slots.prepare("blue", version, deadline_s=10)
    before = house.process("blue")
    house.slots.prepare("blue", version, deadline_s=10)
    assert house.process("blue").pid == before.pid


def test_whether_a_slot_serves_a_version_is_its_own_word_and_what_it_was_asked_for(house: House) -> None:
    version = house.version("7")
    assert not house.slots.serves("blue", version)
    house.up()
    assert not house.slots.serves("blue", version)
    house.slots.prepare("blue", version, deadline_s=10)
    assert house.slots.serves("blue", version)
    assert not house.slots.serves("blue", house.version("8"))
    assert stop(house.home, TASK, deadline_s=10)
    assert not house.slots.serves("blue", version), "asked for still, and nothing is up"


def test_a_new_version_takes_the_place_and_port_of_the_old(house: House) -> None:
    house.up()
    house.slots.prepare("green", house.version("7"), deadline_s=10)
    old = house.process("green")
    house.slots.prepare("green", house.version("8"), deadline_s=10)
    new = house.process("green")
    assert (new.version, new.port, new.restarts) == ("8", old.port, 0)
    assert new.pid != old.pid
    assert old.pid is not None
    assert is_gone(old.pid)


def test_retire_empties_a_slot_and_may_be_repeated(house: House) -> None:
    house.up()
    version = house.version("7")
    house.slots.prepare("blue", version, deadline_s=10)
    house.slots.retire("blue")
    assert house.slots.answers("blue") is None
    house.slots.retire("blue")
    house.slots.prepare("blue", version, deadline_s=10)
    assert house.slots.answers("blue") == "7"


def test_an_artifact_other_than_the_one_named_never_disturbs_what_is_served(house: House) -> None:
    house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    before = house.process("blue")
    tampered = house.version("8")
    (Path(tampered.artifact) / MODEL).write_bytes(b"other")
    with pytest.raises(InvalidArtifact, match=r"model\.onnx: version 8 is not served in blue: differs"):
        house.slots.prepare("blue", tampered, deadline_s=10)
    assert house.process("blue").pid == before.pid
    assert house.slots.answers("blue") == "7"


def test_a_version_that_does_not_start_gives_way_to_the_one_before(house: House) -> None:
    house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    with pytest.raises(Unavailable, match=r"version 8 does not start in blue: exit 7: no model fits in here"):
        house.slots.prepare("blue", house.version("8", "crash"), deadline_s=10)
    until(lambda: house.slots.answers("blue") == "7")


def test_a_version_that_is_never_ready_is_given_up_at_the_deadline(house: House) -> None:
    house.up()
    with pytest.raises(DeadlineExceeded, match="blue does not answer as version 8 in time"):
        house.slots.prepare("blue", house.version("8", "mute"), deadline_s=0.5)
    until(lambda: (seen := house.seen()) and seen.process("blue") is None)


def test_prepare_needs_a_supervisor_and_a_known_slot(house: House) -> None:
    version = house.version("7")
    with pytest.raises(Unavailable, match="not up"):
        house.slots.prepare("blue", version, deadline_s=1)
    with pytest.raises(InvalidInput, match="purple"):
        house.slots.answers("purple")
    with pytest.raises(Unavailable, match="not up"):
        wait_ready(house.home, TASK, deadline_s=1)


def test_what_was_asked_for_is_served_again_after_a_restart(house: House) -> None:
    first = house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    first.send_signal(signal.SIGTERM)
    assert finish(first) == (0, "")
    house.up()
    wait_ready(house.home, TASK, deadline_s=10)
    assert house.slots.answers("blue") == "7"


@pytest.mark.parametrize("name", ["blue", "transformer"])
def test_what_dies_is_restarted_and_counted(house: House, name: str) -> None:
    house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    before = wait_ready(house.home, TASK, deadline_s=10).process(name)
    assert before is not None
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    after = until(lambda: (now := house.process(name)).ready and now.pid != before.pid and now)
    assert after is not False
    assert (after.restarts, after.last_exit, after.port) == (1, "SIGKILL", before.port)


def test_a_frozen_process_is_first_not_ready_and_then_replaced(house: House) -> None:
    house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    frozen = house.process("blue")
    assert frozen.pid is not None
    os.kill(frozen.pid, signal.SIGSTOP)
    doubted = until(lambda: not (now := house.process("blue")).ready and now)
    assert doubted is not False
    assert doubted.pid == frozen.pid
    until(lambda: (now := house.process("blue")).ready and now.pid != frozen.pid)
    assert "gave no answer" in (house.process("blue").reason or "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_that_was_started(house: House, number: signal.Signals) -> None:
    supervisor = house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    pids = house.pids()
    assert len(pids) == 2
    supervisor.send_signal(number)
    assert finish(supervisor) == (0, "")
    assert all(map(is_gone, pids))
    assert not house.folder.observed.exists()


def test_stop_ends_frozen_and_stubborn_processes_and_nothing_else(
    house: House, bystander: subprocess.Popen[bytes]
) -> None:
    house.up(grace=1.0)
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    house.slots.prepare("green", house.version("8", "stubborn"), deadline_s=10)
    pids = house.pids()
    blue = house.process("blue").pid
    assert blue is not None
    os.kill(blue, signal.SIGSTOP)
    assert stop(house.home, TASK, deadline_s=10)
    assert len(pids) == 3
    assert all(map(is_gone, pids))
    assert not stop(house.home, TASK)
    assert bystander.poll() is None


def test_frozen_supervisor_and_servers_are_woken_to_stop_in_good_order(house: House) -> None:
    supervisor = house.up(grace=60.0)
    (front,) = wait_ready(house.home, TASK, deadline_s=10).processes
    assert front.pid is not None
    supervisor.send_signal(signal.SIGSTOP)
    os.kill(front.pid, signal.SIGSTOP)
    assert stop(house.home, TASK)
    assert finish(supervisor)[0] == 0
    assert is_gone(front.pid)


def test_a_recycled_pid_is_never_signalled(house: House, bystander: subprocess.Popen[bytes]) -> None:
    supervisor = house.up()
    seen = wait_ready(house.home, TASK, deadline_s=10)
    forged = observed_bytes(replace(seen, pid=bystander.pid, started_at=seen.started_at - 60))
    house.folder.observed.write_bytes(forged)
    with pytest.raises(Unavailable, match="does not report"):
        stop(house.home, TASK, deadline_s=0.2)
    supervisor.kill()
    supervisor.wait()
    house.folder.observed.write_bytes(forged)
    assert not stop(house.home, TASK)
    assert bystander.poll() is None


def test_a_killed_supervisor_leaves_nothing_and_a_new_one_can_begin(house: House) -> None:
    supervisor = house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    house.slots.prepare("green", house.version("8"), deadline_s=10)
    pids = house.pids()
    frozen = house.process("green").pid
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    supervisor.kill()
    until(lambda: all(map(is_gone, pids)))
    assert house.seen() is None
    house.up()
    wait_ready(house.home, TASK, deadline_s=10)
    assert house.slots.answers("green") == "8"


def test_the_supervisor_ends_with_its_parent(house: House) -> None:
    read_end, write_end = os.pipe()
    supervisor = house.up(lifeline=read_end)
    os.close(read_end)
    pids = house.pids()
    os.close(write_end)
    assert finish(supervisor) == (0, "")
    assert all(map(is_gone, pids))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_children_hold_a_lifeline_and_a_session_of_their_own(house: House) -> None:
    supervisor = house.up()
    (front,) = wait_ready(house.home, TASK, deadline_s=10).processes
    assert front.pid is not None
    environment = psutil.Process(front.pid).environ()
    assert environment["PLACE"] == "front"
    lifeline = Path(f"/proc/{front.pid}/fd/{environment[LIFELINE_VARIABLE]}")
    assert str(lifeline.readlink()).startswith("pipe:")
    assert os.getsid(front.pid) != os.getsid(supervisor.pid)


def test_a_second_supervisor_is_refused(house: House) -> None:
    first = house.up()
    second = house.up()
    code, message = finish(second)
    assert code == 1
    assert "job-change is already up" in message
    assert "contender down" in message
    assert first.poll() is None
    assert house.seen() is not None


def test_a_taken_port_is_refused_with_a_remedy(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = finish(house.up(port=port))
    assert code == 1
    assert f"port {port} cannot be had" in message
    assert "--port" in message


def test_a_broken_wish_is_reported_and_the_last_good_one_obeyed(house: House) -> None:
    house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=10)
    house.folder.desired.write_text('{"generation": 9, "slots": {"blue": 3}}')
    until(lambda: (seen := house.seen()) and seen.problem)
    assert house.slots.answers("blue") == "7"


def test_launch_starts_the_real_command_and_close_ends_it(tmp_path: Path) -> None:
    launched = launch(tmp_path, TASK, environment=os.environ, port=0, detached=False)
    assert launched.observed.pid == launched.process.pid
    with pytest.raises(Refused, match="already up"):
        launch(tmp_path, TASK, environment=os.environ, port=0)
    pids = [process.pid for process in launched.observed.processes if process.pid]
    launched.close()
    assert launched.process.returncode == 0
    assert all(map(is_gone, pids))


def test_launch_passes_on_why_the_supervisor_was_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Refused, match="cannot be had"):
        launch(tmp_path, TASK, environment=os.environ, port=taken.getsockname()[1])


def test_an_artifact_is_served_from_where_its_home_is_now(house: House) -> None:
    house.up()
    made = house.version("7")
    kept = house.home / "artifacts" / TASK / "0a1b" / "artifacts" / "serving" / "7"
    kept.parent.mkdir(parents=True)
    Path(made.artifact).rename(kept)
    written_down = f"/former/home/artifacts/{TASK}/0a1b/artifacts/serving/7"
    house.slots.prepare("blue", replace(made, artifact=written_down), deadline_s=20)
    assert house.slots.answers("blue") == "7"


def test_an_artifact_that_is_kept_elsewhere_is_refused_by_the_setting(house: House) -> None:
    house.up()
    away = replace(house.version("7"), artifact="s3://models/7")
    with pytest.raises(InvalidInput, match="CONTENDER_ARTIFACT_ROOT: version 7 is kept at s3://models/7"):
        house.slots.prepare("blue", away, deadline_s=20)


def test_a_supervisor_runs_whatever_lies_where_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here = tmp_path / "home %2F?#", tmp_path / "here"
    here.mkdir()
    for name in ("contender", "json", "serving", "typing", "sitecustomize"):
        (here / f"{name}.py").write_text("raise SystemExit('a file of the current folder ran')")
    monkeypatch.chdir(here)
    launched = launch(home, TASK, environment={**os.environ, "PYTHONPATH": str(here)}, port=0)
    assert stop(home, TASK)
    assert launched.process.wait(10) == 0


def test_a_child_has_no_setting_but_its_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_GRPC_PORT", "19091")
    house.up()
    house.slots.prepare("blue", house.version("7"), deadline_s=20)
    variables = psutil.Process(house.process("blue").pid).environ()
    assert {name for name in variables if name.startswith("CONTENDER_")} == {LIFELINE_VARIABLE}

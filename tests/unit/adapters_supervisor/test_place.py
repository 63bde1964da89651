"""What a place does next, walked with processes that only pretend and a clock that only the test moves."""

from dataclasses import dataclass, field, replace

import pytest

from contender.adapters.supervisor.documents import ProcessState, Role, Wanted
from contender.adapters.supervisor.patience import Patience
from contender.adapters.supervisor.place import Place, exit_name
from contender.adapters.supervisor.probe import Answer, Health
from contender.errors import InvalidArtifact

SEVEN = Wanted("7", "/artifacts/7", "aa", 1)
EIGHT = Wanted("8", "/artifacts/8", "bb", 2)
PATIENCE = Patience(start=60.0, hung=10.0, grace=5.0, backoff=1.0, backoff_cap=4.0, stable=30.0)


@dataclass
class FakeProcess:
    pid: int
    serves: Wanted
    started_at: float = 0.0
    status: int | None = None
    heard: Health = field(default_factory=Health)
    signals: list[str] = field(default_factory=list)

    def health(self) -> Health:
        return self.heard

    def ended(self) -> int | None:
        return self.status

    def terminate(self) -> None:
        self.signals.append("terminate")

    def kill(self) -> None:
        self.signals.append("kill")

    def last_words(self) -> str:
        return "that was all"

    def answer(self, *, ready: bool = True, version: str | None = None) -> None:
        self.heard = Health(Answer(ready, version or self.serves.version, self.serves.digest), has_answered=True)


class Stage:
    """A place, the processes it started, and the time."""

    def __init__(self, role: Role = "predictor") -> None:
        self.now = 100.0
        self.started: list[FakeProcess] = []
        self.broken: set[Wanted] = set()
        self.is_full = False
        self.place = Place("blue", role, 9001, self._launch, PATIENCE)

    def _launch(self, wanted: Wanted) -> FakeProcess:
        if self.is_full:
            raise OSError("no more processes")
        self.started.append(FakeProcess(len(self.started) + 1, wanted))
        return self.started[-1]

    def _verify(self, wanted: Wanted) -> None:
        if wanted in self.broken:
            raise InvalidArtifact("model.onnx", "differs")

    def want(self, wanted: Wanted | None) -> None:
        self.place.want(wanted, self._verify)

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.place.tick(self.now, 1.0)

    def serve(self, wanted: Wanted) -> FakeProcess:
        self.want(wanted)
        self.tick()
        self.last.answer()
        self.tick()
        return self.last

    @property
    def last(self) -> FakeProcess:
        return self.started[-1]

    def state(self) -> ProcessState:
        state = self.place.state()
        assert state is not None
        return state


def test_an_empty_place_shows_nothing_and_does_nothing() -> None:
    stage = Stage()
    stage.tick()
    stage.place.kill()
    assert stage.place.is_idle
    assert stage.place.state() is None
    assert not stage.started


def test_a_process_is_ready_once_it_answers_as_what_it_should_be() -> None:
    stage = Stage()
    stage.want(SEVEN)
    stage.tick()
    assert not stage.state().ready
    stage.last.answer(ready=False)
    assert not stage.state().ready
    stage.last.answer(version="6")
    assert not stage.state().ready
    stage.last.answer()
    assert stage.state().ready
    assert (stage.state().version, stage.state().digest, stage.state().slot) == ("7", "aa", "blue")


def test_what_is_not_ready_says_why() -> None:
    stage = Stage()
    stage.want(SEVEN)
    stage.tick()
    assert stage.state().reason == "is starting"
    stage.last.answer(ready=False)
    assert stage.state().reason == "answers that it is not ready"
    stage.last.answer(version="6")
    assert stage.state().reason == "answers as version 6"
    stage.last.answer()
    assert stage.state().reason is None
    stage.last.heard = stage.last.heard.after(None, stage.now)
    assert stage.state().reason == "does not answer"
    stage.want(None)
    assert stage.state().reason == "is being stopped"


def test_a_new_version_starts_only_after_the_old_has_ended() -> None:
    stage = Stage()
    old = stage.serve(SEVEN)
    stage.want(EIGHT)
    stage.tick()
    assert (old.signals, len(stage.started), stage.state().ready) == (["terminate"], 1, False)
    stage.tick(4.9)
    assert old.signals == ["terminate"]
    stage.tick(0.1)
    assert old.signals == ["terminate", "kill"]
    old.status = -9
    stage.tick()
    stage.tick()
    assert stage.last.serves == EIGHT
    assert (stage.state().restarts, stage.state().last_exit, stage.state().reason) == (0, None, "is starting")


def test_the_same_version_asked_for_again_stays() -> None:
    stage = Stage()
    process = stage.serve(SEVEN)
    stage.want(replace(SEVEN, generation=5))
    stage.tick()
    assert process.signals == []


def test_a_version_asked_for_while_its_process_is_being_stopped_gets_a_new_one() -> None:
    stage = Stage()
    old = stage.serve(SEVEN)
    stage.want(None)
    stage.tick()
    stage.want(replace(SEVEN, generation=3))
    stage.tick()
    assert not stage.state().ready
    old.status = 0
    stage.tick()
    stage.tick()
    assert len(stage.started) == 2
    assert stage.place.refusal is None
    assert stage.state().restarts == 0


def test_a_wrong_artifact_is_refused_before_anything_is_touched() -> None:
    stage = Stage()
    process = stage.serve(SEVEN)
    stage.broken.add(EIGHT)
    stage.want(EIGHT)
    stage.tick()
    assert (process.signals, stage.state().ready) == ([], True)
    refusal = stage.place.refusal
    assert refusal is not None
    assert (refusal.kind, refusal.generation, refusal.field, refusal.reason) == ("artifact", 2, "model.onnx", "differs")
    stage.tick(60)
    assert stage.place.refusal is refusal


def test_a_version_that_does_not_start_gives_way_to_the_one_before() -> None:
    stage = Stage()
    stage.serve(SEVEN).status = 0
    stage.want(EIGHT)
    stage.tick()
    stage.tick()
    stage.last.status = 3
    stage.tick()
    stage.tick()
    assert stage.last.serves == SEVEN
    refusal = stage.place.refusal
    assert refusal is not None
    assert (refusal.version, refusal.kind, refusal.reason) == ("8", "start", "exit 3: that was all")
    stage.last.answer()
    stage.tick()
    assert stage.state().ready
    assert stage.place.refusal is refusal


def test_a_refused_version_is_tried_again_when_it_is_asked_for_again() -> None:
    stage = Stage()
    stage.serve(SEVEN).status = 0
    stage.want(EIGHT)
    stage.tick()
    stage.tick()
    stage.last.status = 3
    stage.tick()
    stage.want(replace(EIGHT, generation=3))
    assert stage.place.refusal is None
    stage.tick()
    assert stage.last.serves.version == "8"


def test_a_first_version_that_does_not_start_is_tried_again_and_again() -> None:
    stage = Stage()
    stage.want(SEVEN)
    stage.tick()
    stage.last.status = 1
    stage.tick()
    assert stage.place.refusal is not None
    assert (stage.state().pid, stage.state().restarts, stage.state().last_exit) == (None, 1, "exit 1")
    stage.tick(0.9)
    assert len(stage.started) == 1
    stage.tick(0.1)
    assert len(stage.started) == 2
    stage.last.answer()
    stage.tick()
    assert stage.place.refusal is None


def test_restarts_wait_longer_each_time_until_the_process_has_been_well_for_long() -> None:
    stage = Stage()
    stage.serve(SEVEN)
    for wait in (1.0, 2.0, 4.0, 4.0):
        stage.last.status = -11
        stage.tick()
        count = len(stage.started)
        stage.tick(wait - 0.01)
        assert len(stage.started) == count
        stage.tick(0.01)
        assert len(stage.started) == count + 1
        stage.last.answer()
        stage.tick()
    assert stage.state().reason == "SIGSEGV: that was all"
    stage.tick(30)
    assert stage.state().reason is None
    stage.last.status = -11
    stage.tick()
    stage.tick(1.0)
    assert (len(stage.started), stage.state().restarts) == (6, 5)


def test_what_cannot_be_started_is_tried_again() -> None:
    stage = Stage()
    stage.is_full = True
    stage.want(SEVEN)
    stage.tick()
    assert stage.state().reason == "cannot be started: no more processes"
    stage.is_full = False
    stage.tick(1.0)
    assert stage.state().pid == 1


def test_a_silent_process_is_given_time_then_killed_and_restarted() -> None:
    stage = Stage()
    process = stage.serve(SEVEN)
    for _ in range(3):
        process.heard = process.heard.after(None, stage.now)
    stage.tick(9.9)
    assert (process.signals, stage.state().ready) == ([], False)
    stage.tick(0.1)
    assert process.signals == ["kill"]
    process.status = -9
    stage.tick()
    assert (stage.state().reason, stage.state().last_exit) == ("gave no answer for 10 s", "SIGKILL")


def test_a_predictor_that_is_never_ready_is_given_up() -> None:
    stage = Stage()
    stage.want(SEVEN)
    stage.tick()
    stage.last.answer(ready=False)
    stage.tick(59.9)
    assert stage.last.signals == []
    stage.tick(0.1)
    assert stage.last.signals == ["kill"]


def test_a_predictor_that_was_ready_may_say_for_long_that_it_is_not() -> None:
    stage = Stage()
    process = stage.serve(SEVEN)
    process.answer(ready=False)
    stage.tick(600)
    assert (process.signals, stage.state().ready) == ([], False)


@pytest.mark.parametrize(("answers", "signals"), [(True, []), (False, ["kill"])])
def test_a_transformer_may_wait_for_routing_but_not_keep_silent(answers: bool, signals: list[str]) -> None:
    stage = Stage("transformer")
    stage.want(Wanted("", "", ""))
    stage.tick()
    if answers:
        stage.last.answer(ready=False)
    stage.tick(60)
    assert stage.last.signals == signals
    assert (stage.state().slot, stage.state().version, stage.state().ready) == (None, None, False)


def test_kill_ends_the_process() -> None:
    stage = Stage()
    process = stage.serve(SEVEN)
    stage.place.kill()
    assert process.signals == ["kill"]


@pytest.mark.parametrize(("status", "name"), [(0, "exit 0"), (7, "exit 7"), (-15, "SIGTERM"), (-200, "signal 200")])
def test_an_exit_is_told_in_words(status: int, name: str) -> None:
    assert exit_name(status) == name

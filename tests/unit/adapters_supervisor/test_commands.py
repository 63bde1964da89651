"""The command lines of the real model servers."""

import sys
from pathlib import Path

import pytest

from contender.adapters.supervisor.commands import PREFIX, SETTLED, TAKEN, ServingCommands, taken
from contender.adapters.supervisor.documents import Wanted
from contender.errors import InvalidInput
from serving.predictor.settings import Settings as PredictorSettings
from serving.transformer.settings import Settings as TransformerSettings

COMMANDS = ServingCommands("job-change", Path("/home"))


def test_a_predictor_is_told_its_artifact_and_digest() -> None:
    command = COMMANDS.predictor("blue", Wanted("7", "/artifacts/7", "aa"), 9001)
    assert " ".join(command.argv) == (
        f"{sys.executable} -P -m serving.predictor --task job-change --artifact /artifacts/7 --digest aa"
        " --http_port 9001 --model_name job-change"
    )


def test_a_transformer_is_told_where_everything_is() -> None:
    command = COMMANDS.transformer({"blue": 1, "green": 2, "baseline": 3, "transformer": 4}, 4)
    assert command.argv == (sys.executable, "-P", "-m", "serving.transformer")
    assert command.environment == {
        "CONTENDER_TASK": "job-change",
        "CONTENDER_ROUTING": "/home/routing",
        "CONTENDER_SPOOL": "/home/spool/job-change",
        "CONTENDER_STORE": "sqlite:////home/store.db",
        "CONTENDER_HTTP_PORT": "4",
        "CONTENDER_READER": "transformer",
        "CONTENDER_BLUE_URL": "http://127.0.0.1:1",
        "CONTENDER_GREEN_URL": "http://127.0.0.1:2",
        "CONTENDER_BASELINE_URL": "http://127.0.0.1:3",
    }


def test_a_home_may_be_called_anything() -> None:
    commands = ServingCommands("job-change", Path("/srv/a b/feature%2Fhr?"))
    told = commands.transformer({}, 4).environment
    assert told["CONTENDER_STORE"] == "sqlite+pysqlite:////srv/a b/feature%252Fhr%3F/store.db"
    assert told["CONTENDER_ROUTING"] == "/srv/a b/feature%2Fhr?/routing"


def test_a_store_elsewhere_is_the_transformers_too() -> None:
    commands = ServingCommands("job-change", Path("/home"), "postgresql://db/contender")
    assert commands.transformer({}, 4).environment["CONTENDER_STORE"] == "postgresql://db/contender"


def test_every_setting_of_a_server_is_a_persons_or_settled_here() -> None:
    """Whoever adds a setting to a server says here who gives it on one machine."""
    own = {"TASK", "LIFELINE_FD", "BACKEND"}
    fields = {*TransformerSettings.model_fields, *PredictorSettings.model_fields}
    assert {name.upper() for name in fields} == own | TAKEN | set(SETTLED)
    assert not TAKEN & set(SETTLED)


def test_what_a_person_gives_is_the_transformers_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = taken({"CONTENDER_GRPC_PORT": "9081", "CONTENDER_PREVIEW_KEY": "keys/preview", "PATH": "/bin"})
    assert given == {"CONTENDER_GRPC_PORT": "9081", "CONTENDER_PREVIEW_KEY": str(tmp_path / "keys" / "preview")}
    commands = ServingCommands("job-change", Path("/home"), given=given)
    assert commands.transformer({}, 4).environment.items() >= given.items()
    assert commands.predictor("blue", Wanted("7", "/artifacts/7", "aa"), 9001).environment == {}


@pytest.mark.parametrize("name", sorted(SETTLED))
def test_what_servers_here_cannot_obey_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{PREFIX}{name}: is not obeyed on one machine"):
        taken({f"{PREFIX}{name}": "8"})
    assert taken({f"{PREFIX}{name}": ""}) == {}


def test_an_address_at_which_servers_are_not_asked_is_refused() -> None:
    assert taken({"CONTENDER_HOST": "localhost"}) == {"CONTENDER_HOST": "localhost"}
    with pytest.raises(InvalidInput, match=r"CONTENDER_HOST: .*127\.0\.0\.1"):
        taken({"CONTENDER_HOST": "192.168.7.7"})

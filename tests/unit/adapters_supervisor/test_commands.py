"""The command lines of the real model servers."""

from pathlib import Path

from contender.adapters.supervisor.commands import ServingCommands
from contender.adapters.supervisor.documents import Wanted

COMMANDS = ServingCommands("job-change", Path("/home"), python="python")


def test_a_predictor_is_told_its_artifact_and_digest() -> None:
    command = COMMANDS.predictor("blue", Wanted("7", "/artifacts/7", "aa"), 9001)
    assert " ".join(command.argv) == (
        "python -m serving.predictor --task job-change --artifact /artifacts/7 --digest aa"
        " --http_port 9001 --model_name job-change"
    )


def test_a_transformer_is_told_where_everything_is() -> None:
    command = COMMANDS.transformer({"blue": 1, "green": 2, "baseline": 3, "transformer": 4}, 4)
    assert command.argv == ("python", "-m", "serving.transformer")
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

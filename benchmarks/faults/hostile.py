"""Requests that nobody means well with: none may crash a server, add a series, or be found in what it writes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chain import TASK, TRANSFORMER, examples
from benchmarks.faults.world import Figures, World, at_least, at_most

MARK = "planted-4711"
"""Stands in every hostile value for what is personal or secret."""

_Chance = np.random.Generator
_GOOD = examples(1, 3)[0]
_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "-0", "1e-400", "0x10", "01", "1.", "true")
_TEXTS = ("\\ud800", "\\u0000", "\\udfff\\ud800", "\\u202e", "\\r\\nfake: log", "' OR 1=1 --", "{{7*7}}", "../../etc")


def _body(**changes: str) -> bytes:
    """A good body with some fields replaced by raw JSON."""
    fields = {name: json.dumps(value) for name, value in _GOOD.items()} | changes
    row = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return f'{{"instances":[{{{row}}}]}}'.encode()


def _field(chance: _Chance) -> str:
    return str(chance.choice(list(_GOOD)))


def _number(chance: _Chance) -> bytes:
    return _body(**{_field(chance): str(chance.choice(_NUMBERS))})


def _text(chance: _Chance) -> bytes:
    return _body(**{_field(chance): f'"{MARK}{chance.choice(_TEXTS)}"'})


def _unit(chance: _Chance) -> bytes:
    return _body(unit_id=f'"{MARK}-{chance.integers(10**9)}{chance.choice(_TEXTS)}"')


def _long(chance: _Chance) -> bytes:
    return _body(
        **{_field(chance): f'"{MARK}{"x" * int(chance.choice([300, 70_000, 1_000_000], p=[0.97, 0.02, 0.01]))}"'}
    )


def _doubled(chance: _Chance) -> bytes:
    return (
        _body(unit_id=f'"{MARK}{chance.integers(100)}"')
        .replace(b'"instances"', b'"instances":[],"instances"', 1)
        .replace(b"[{", b'[{"unit_id":1,', 1)
    )


def _deep(chance: _Chance) -> bytes:
    depth = int(chance.choice([50, 1_000, 20_000]))
    return b'{"instances":' + b"[" * depth + b"]" * int(chance.choice([0, depth])) + b"}"


def _shape(chance: _Chance) -> bytes:
    odd = [
        "null",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        '[{"unit_id":{}}]',
        f'"{MARK}"',
        "[1,2]",
        "[true]",
        "[" + "{}," * 99 + "{}]",
    ]
    return f'{{"instances":{chance.choice(odd)}}}'.encode()


def _flipped(chance: _Chance) -> bytes:
    body = bytearray(_body())
    for _ in range(int(chance.integers(1, 6))):
        body[int(chance.integers(len(body)))] = int(chance.integers(256))
    return bytes(body)


def _noise(chance: _Chance) -> bytes:
    return bytes(chance.bytes(int(chance.integers(0, 200))))


def _tensor(chance: _Chance) -> bytes:
    datatype = str(chance.choice(["FP64", "INT64", "BYTES", "BOOL", "FP16", MARK]))
    data = str(chance.choice(["[1]", '["a"]', "[null]", "[true]", "[[1],[2]]", "[1e999]", f'["{MARK}"]', "{}", "[]"]))
    shape = str(chance.choice(["[1]", "[-1]", "[0]", "[99999999999]", "[1,1]", '"x"', "[true]", "null"]))
    fields = f'"name":"{_field(chance)}","datatype":"{datatype}","shape":{shape},"data":{data}'
    return f'{{"id":"{MARK}","inputs":[{{{fields}}}]}}'.encode()


def _outcome(chance: _Chance) -> bytes:
    value = str(chance.choice(["1", '"yes"', f'"{MARK}"', "null", "true", "1e308", "1" * 400, "[]", "NaN"]))
    at = str(chance.choice(["1", "-1", "1e308", "1e999", '"now"', "true", "null"]))
    return (
        f'{{"event_id":"{MARK}{chance.integers(10**9)}","prediction_id":"{MARK}","value":{value},"at":{at}}}'.encode()
    )


_BODIES: tuple[Callable[[_Chance], bytes], ...] = (
    _number, _text, _unit, _long, _doubled, _deep, _shape, _flipped, _noise, _tensor, _outcome,
)  # fmt: skip
_PATHS = (
    f"/v1/models/{TASK}:predict", f"/v1/models/{TASK}:predict", f"/v2/models/{TASK}/infer",
    f"/v1/models/{TASK}:outcome", f"/v1/models/{MARK}:predict", f"/v2/models/{MARK}/infer",
    f"/v1/models/{TASK}:explain", f"/{MARK}", "/v2/repository/index", f"/v1/models/{TASK}:predict?{MARK}=1",
    "/v1/models/%00%ff:predict", f"/v2/models/{TASK}/versions/{MARK}/infer",
)  # fmt: skip
_METHODS = ("POST", "POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS")


def request_of(chance: _Chance) -> bytes:
    """One hostile request."""
    body = _BODIES[int(chance.integers(len(_BODIES)))](chance)
    method, path = str(chance.choice(_METHODS)), str(chance.choice(_PATHS))
    if chance.integers(4) == 0:
        path = f"{path}{chance.integers(10**9)}"
    headers = [
        f"{method} {path} HTTP/1.1",
        "host: here",
        f"content-length: {len(body)}",
        f"authorization: Bearer {MARK}",
    ]
    if chance.integers(5) == 0:
        headers.append(f"x-unit-id: {MARK}-{chance.integers(10**9)}")
    if chance.integers(20) == 0:
        headers.append(f"inference-header-content-length: {chance.choice(['5', '-1', MARK, '99999999999'])}")
    return "\r\n".join([*headers, "", ""]).encode() + body


class _Enemies:
    """Several connections that send hostile requests as fast as replies come."""

    def __init__(self, port: int, seed: int) -> None:
        self._port, self._chance = port, np.random.default_rng(seed)
        self.statuses: Counter[int] = Counter()
        self.told = self._left = 0
        self.faults: list[str] = []

    async def attack(self, count: int) -> None:
        """Send so many requests."""
        self._left = count
        await asyncio.gather(*(self._one() for _ in range(8)))

    async def _one(self) -> None:
        streams: Any = None
        while self._left > 0:
            self._left -= 1
            request = request_of(self._chance)
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", self._port)
                if await asyncio.wait_for(self._ask(streams[0], streams[1], request), 15):
                    continue
            except (OSError, EOFError, TimeoutError) as error:
                self.statuses[0] += 1
                self.faults.append(f"{type(error).__name__} {request[:90]!r}")
            if streams is not None:
                streams[1].close()
            streams = None

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        """Whether the connection can be used again."""
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await self._rest(reader, head)
        status = int(head.split(b" ", 2)[1])
        self.statuses[status] += 1
        self.told += MARK.encode() in body and status >= 400
        if status >= 500:
            self.faults.append(f"{status} {request[:300]!r}")
        return b"connection: close" not in head

    async def _rest(self, reader: asyncio.StreamReader, head: bytes) -> bytes:
        if b"content-length: " in head:
            return await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
        return b"" if b" 204 " in head else await reader.readuntil(b"0\r\n\r\n")


def hostile(world: World, *, quick: bool) -> Figures:
    """As many hostile requests as it takes, at the transformer and at a predictor."""
    count = 4_000 if quick else 100_000
    figures: Figures = {}
    bad, told, series, sent = 0, 0, 0, 0
    for name, share in ((TRANSFORMER, 0.8), ("blue", 0.2)):
        enemies = _Enemies(world.ports[name], seed=17)
        asyncio.run(enemies.attack(1_500))
        before = set(world.metrics(name))
        asyncio.run(enemies.attack(int(count * share)))
        new = set(world.metrics(name)) - before
        series += len(new)
        bad += sum(number for status, number in enemies.statuses.items() if status >= 500 or status == 0)
        bad += world.processes[name].poll() is not None
        told += enemies.told
        sent += sum(enemies.statuses.values())
        (world.home / f"hostile-{name}.txt").write_text("\n".join([*map(repr, sorted(new)), *enemies.faults]))
    figures["hostile_requests"] = at_least(sent, "requests", count)
    figures["hostile_5xx_or_crash"] = at_most(bad, "requests", 0)
    figures["series_added"] = at_most(series, "series", 0)
    figures["planted_in_errors"] = at_most(told, "replies", 0)
    figures["planted_in_logs_and_metrics"] = at_most(planted(world), "places", 0)
    return figures


def planted(world: World) -> int:
    """In how many logs and metrics pages the mark is found."""
    texts = [path.read_text() for path in Path(world.home).glob("*.log")]
    texts += ["\n".join(world.metrics(name)) for name in (TRANSFORMER, "blue")]
    return sum(MARK in text for text in texts)

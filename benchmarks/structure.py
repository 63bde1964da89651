"""The shape of the code, as figures: `python -m benchmarks.structure [--json]`. Only the source is read, nothing runs.

Lines are lines of the file, blank ones and documentation included.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT: Final = Path(__file__).parents[1]
ROOMS: Final = ("application", "cli", "console", "contender", "monitoring", "pipelines", "reports", "serving")
"""The rooms that are looked at, those that there are."""

CLI_LINES: Final = 5_000
CLI_FILE: Final = 250
_DECIDES: Final = ("contender.adapters", "contender.experiment", "contender.release")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Module:
    """A file: its dotted name, the number of its lines, and what they say."""

    name: str
    lines: int
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package it stands in."""
        return self.name.partition(".")[0]

    def functions(self) -> Iterator[Function]:
        """Every function and method."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def classes(self) -> Iterator[ast.ClassDef]:
        """Every class at the top level."""
        return (node for node in self.tree.body if isinstance(node, ast.ClassDef))

    def imported(self) -> Iterator[str]:
        """The modules that are imported, each as often as it is."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)


def modules(root: Path) -> list[Module]:
    """Every module of our rooms below `root`, in the order of their names."""
    paths = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
    return [_module(path, root) for path in paths]


def _module(path: Path, root: Path) -> Module:
    source = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    return Module(name, len(source.splitlines()), ast.parse(source))


def figures(found: Sequence[Module]) -> Figures:
    """Every figure by its name, with its unit and its goal, if it has one."""
    sizes = [_length(function) for module in found for function in module.functions()]
    imports = [len(set(filter(_is_ours, module.imported()))) for module in found]
    in_cli = [module for module in found if module.room == "cli"]
    decided = [name for module in in_cli for name in module.imported() if name.startswith(_DECIDES)]
    return {
        "modules": _figure(len(found), "modules"),
        "lines": _figure(sum(module.lines for module in found), "lines"),
        "function, median": _figure(_quantile(sizes, 50), "lines"),
        "function, p95": _figure(_quantile(sizes, 95), "lines"),
        "function, longest": _figure(max(sizes, default=0), "lines"),
        "private helpers used once": _figure(sum(map(_used_once, found)), "functions"),
        "imports of ours per module, mean": _figure(round(float(np.mean(imports or [0])), 2), "imports"),
        "imports of ours per module, most": _figure(max(imports, default=0), "imports"),
        "classes of one method": _figure(sum(map(_of_one_method, found)), "classes"),
        "public classes in more than one module": _figure(len(twice(found)), "names", 0),
        "cli, lines": _figure(sum(module.lines for module in in_cli), "lines", CLI_LINES),
        "cli, longest file": _figure(max((module.lines for module in in_cli), default=0), "lines", CLI_FILE),
        "cli, imports of adapters, experiment, release": _figure(len(decided), "imports", 0),
    }


def twice(found: Sequence[Module]) -> Mapping[str, Sequence[str]]:
    """The names of public classes that more than one module defines, and which modules do."""
    where = defaultdict[str, list[str]](list)
    for module in found:
        for one in module.classes():
            if not one.name.startswith("_"):
                where[one.name].append(module.name)
    return {name: places for name, places in sorted(where.items()) if len(places) > 1}


def _figure(value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "goal": most, "ok": most is None or value <= most}


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _quantile(values: Sequence[int], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else 0.0


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in ROOMS


def _used_once(module: Module) -> int:
    """How many private functions at the top level the module names only once: a step of one caller."""
    private = {node.name for node in module.tree.body if isinstance(node, Function) and node.name.startswith("_")}
    named = Counter(node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node.id in private)
    return sum(count == 1 for count in named.values())


def _of_one_method(module: Module) -> int:
    methods = [[node.name for node in one.body if isinstance(node, Function)] for one in module.classes()]
    return sum(len([name for name in names if name != "__init__"]) == 1 for names in methods)


def main() -> int:
    """Print the figures; 0 when all goals are met."""
    found = figures(modules(ROOT))
    if "--json" in sys.argv:
        print(json.dumps(found, indent=2))
    else:
        for name, one in found.items():
            goal = "" if one["goal"] is None else f"at most {one['goal']:g}"
            print(f"{'ok' if one['ok'] else 'NO':3} {name:46} {one['value']:>10,g} {one['unit']:10} {goal}")
    return 0 if all(one["ok"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infrastructure.policy check|reachability|upgrade`: the gate, who reaches whom, what an apply leaves."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from infrastructure.policy import gate, network, render, upgrade
from infrastructure.policy.objects import Finding, Rendered
from infrastructure.policy.render import ROOT, Missing

PAGE: Final = ROOT / "docs" / "generated" / "reachability.md"
Check = tuple[str, Callable[[], Iterator[Finding]]]


def check(given: Path | None, *, with_plans: bool) -> int:
    """Look at everything and tell every finding; 0 when there is none, else 1."""
    overlays = render.overlays()
    known = gate.definitions(given)
    checks: list[Check] = [
        ("our rules", lambda: _each(overlays.values(), gate.manifests)),
        ("schemas", lambda: _each(overlays.values(), lambda one: gate.schematic(one, known))),
        ("Helm chart", lambda: gate.charted(overlays, known)),
        ("reachability page", lambda: _page(overlays)),
        ("bad manifests", lambda: gate.unseen_manifests(overlays["production"])),
        ("checkov", lambda: gate.scanned(overlays)),
        ("workflows", lambda: gate.automated(gate.read_workflows(), gate.known_commands())),
        ("bad workflows", lambda: gate.unseen_workflows(gate.read_workflows(), gate.known_commands())),
        ("zizmor, actionlint", gate.linted),
    ]
    if with_plans:
        plans = render.plans()
        checks.append(("Terraform plans", lambda: gate.planned(plans)))
        checks.append(("bad plans", lambda: gate.unseen_plans(plans)))
    return max(_told(name, look) for name, look in checks)


def _each(overlays: Iterable[Rendered], look: Callable[[Rendered], Iterator[Finding]]) -> Iterator[Finding]:
    for overlay in overlays:
        yield from look(overlay)


def _page(overlays: Mapping[str, Rendered]) -> Iterator[Finding]:
    if not PAGE.exists() or PAGE.read_text() != network.table(overlays):
        yield Finding("page-is-current", str(PAGE.relative_to(ROOT)), "tells of other policies", "make generate")


def _told(name: str, look: Callable[[], Iterator[Finding]]) -> int:
    started = time.monotonic()
    found = sorted(set(look()))
    for one in found:
        sys.stdout.write(f"{one}\n")
    took = time.monotonic() - started
    _say(f"{name}: {len(found) or 'no'} findings, {took:.1f} s")
    return bool(found)


def _say(text: str) -> None:
    sys.stderr.write(f"policy: {text}\n")
    sys.stderr.flush()


def reachability(*, only_check: bool) -> int:
    """Write the page on who can reach whom, or say whether it is up to date; 0 when it is."""
    wanted = network.table(render.overlays())
    if only_check and (not PAGE.exists() or PAGE.read_text() != wanted):
        _say(f"{PAGE} is not up to date: python -m infrastructure.policy reachability")
        return 1
    if not only_check:
        PAGE.write_text(wanted)
    return 0


def changes(before: Path, after: Path) -> int:
    """Tell what must be deleted by hand between two renderings; 0 when nothing must, else 1."""
    return _told("upgrade", lambda: upgrade.findings(upgrade.read(before), upgrade.read(after)))


def main(arguments: list[str]) -> int:
    """The exit code of the command line `arguments`: 0 clean, 1 findings, 2 a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m infrastructure.policy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    looking = commands.add_parser("check", help="every rule and tool over what deploys")
    looking.add_argument(
        "--crds", type=Path, help="a folder with the pinned definitions; else ../shared/crds, else downloaded"
    )
    looking.add_argument("--no-plans", action="store_true", help="leave Terraform out")
    page = commands.add_parser("reachability", help="write docs/generated/reachability.md")
    page.add_argument("--check", action="store_true", help="only say whether it is up to date")
    between = commands.add_parser("upgrade", help="what must be deleted by hand between two renderings of an overlay")
    between.add_argument("before", type=Path, help="what kubectl kustomize wrote for the version that runs")
    between.add_argument("after", type=Path, help="the same for the version that is to run")
    given = parser.parse_args(arguments)
    try:
        if given.command == "upgrade":
            return changes(given.before, given.after)
        if given.command == "reachability":
            return reachability(only_check=given.check)
        return check(given.crds, with_plans=not given.no_plans)
    except Missing as error:
        _say(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

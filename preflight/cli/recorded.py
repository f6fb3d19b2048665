"""
Facts in files: what is saved of hosts, and the hosts that were recorded earlier.

Facts hold no groups and no start settings; ``-i`` beside ``--facts`` adds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from preflight import __version__
from preflight.cli.output import replace_file
from preflight.cli.session import the_inventory
from preflight.errors import FactsError
from preflight.inventory import Inventory
from preflight.model.facts import read_facts, write_facts
from preflight.model.host import Host
from preflight.model.snapshot import Snapshot

PROBED = "preflight probe --for BINARY --save FILE"  # how a file for verdicts is made


def save(file: str, snapshots: Iterable[Snapshot], created_at: str) -> None:
    """Write what is known of hosts; a file that is there stays whole until the new one is."""
    replace_file(file, write_facts(snapshots, version=__version__, created_at=created_at))


def recorded_hosts(
    files: Sequence[str],
    inventories: Sequence[str],
    limits: Sequence[str],
    made_by: str = PROBED,
) -> list[tuple[Host, Snapshot]]:
    """
    Return the chosen hosts with what is recorded of them.

    Without *inventories* those are the hosts in *files*.  Raises `FactsError`
    where the files hold no host at all, or one of them twice; its hint for one
    that is not there is *made_by*.
    """
    snapshots: dict[str, Snapshot] = {}
    for file in files:
        snapshots |= _read(file, snapshots, made_by)
    if not snapshots:
        raise FactsError(f"{', '.join(files)}: there is no host in it", f"make one with: {made_by}")
    known = [Host(name=name, address=one.address) for name, one in snapshots.items()]
    inventory = the_inventory(inventories) if inventories else Inventory(hosts=tuple(known))
    chosen = inventory.select(limits)
    return [(host, snapshots.get(host.name) or _unrecorded(host, files)) for host in chosen]


def _read(file: str, others: Mapping[str, Snapshot], made_by: str) -> dict[str, Snapshot]:
    if file == "-":
        raise FactsError("--facts -: a file's name is wanted", "such as /dev/stdin")
    found: dict[str, Snapshot] = {}
    try:
        with Path(file).open("rb") as lines:
            for snapshot in read_facts(lines, file):
                if snapshot.host in others or snapshot.host in found:
                    reason = f"{file}: host {snapshot.host!r} is recorded twice"
                    raise FactsError(reason, "leave out one of the files")
                found[snapshot.host] = snapshot
    except OSError as error:
        raise FactsError(f"{file}: {error.strerror}", f"make one with: {made_by}") from error
    return found


def _unrecorded(host: Host, files: Sequence[str]) -> Snapshot:
    return Snapshot(
        host=host.name,
        address=host.target,
        status="not-run",
        cause="no-facts",
        reason=f"{', '.join(files)}: nothing is recorded of the host",
    )

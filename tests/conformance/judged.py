"""Judges the program of a scenario on a root that lies on this machine's disk."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from preflight.elf import read_bytes
from preflight.judge import judge
from preflight.model.requirements import Requirements
from preflight.model.snapshot import BinfmtHandler, Facts, Libc, Mount, Snapshot
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.builders.rootfs import RootFs, resolve
from tests.conformance.scenario import AMD_V3, APP, INTEL_V3, Scenario
from tests.hosts.outcome import MACHINES

_LEVEL_OF = {
    "qemu64": "x86-64",
    "Nehalem": "x86-64-v2",
    INTEL_V3: "x86-64-v3",
    AMD_V3: "x86-64-v3",
}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")


def verdict_on(root: Path, scenario: Scenario) -> Verdict:
    """Return what preflight says, after every question was answered out of *root*."""
    path = scenario.start.install_path or APP
    requirements = requirements_of(Path(root, resolve(str(root), path).lstrip("/")), path)
    return verdict_of(root, requirements, scenario.start, facts_of(root, scenario))


def verdict_of(root: Path, requirements: Requirements, start: Start, facts: Facts) -> Verdict:
    """Return what preflight says of a program on a host with these facts and *root* as its /."""
    answers = RootFs(str(root))
    while True:
        snapshot = Snapshot(
            host="h", address="", status="probed", facts=facts, answers=answers.answers
        )
        judgement = judge(requirements, start, snapshot)
        if not judgement.questions:
            return judgement.verdict
        answers.answer_all(judgement.questions)


def requirements_of(file: Path, path: str) -> Requirements:
    """Return the needs of the program in *file*, called *path*."""
    data = file.read_bytes()
    elf = read_bytes(data) if data.startswith(b"\x7fELF") else None
    return Requirements(
        id="b1",
        path=path,
        name=os.path.basename(path),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        format="elf" if elf else "script" if data.startswith(b"#!") else "text",
        description="a file",
        elf=elf,
        head=data[:256],
    )


def facts_of(root: Path, scenario: Scenario) -> Facts:
    """Return what a host would say of itself that had *root* as its /."""
    kernel = os.uname()
    # Under qemu-user uname speaks of the emulated machine, /proc/cpuinfo of the real one.
    emulated = scenario.cpu is None and (root / "lib/ld-linux-aarch64.so.1").exists()
    level = _LEVEL_OF.get(scenario.cpu) if scenario.cpu else cpu_level()
    machine = MACHINES.get(scenario.cpu or "", kernel.machine)
    return Facts(
        system="Linux",
        machine="aarch64" if emulated else machine,
        kernel=kernel.release,
        cpu_level=level,
        cpu_flags=("lm",) if emulated else (),
        cpu_vendor=_vendor(scenario),
        at_platform=scenario.cpu is None,
        page_size=os.sysconf("SC_PAGESIZE"),
        libcs=_libcs(root),
        mounts=tuple(_mounts(root)),
        binfmt=tuple(_handlers()),
        ia32=True,
        proc_mounted=(root / "proc/self").exists(),
        user="root",
        uid=0,
        gids=(0,),
    )


def _libcs(root: Path) -> tuple[Libc, ...]:
    known = {
        "/lib64/ld-linux-x86-64.so.2": ("x86_64", "glibc"),
        "/lib/ld-musl-x86_64.so.1": ("x86_64", "musl"),
        "/lib/ld-linux-aarch64.so.1": ("aarch64", "glibc"),
        "/lib/ld-linux.so.2": ("i386", "glibc"),
    }
    return tuple(
        Libc(path, *about, None)
        for path, about in known.items()
        if os.path.lexists(f"{root}{path}")
    )


@functools.cache
def cpu_level() -> str:
    """Return this machine's level, as its own loader sees it."""
    said = subprocess.run(
        ["/lib64/ld-linux-x86-64.so.2", "--help"], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"(x86-64-v\d) \(supported", said)
    return max(found, default="x86-64")


def _vendor(scenario: Scenario) -> str | None:
    if scenario.cpu is not None:
        return "AuthenticAMD" if scenario.cpu in ("qemu64", AMD_V3) else "GenuineIntel"
    match = re.search(r"^vendor_id\s*: (\S+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else None


def _mounts(root: Path) -> Iterator[Mount]:
    """Yield the mounts within *root*, as mountinfo would show them there."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        words, tail = fields.split(), rest.split()
        if words[4] == str(root) or words[4].startswith(f"{root}/"):
            options = tuple(f"{words[5]},{tail[2]}".split(","))
            yield Mount(words[4].removeprefix(str(root)) or "/", tail[1], tail[0], options)


def _handlers() -> Iterator[BinfmtHandler]:
    """Yield the enabled handlers of this kernel that match by magic."""
    for entry in sorted(_BINFMT.glob("*")) if _BINFMT.is_dir() else ():
        if entry.name in ("register", "status"):
            continue
        fields = dict(line.partition(" ")[::2] for line in entry.read_text().splitlines())
        if "enabled" not in fields or "magic" not in fields:
            continue
        magic = bytes.fromhex(fields["magic"])
        mask = bytes.fromhex(fields["mask"]) if "mask" in fields else b"\xff" * len(magic)
        yield BinfmtHandler(
            entry.name,
            fields["interpreter"],
            fields.get("flags:", ""),
            int(fields["offset"]),
            magic,
            mask,
        )

"""
Fifty images of hosts: what the roots of tests/hosts really answer, and what images differ in.

An image is a root with a kernel, an os-release, a number of CPUs, mounts and
patch levels of some libraries of its own.  Each host of an image has a clock,
devices, inodes, ctimes, a CPU frequency and a name of a disk of its own, as
real hosts have.  Answers are made once for an image, with marks where a
host's own values go.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from bench.fleet.recorder import NONCE, Recorder
from tests.hosts.recipes import RECIPES

COUNT = 50
# Which root an image is made of, image after image.
_BASES = (
    *("bookworm", "bookworm", "bullseye", "bookworm", "trixie"),
    *("bookworm", "trixie", "bookworm", "sid", "bookworm"),
)
_RARE = {7: "i386", 23: "musl"}
# Libraries that images of one root have in several builds.
_PATCHED = re.compile(r"/(libc\.so\.6|libc-2\.|ld-|libcurl|libssl|libcrypto|libgnutls)[^/]*$")
_CACHED_BYTES = 1 << 20  # a longer answer is made again each time
_CPUINFO_BYTES = 8192  # what the script reads of it
_CPUS = (2, 4, 8, 16)
_STAT = re.compile(rb"([0-9a-f]+ \d+ \d+) (\d+) (\d+) (\d+) (-?\d+) (-?\d+)")
_SYSINFO_EHDR = (33).to_bytes(8, "little")  # of the auxiliary vector (elf.h): differs each time
_ADDRESS_BYTES = 8

# The mounts of an ordinary Debian host; @ stands for what is the host's own.
_MOUNTS = """\
22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
23 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
24 28 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=4009120k,nr_inodes=1002280
25 24 0:22 / /dev/pts rw,nosuid,noexec,relatime shared:3 - devpts devpts rw,gid=5,mode=620
26 28 0:23 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=806364k,mode=755
28 1 253:@minor@ / / rw,relatime shared:1 - ext4 /dev/mapper/host@disk@-root rw,errors=remount-ro
29 22 0:6 / /sys/kernel/security rw,nosuid,nodev,noexec shared:8 - securityfs securityfs rw
30 24 0:25 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,inode64
31 26 0:26 / /run/lock rw,nosuid,nodev,noexec,relatime shared:6 - tmpfs tmpfs rw,size=5120k
32 22 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw
33 22 0:28 / /sys/fs/pstore rw,nosuid,nodev,noexec,relatime shared:10 - pstore pstore rw
34 22 0:29 / /sys/fs/bpf rw,nosuid,nodev,noexec,relatime shared:11 - bpf bpf rw,mode=700
35 23 0:30 / /proc/sys/fs/binfmt_misc rw,relatime shared:13 - autofs systemd-1 rw,fd=29,pgrp=1
36 24 0:19 / /dev/mqueue rw,nosuid,nodev,noexec,relatime shared:14 - mqueue mqueue rw
37 22 0:7 / /sys/kernel/debug rw,nosuid,nodev,noexec,relatime shared:15 - debugfs debugfs rw
38 22 0:12 / /sys/kernel/tracing rw,nosuid,nodev,noexec shared:16 - tracefs tracefs rw
39 24 0:31 / /dev/hugepages rw,relatime shared:17 - hugetlbfs hugetlbfs rw,pagesize=2M
40 28 259:1 / /boot rw,relatime shared:30 - ext4 /dev/nvme0n1p2 rw
41 40 259:2 / /boot/efi rw,relatime shared:32 - vfat /dev/nvme0n1p1 rw,fmask=0077,dmask=0077
42 28 253:1 / /var rw,relatime shared:34 - ext4 /dev/mapper/host@disk@-var rw
43 28 253:2 / /tmp rw,nosuid,nodev,noexec,relatime shared:36 - tmpfs tmpfs rw,inode64
44 28 253:3 / /srv rw,relatime shared:38 - xfs /dev/mapper/host@disk@-srv rw,attr2,inode64
"""


class Host(Struct, frozen=True):
    """What is one host's own, as bytes of a fixed length each."""

    values: dict[bytes, bytes]
    skew_s: int

    @classmethod
    def numbered(cls, number: int) -> Host:
        """Return the host with *number*, the same one each time."""
        own = hashlib.sha256(number.to_bytes(4, "big")).digest()
        minor = 100 + own[0] % 150
        values = {
            b"minor": b"%d" % minor,
            b"device": b"%d" % (253 << 8 | minor),
            b"disk": b"%05d" % number,
            b"inode": b"%05d" % (10000 + number % 80000),
            b"ctime": b"%07d" % (1_600_000 + int.from_bytes(own[1:4], "big") % 150_000),
            b"mhz": b"%04d" % (2000 + own[4] % 1000),
            b"address": own[8:16],
        }
        return cls(values, own[5] % 5 - 2)

    def fill(self, template: bytes, nonce: bytes) -> bytes:
        """Return *template* with this host's values; *nonce* marks the frames."""
        clock = b"%d" % (int(time.time()) + self.skew_s)
        return template % {**self.values, b"nonce": nonce, b"clock": clock}


class Entry(Struct):
    """One path of an image; *state* is a template, or the line of an error."""

    there: bool
    state: bytes
    real: bytes = b""
    build: int = 0  # bytes that this image's build of the file is longer


class Image:
    """One image, recorded from *recorder* as it is asked for."""

    def __init__(self, number: int, recorder: Recorder) -> None:
        self.number = number
        self._recorder = recorder
        self._entries: dict[str, Entry] = {}
        self._hashes: dict[str, bytes] = {}
        self._rounds: dict[bytes, bytes] = {}
        self._answers: dict[str, Callable[..., bytes]] = {
            "F": self._facts,
            "S": self._states,
            "H": self._hash,
            "C": self._content,
            "L": self._list,
        }

    def answer(self, requests: bytes) -> bytes:
        """Return the template of the answers to the lines of one round."""
        known = self._rounds.get(requests)
        if known is None:
            lines = requests.decode("ascii").splitlines()
            frames = [self._answers[line[0]](*line.split(" ")[1:]) for line in lines]
            known = b"".join(frames) + b"%(nonce)b end\n"
            if len(known) < _CACHED_BYTES:
                self._rounds[requests] = known
        return known

    # --- one request each ---

    def _facts(self, index: str) -> bytes:
        frames = [
            _frame("F", index, self._sections),
            _frame("X", index, self._auxv),
            _frame("B", index, _plain(self._recorded["B"])),
        ]
        return b"".join(frames)

    def _states(self, index: str, *words: str) -> bytes:
        entries = [self._entry(word) for word in words]
        there = [entry for entry in entries if entry.there]
        lines = [
            b"".join(b"01"[entry.there : entry.there + 1] for entry in entries),
            *(entry.state for entry in there),
            *(entry.real for entry in there),
            *(entry.state for entry in entries if not entry.there),
            b".",
        ]
        return _frame("S", index, b"\n".join(lines))

    def _hash(self, index: str, *words: str) -> bytes:
        lines = [line for word in words if (line := self._hash_line(word))]
        return _frame("H", index, b"\n".join(lines)) if lines else b""

    def _content(self, index: str, word: str, _limit: str) -> bytes:
        data = self._bytes(word)
        return _frame("C", index, _plain(data)) if data is not None else b""

    def _list(self, index: str, word: str) -> bytes:
        frames = self._recorder.ask(f"L 0 {word}")
        return _frame("L", index, _plain(frames[0].data)) if frames else b""

    # --- one path ---

    def _entry(self, word: str) -> Entry:
        entry = self._entries.get(word)
        if entry is None:
            entry = self._entries[word] = self._look(word)
        return entry

    def _look(self, word: str) -> Entry:
        state = self._recorder.state(word)
        if isinstance(state, bytes):
            return Entry(there=False, state=_plain(state.removesuffix(b"\n")))
        line, real = state
        build = self._build(real.decode())
        found = _STAT.fullmatch(line)
        if found is None:
            return Entry(there=True, state=_plain(line), real=_plain(real), build=build)
        mode, _device, inode, size, mtime, ctime = found.groups()
        own = (
            mode,
            b"%(device)b",
            b"%%(inode)b%08d" % (int(inode) % 10**8),
            b"%d" % (int(size) + build),
            mtime,
            b"%%(ctime)b%03d" % (int(ctime) % 1000),
        )
        return Entry(there=True, state=b" ".join(own), real=_plain(real), build=build)

    def _build(self, real: str) -> int:
        """Return which build of the library this image has: images share some, not all."""
        if _PATCHED.search(real) is None:
            return 0
        return 16 * (self.number // (10 if "/libc" in real or "/ld-" in real else 5))

    def _bytes(self, word: str) -> bytes | None:
        entry = self._entry(word)
        path = Path(f"{self._recorder.root}{(entry.real % {}).decode()}")
        if not entry.there or not path.is_file():
            return None
        return path.read_bytes() + b"\0" * entry.build

    def _hash_line(self, word: str) -> bytes:
        if word not in self._hashes:
            data = self._bytes(word)
            line = f"{hashlib.sha256(data).hexdigest()}  {word}" if data is not None else ""
            self._hashes[word] = _plain(line.encode())
        return self._hashes[word]

    # --- facts ---

    @cached_property
    def _recorded(self) -> dict[str, bytes]:
        return {frame.kind: frame.data for frame in self._recorder.ask("F 0")}

    @cached_property
    def _sections(self) -> bytes:
        parts = re.split(
            rb"^%b ([a-z]+)$" % NONCE.encode(), self._recorded["F"], flags=re.MULTILINE
        )
        sections = dict(zip(parts[1::2], map(_plain, parts[2::2]), strict=True))
        sections[b"clock"] = b"\n%(clock)b\n\n"
        release = b" 6.1.0-%d-amd64 " % self.number
        sections[b"uname"] = re.sub(rb"(?<=Linux) \S+ ", release, sections[b"uname"])
        version = b'\nIMAGE_VERSION="%d"\n\n' % self.number
        sections[b"os"] = sections[b"os"].rstrip(b"\n") + version
        sections[b"mountinfo"] = (
            re.sub(rb"@([a-z]+)@", rb"%(\1)b", b"\n" + _MOUNTS.encode()) + b"\n"
        )
        sections[b"cpu"] = self._cpu(sections[b"cpu"])
        marked = (b"%%(nonce)b %b" % name + part for name, part in sections.items())
        return parts[0] + b"".join(marked)

    def _cpu(self, section: bytes) -> bytes:
        """Return what the script reads of /proc/cpuinfo where there are more CPUs."""
        one = section.strip(b"\n").split(b"\n\n")[0]
        blocks = [
            re.sub(rb"(processor\t: )\d+", rb"\g<1>%d" % number, one)
            for number in range(_CPUS[self.number % len(_CPUS)])
        ]
        text = b"\n" + b"\n\n".join(blocks)[:_CPUINFO_BYTES]
        return re.sub(rb"(cpu MHz\t\t: )\d{4}", rb"\1%(mhz)b", text) + b"\n\n"

    @cached_property
    def _auxv(self) -> bytes:
        """Return the auxiliary vector with an address that differs from process to process."""
        recorded = self._recorded["X"]
        at = recorded.find(_SYSINFO_EHDR) + _ADDRESS_BYTES
        end = at + _ADDRESS_BYTES
        return _plain(recorded[:at]) + b"%(address)b" + _plain(recorded[end:])


def base_of(number: int) -> str:
    """Return the name of the root that image *number* is made of."""
    return _RARE.get(number, _BASES[number % len(_BASES)])


def bases() -> set[str]:
    """Return the names of all roots that images are made of."""
    return {base_of(number) for number in range(COUNT)} & RECIPES.keys()


def _plain(data: bytes) -> bytes:
    """Return *data* as a template that stands for itself."""
    return data.replace(b"%", b"%%")


_SAMPLE = Host.numbered(0)


def _frame(kind: str, index: str, template: bytes) -> bytes:
    """Return the template of a frame; all hosts' values are equally long, so all frames are."""
    length = len(_SAMPLE.fill(template, NONCE.encode()))
    return b"%%(nonce)b %b %b %d\n" % (kind.encode(), index.encode(), length) + template + b"\n"

"""Facts files: what is written is what is read, and nothing damaged is read at all."""

from __future__ import annotations

import pytest

from preflight.errors import FactsError
from preflight.model.elf import Elf, SymbolTable
from preflight.model.facts import read_facts, write_facts
from preflight.model.question import (
    Absent,
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    List,
    Listing,
    Offer,
    Offers,
    Package,
    ReadBytes,
    ReadElf,
    Stat,
)
from preflight.model.snapshot import BinfmtHandler, Facts, Mount, Snapshot

LIBC = Elf(size_bytes=9, head=b"\x7fELF", symbols=SymbolTable(b"\0puts\0" * 50, b"\0" * 500))
CACHE = b"glibc-ld.so.cache1.1" * 20
OFFERS = Offers("apt-get", (Offer("libssl3", "named", "apt lists", None, "3.0"),), exact=False)
HANDLER = BinfmtHandler("qemu", "/usr/bin/qemu", "F", 0, b"\x7fELF", b"\xff" * 4)


def state(inode: int, *, device: int = 65024, real: str = "/x", time_s: int = 7) -> FileState:
    return FileState(0o100755, 0, 0, device, inode, 9, time_s, time_s, real)


def snapshot(name: str = "web-1", *, first_inode: int = 100, **changes) -> Snapshot:
    answers = {
        ReadElf("/lib/libc.so.6"): ElfContent(state(first_inode), "ab" * 32, LIBC),
        ReadElf("/lib64/libc.so.6"): ElfContent(state(first_inode), "ab" * 32, LIBC),
        Stat("/lib/libm.so.6"): state(first_inode + 1),
        Stat("/mnt/libm.so.6"): state(first_inode + 1, device=9),
        ReadBytes("/etc/ld.so.cache"): BytesContent(state(first_inode + 2), "cd" * 32, CACHE),
        List("/lib"): Listing(("a\nb", "\udcff", "back\\slash")),
        Stat("/nope\udcfe"): Absent("ENOTDIR"),
        ReadElf("/secret"): Failed("EACCES"),
        Package("libssl.so.3", guesses=("libssl3",)): OFFERS,
        Package("libc.so.6", 64, "GLIBC_2.38", "/lib/libc.so.6"): Failed("no \\ tool"),
        Package("libc.so.6", 64, "GLIBC_2.39", "/lib/libc.so.6"): Offers("dnf", read=False),
    }
    facts = Facts(
        system="Linux",
        shell_head=b"\x7fELF\x02",
        gids=(0, 4),
        mounts=(Mount("/", "/dev/sda", "ext4", ("rw",)),),
        binfmt=(HANDLER,),
        clock_s=first_inode,
    )
    whole = Snapshot(
        host=name,
        address=f"{name}.example",
        status="probed",
        host_key="accepted-new",
        rounds=2,
        facts=facts,
        facts_unknown={"selinux": "why \\ not"},
        answers=answers,
    )
    return Snapshot(**{f: changes.get(f, getattr(whole, f)) for f in whole.__struct_fields__})


def written(*snapshots: Snapshot) -> list[bytes]:
    return list(write_facts(snapshots, version="1", created_at="2026-01-01T00:00:00Z"))


def without_numbers(answer):
    match answer:
        case FileState():
            return answer.mode, answer.size_bytes, answer.real
        case ElfContent():
            return without_numbers(answer.state), answer.sha256, answer.elf
        case BytesContent():
            return without_numbers(answer.state), answer.sha256, answer.data
    return answer


def test_what_is_written_is_read():
    """All that a judgement looks at comes back, odd text and bytes included."""
    original = snapshot()

    (read,) = read_facts(written(original), "f")

    assert read.facts == original.facts
    assert dict(read.facts_unknown) == dict(original.facts_unknown)
    assert {q: without_numbers(a) for q, a in read.answers.items()} == {
        q: without_numbers(a) for q, a in original.answers.items()
    }
    assert (read.host, read.address, read.status, read.rounds) == (
        original.host,
        original.address,
        "probed",
        2,
    )


def test_same_object_stays_the_same_object():
    """Two paths with one (device, inode) keep one, and all others keep others."""
    (read,) = read_facts(written(snapshot()), "f")

    first = read.answers[ReadElf("/lib/libc.so.6")].state
    second = read.answers[ReadElf("/lib64/libc.so.6")].state
    other = read.answers[Stat("/lib/libm.so.6")]
    elsewhere = read.answers[Stat("/mnt/libm.so.6")]
    assert (first.device, first.inode) == (second.device, second.inode)
    assert (first.device, first.inode) != (other.device, other.inode)
    assert other.device != elsewhere.device


def test_device_that_the_host_could_not_tell_stays_unknown():
    """A state without a device has none after reading either."""
    answers = {Stat("/x"): state(5, device=-1)}

    (read,) = read_facts(written(snapshot(answers=answers)), "f")

    assert read.answers[Stat("/x")].device == -1


def test_hosts_of_one_image_share_all_but_one_line():
    """Other inodes, times and clocks do not make another answer."""
    one = written(snapshot("web-1", first_inode=100))

    two = written(snapshot("web-1", first_inode=100), snapshot("web-2", first_inode=900))

    assert len(two) == len(one) + 1
    first, second = read_facts(two, "f")
    assert first.answers is second.answers


def test_one_other_file_costs_its_directory_only():
    """A host with one answer of its own shares the lines of all other directories."""
    other = dict(snapshot().answers) | {Stat("/opt/app"): state(77)}

    lines = written(snapshot("web-1"), snapshot("web-2", answers=other))

    kinds = [line.partition(b'"kind":"')[2].partition(b'"')[0] for line in lines[1:]]
    assert kinds[kinds.index(b"host") + 1 :] == [b"answers", b"answer-set", b"host", b"end"]


def test_host_without_facts_is_written_too():
    """An unreachable host keeps its status, cause and reason."""
    away = Snapshot(
        host="db", address="10.0.0.1", status="unreachable", cause="no-route", reason="no \x1b way"
    )

    (read,) = read_facts(written(away), "f")

    assert read == Snapshot(**{f: getattr(away, f) for f in away.__struct_fields__})


@pytest.mark.parametrize(
    ("damage", "place", "reason"),
    [
        (lambda lines: lines[:-1], 13, "ends early"),
        (lambda _: [], 1, "ends early"),
        (lambda lines: [*lines[:3], lines[3][:-9]], 4, "cut off"),
        (lambda lines: [lines[0].replace(b"facts/1", b"facts/2"), *lines[1:]], 1, "schema"),
        (lambda _: [b"{}\n"], 1, "no facts file"),
        (lambda _: [b"\xff\n"], 1, "not valid"),
        (lambda lines: [*lines[:2], lines[2].replace(b"ext4", b"ext3")], 3, "not what"),
        (lambda lines: [lines[0], *lines[-2:]], 2, "refers to"),
        (lambda lines: [*lines, lines[-1]], 0, "after the end"),
        (lambda lines: [lines[0], lines[-1]], 2, "hosts were"),
        (lambda lines: [lines[0], b"hello\n"], 2, "preflight's"),
    ],
)
def test_damaged_file_is_refused(damage, place, reason):
    """Whatever is cut off, changed or foreign is named with its line, and never read."""
    lines = damage(written(snapshot()))

    with pytest.raises(FactsError, match=reason) as caught:
        list(read_facts(lines, "f.jsonl"))

    assert caught.value.message.startswith(f"f.jsonl:{place or len(lines)}: ")


@pytest.mark.slow
def test_ten_thousand_hosts_fit_in_fifty_megabytes():
    """Hosts of 50 images with 500 answers each, inodes and clocks their own: by the last 950."""
    images = [image(number) for number in range(50)]

    def lines(count: int) -> list[bytes]:
        hosts = (host_of(images[number % 50], number) for number in range(count))
        return list(write_facts(hosts, version="1", created_at="x"))

    few, many = lines(50), lines(1000)
    few_bytes, many_bytes = sum(map(len, few)), sum(map(len, many))

    assert few_bytes + (many_bytes - few_bytes) / 950 * 9950 < 50_000_000
    assert sum(1 for _ in read_facts(many, "f")) == 1000


def image(number: int) -> dict[str, Elf | None]:
    names = (f"{d}/lib{i}.so" for i in range(50) for d in ("/lib", *DIRECTORIES))
    return {path: library(number, path) if path.startswith("/lib/") else None for path in names}


DIRECTORIES = tuple(f"/opt/search/{i}" for i in range(9))


def library(number: int, path: str) -> Elf:
    names = b"".join(b"function_%d_%d\0" % (number, i) for i in range(300))
    records = bytes((number + i) % 251 for i in range(3000))
    return Elf(size_bytes=number, head=path.encode(), symbols=SymbolTable(names, records))


def host_of(files: dict[str, Elf | None], number: int) -> Snapshot:
    answers = {
        ReadElf(path): ElfContent(state(number * 1000 + i, time_s=number), "ab" * 32, elf)
        if elf
        else Absent()
        for i, (path, elf) in enumerate(files.items())
    }
    return snapshot(f"host-{number}", first_inode=number, answers=answers)

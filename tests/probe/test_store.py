"""The library store: shared, checked, and never in the way."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from preflight.elf import read_bytes
from preflight.model.question import FileState, List, Stat
from preflight.probe import store as store_module
from preflight.probe.memo import Memo
from preflight.probe.records import Records
from preflight.probe.store import Store, state_digest

LIBRARY = Path("/bin/sh").read_bytes()
STATE = FileState(0o100755, 0, 0, 65024, 9, 100, 50, 50, "/x")


def files_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.fixture(params=["memory", "disk"])
def any_store(request, tmp_path) -> Store:
    return Store(tmp_path / "cache" if request.param == "disk" else None)


def test_builds_with_the_same_symbols_share_them(any_store):
    """Two builds of a library are two contents, and take up the room of one symbol table."""
    digest, first = any_store.add_elf(LIBRARY)
    other, second = any_store.add_elf(LIBRARY + b"\0")

    assert digest != other
    assert first != second
    assert first.symbols is second.symbols


def test_content_is_named_by_its_own_hash(any_store):
    """What is added is found under the SHA-256 of its bytes, and nowhere else."""
    digest, elf = any_store.add_elf(LIBRARY)

    assert digest == hashlib.sha256(LIBRARY).hexdigest()
    assert any_store.get_elf(digest) is elf
    assert any_store.get_bytes(digest) is None
    assert any_store.get_elf("0" * 64) is None


def test_second_store_on_the_directory_reads_the_same(tmp_path):
    """A later run finds elves, bytes, memos and hints of an earlier one."""
    first = Store(tmp_path)
    digest, elf = first.add_elf(LIBRARY)
    cache, data = first.add_bytes(b"cache \xff")
    memo = Memo()
    memo.note("/x\udcff", STATE, digest, 100)
    first.save_memo("host", memo)
    first.remember("key", [Stat("/a\udcff"), List("/b")])

    later = Store(tmp_path)

    assert (later.get_elf(digest), later.get_bytes(cache)) == (elf, data)
    assert later.memo("host").get(STATE) == digest
    assert later.memo("host").expects("/x\udcff")
    assert later.hints("key") == (Stat("/a\udcff"), List("/b"))


def test_unknown_host_has_no_memo_and_no_hints(any_store):
    """Nothing is known of who was never asked."""
    assert any_store.memo("new").get(STATE) is None
    assert any_store.hints("new") == ()


def test_same_content_twice_is_one_value(any_store):
    """Two hosts with one library hold one Elf, and one copy of a cache."""
    assert any_store.add_elf(LIBRARY)[1] is any_store.add_elf(LIBRARY)[1]
    assert any_store.add_bytes(b"x" * 99)[1] is any_store.add_bytes(bytearray(b"x" * 99))[1]


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda _: b"", lambda d: d[:70] + b"X" + d[71:]]
)
def test_damaged_record_is_a_miss(tmp_path, damage):
    """A record that was cut, emptied or changed is read anew, and mended."""
    digest, elf = Store(tmp_path).add_elf(LIBRARY)
    (record,) = files_in(tmp_path)
    record.write_bytes(damage(record.read_bytes()))

    assert Store(tmp_path).get_elf(digest) is None
    assert Store(tmp_path).add_elf(LIBRARY) == (digest, elf)
    assert Store(tmp_path).get_elf(digest) == elf


def test_record_under_another_name_is_a_miss(tmp_path):
    """A whole record that lies in another's place does not stand for it."""
    store = Store(tmp_path)
    store.add_bytes(b"one")
    (one,) = files_in(tmp_path)
    two, _ = store.add_bytes(b"two")
    (other,) = set(files_in(tmp_path)) - {one}
    other.write_bytes(one.read_bytes())

    assert Store(tmp_path).get_bytes(two) is None


def test_records_are_private_and_nothing_else_is_left(tmp_path):
    """Mode 0700 and 0600, and no temporary file stays."""
    store = Store(tmp_path / "cache")
    store.add_bytes(b"x")
    store.add_elf(LIBRARY)

    files = files_in(tmp_path)
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert not [path for path in files if path.name.startswith(".")]


def test_cache_that_cannot_be_written_is_not_fatal(tmp_path):
    """A directory that is a file: everything works, nothing is kept on disk."""
    (tmp_path / "cache").write_bytes(b"in the way")
    store = Store(tmp_path / "cache")

    digest, elf = store.add_elf(LIBRARY)
    store.remember("key", [Stat("/a")])

    assert store.get_elf(digest) is elf
    assert (tmp_path / "cache").read_bytes() == b"in the way"


def test_memory_has_a_limit_and_disk_stands_behind_it(tmp_path):
    """What fell out of memory is read from disk again."""
    store = Store(tmp_path, memory_bytes=100_000)
    digests = [store.add_bytes(bytes([n]) * 60_000)[0] for n in range(3)]

    assert len(store._recent) == 1
    assert [store.get_bytes(d)[:1] for d in digests] == [b"\0", b"\1", b"\2"]


def test_another_reader_reads_again(tmp_path, monkeypatch):
    """What an older reader saw is not what this one would see."""
    digest, _ = Store(tmp_path).add_elf(LIBRARY)

    monkeypatch.setattr(store_module, "reader_version", lambda: "other")

    assert Store(tmp_path).get_elf(digest) is None


def test_one_claim_at_a_time(any_store):
    """Who comes second waits, and goes on as soon as the first is done."""
    assert any_store.claim("d")
    assert not any_store.claim("d")
    waiter = threading.Thread(target=any_store.wait, args=("d", 10))
    waiter.start()

    any_store.release("d")

    waiter.join(5)
    assert not waiter.is_alive()
    assert any_store.claim("d")


def test_many_threads_and_stores_share_one_directory(tmp_path):
    """Writers of the same records do not disturb each other."""
    datas = [bytes([n]) * 5000 for n in range(20)]

    def work(store: Store) -> None:
        found.extend(store.get_bytes(store.add_bytes(data)[0]) == data for data in datas)

    found: list[bool] = []
    stores = [Store(tmp_path), Store(tmp_path)]
    threads = [threading.Thread(target=work, args=(stores[n % 2],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 160
    assert len(files_in(tmp_path)) == 20


def test_state_of_a_file_names_no_other_hosts_content():
    """A file that is read in ranges is known for its host and state alone."""
    other = FileState(0o100755, 0, 0, 65024, 9, 100, 50, 51, "/x")

    names = {state_digest("a", STATE), state_digest("b", STATE), state_digest("a", other)}

    assert len(names) == 3


def test_store_keeps_what_it_is_told_under_such_a_name(tmp_path):
    """An Elf that was read in ranges is found again by a later run."""
    name = state_digest("a", STATE)
    elf = read_bytes(LIBRARY)
    Store(tmp_path).put_elf(name, elf)

    assert Store(tmp_path).get_elf(name) == elf


def test_hints_of_a_kind_add_up(any_store):
    """Hosts of one kind that differ a little do not overwrite each other's hints in turn."""
    one, two = [Stat("/a"), Stat("/b")], [Stat("/b"), Stat("/c")]
    any_store.remember("kind", one)
    any_store.remember("kind", two)

    any_store.remember("kind", one)

    assert (Stat("/a"), Stat("/b"), Stat("/c")) == any_store.hints("kind")


def test_hints_do_not_grow_for_ever(any_store):
    """What others asked is forgotten once it is much more than what a host itself asks."""
    for number in range(200):
        any_store.remember("kind", [Stat(f"/{number}"), List("/")])

    assert len(any_store.hints("kind")) <= 68
    assert Stat("/199") in any_store.hints("kind")


def test_known_hints_are_not_written_again(tmp_path):
    """A host that asks what its kind is known to ask costs no write, nor a look at the disk."""
    store = Store(tmp_path)
    store.remember("kind", [Stat("/a"), Stat("/b")])
    (record,) = files_in(tmp_path)
    record.unlink()

    store.remember("kind", [Stat("/b"), Stat("/a")])

    assert [] == files_in(tmp_path)
    assert (Stat("/a"), Stat("/b")) == store.hints("kind")


@pytest.mark.parametrize("name", ["x", "deep/er/x"])
def test_records_come_back_whole(tmp_path, name):
    """Any bytes, at any depth."""
    records = Records(tmp_path)
    records.write(name, b"\0\xff\n")

    assert records.read(name) == b"\0\xff\n"
    assert records.read("other") is None

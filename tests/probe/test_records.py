"""The cache has a limit: what is of least use goes first, beside whoever uses it meanwhile."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from preflight.probe import store as store_module
from preflight.probe.records import Records
from preflight.probe.store import Store

DAY_S = 86400
SIZE = 20_000  # bytes: five blocks of four kilobytes


def filled(directory: Path, count: int = 10) -> list[Path]:
    """Return the records of a new cache, the first the longest unused."""
    records = Records(directory)
    for number in range(count):
        records.write(f"bytes/{number}", bytes(SIZE))
        used = time.time() - (count - number) * DAY_S
        os.utime(directory / f"bytes/{number}", (used, used))
    return [directory / f"bytes/{number}" for number in range(count)]


def size_of(directory: Path) -> int:
    """Return what all records take up."""
    return sum(record.size_bytes for record in Records(directory).all())


def test_what_is_no_record_holds_nobody_up(tmp_path):
    """A pipe, a directory or a link to itself in a record's place is no record, at once."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "directory").mkdir()

    found = [Records(tmp_path).read(name) for name in ("pipe", "loop", "directory")]

    assert [None] * 3 == found


def test_least_recently_used_go_first(tmp_path):
    """Above the limit the oldest are removed, a little more than need be; the new stay."""
    paths = filled(tmp_path)
    limit = size_of(tmp_path) // 2

    done = Records(tmp_path).prune(limit, lambda _: False)

    left = [path for path in paths if path.exists()]
    assert paths[-len(left) :] == left
    assert len(paths) - len(left) == done.removed
    assert limit * 0.7 < size_of(tmp_path) == done.left_bytes <= limit * 0.9


def test_cache_below_its_limit_is_left_alone(tmp_path):
    """Nothing is removed that there is room for, however old."""
    filled(tmp_path)

    done = Records(tmp_path).prune(size_of(tmp_path), lambda _: False)

    assert (0, 0, size_of(tmp_path)) == (done.removed, done.freed_bytes, done.left_bytes)


def test_reading_is_using(tmp_path):
    """A record that is read is new again; its time is only written once a day."""
    first, *_, last = filled(tmp_path)
    before = last.stat().st_mtime_ns

    Records(tmp_path).read("bytes/0")
    os.utime(last, (time.time() - 60,) * 2)
    before = last.stat().st_mtime_ns
    Records(tmp_path).read("bytes/9")

    assert time.time() - first.stat().st_mtime < 60
    assert before == last.stat().st_mtime_ns


def test_what_an_older_reader_wrote_goes_first(tmp_path, monkeypatch):
    """A record that nobody reads any more goes before the oldest that somebody does."""
    filled(tmp_path)
    store = Store(tmp_path)
    monkeypatch.setattr(store_module, "reader_version", lambda: "older")
    old, _ = store.add_elf(b"\x7fELF once")
    monkeypatch.setattr(store_module, "reader_version", lambda: "newer")
    new, _ = Store(tmp_path).add_elf(b"\x7fELF twice")

    store.prune(size_of(tmp_path) - 1)

    assert not list(tmp_path.glob("elf/older/*/*"))
    assert Store(tmp_path).get_elf(new)
    assert not Store(tmp_path).get_elf(old)


def test_remains_of_a_killed_writer_are_removed(tmp_path):
    """A file that was never renamed goes when it is an hour old: its writer is no more."""
    (paths := filled(tmp_path, 1))[0].with_name(".fresh").touch()
    dead = paths[0].with_name(".dead")
    dead.touch()
    os.utime(dead, (time.time() - DAY_S,) * 2)

    names = [record.name for record in Records(tmp_path).all()]

    assert ["bytes/0"] == names
    assert {".fresh", "0"} == {path.name for path in (tmp_path / "bytes").iterdir()}


def test_daily_pruning_is_daily(tmp_path):
    """Many runs a day look once; the next look is a day later."""
    filled(tmp_path)
    records = Records(tmp_path)
    records.prune_daily(10 * size_of(tmp_path), lambda _: False)

    records.prune_daily(0, lambda _: False)
    unchanged = len(list(records.all()))
    os.utime(tmp_path / ".pruned", (time.time() - 2 * DAY_S,) * 2)
    records.prune_daily(0, lambda _: False)

    assert 10 == unchanged
    assert [] == list(records.all())


def test_cache_that_is_not_there_is_not_made(tmp_path):
    """Nothing was kept, and so nothing is there to look after."""
    Records(tmp_path / "none").prune_daily(0, lambda _: False)

    assert not (tmp_path / "none").exists()


def test_pruning_harms_nobody_who_uses_the_cache(tmp_path):
    """Who writes, reads and prunes at once sees whole records or none, and no error."""
    contents = [bytes([number]) * SIZE for number in range(20)]
    found, over = [], threading.Event()

    def use() -> None:
        store = Store(tmp_path, memory_bytes=0)
        for _ in range(10):
            for data in contents:
                digest, _ = store.add_bytes(data)
                found.append(Store(tmp_path).get_bytes(digest) in {data, None})

    def prune() -> None:
        while not over.is_set():
            Store(tmp_path).prune(5 * SIZE)

    users, pruner = [threading.Thread(target=use) for _ in range(3)], threading.Thread(target=prune)
    for thread in (*users, pruner):
        thread.start()
    for thread in users:
        thread.join()
    over.set()
    pruner.join()

    assert [True] * 600 == found
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".pruned"]

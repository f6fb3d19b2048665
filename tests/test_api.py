"""The library: ten lines do the main job, and nothing is printed, configured or left behind."""

from __future__ import annotations

import inspect
import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import preflight
from preflight import api
from preflight.errors import FactsError, InventoryError, PreflightError
from preflight.inventory import Inventory
from preflight.model.host import Host
from preflight.model.question import ElfContent
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from tests.builders.elf import build_elf

pytestmark = pytest.mark.slow

LOADER = "/lib64/ld-linux-x86-64.so.2"
HERE = Host(name="here", transport="local")


@pytest.fixture
def app(tmp_path) -> Requirements:
    """A program that needs a library which this machine has not."""
    path = tmp_path / "app"
    path.write_bytes(build_elf(interpreter=LOADER, needed=["libc.so.6", "libnowhere.so.1"]))
    return preflight.analyze(path)


@pytest.fixture
def silent() -> Host:
    """A host that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Host(name="silent", address="127.0.0.1", port=server.getsockname()[1])


def test_docstring_does_the_main_job(tmp_path, monkeypatch):
    """The lines of the module's docstring run as they stand there."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/app").write_bytes(build_elf(interpreter=LOADER, needed=["libc.so.6"]))
    (tmp_path / "fleet.yaml").write_text("hosts: {here: {transport: local}}\n")
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(preflight)
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    names: dict[str, object] = {}

    exec("\n".join(lines), names)

    report = names["report"]
    assert len(lines) <= 10
    assert isinstance(report, Report)
    assert ["deployable"] == [verdict.outcome for verdict in report.verdicts]


def test_surface_is_there_with_types():
    """Every public name exists and every argument and result has a type."""
    assert set(preflight.__all__) <= set(dir(preflight)) | set(preflight.__all__)
    for name in preflight.__all__:
        thing = getattr(preflight, name)
        assert thing.__doc__, name
        if inspect.isfunction(thing):
            signature = inspect.signature(thing)
            assert signature.return_annotation is not inspect.Signature.empty, name
            for parameter in signature.parameters.values():
                assert parameter.annotation is not inspect.Parameter.empty, name
    assert (Path(preflight.__file__).parent / "py.typed").exists()


def test_path_objects_are_paths(app, tmp_path):
    """A program can be named by a `Path`; its requirements hold plain text."""
    assert str(tmp_path / "app") == app.path


def test_unknown_name_is_an_attribute_error():
    """A misspelt name fails as with any module."""
    with pytest.raises(AttributeError, match="has no attribute 'chek'"):
        preflight.chek  # noqa: B018


def test_stages_one_by_one(app, tmp_path):
    """Analysis, inventory, probe and judgement can be used alone, each on plain data."""
    (tmp_path / "fleet.yaml").write_text("hosts: {here: {transport: local}}\n")
    fleet = preflight.load_inventory([str(tmp_path / "fleet.yaml")])
    want = api.Want(app, Start(install_path="/opt/app"))

    (snapshot,) = preflight.probe(fleet.hosts, lambda _: [want])
    judgement = preflight.judge(app, want.start, snapshot)

    assert isinstance(fleet, Inventory)
    assert isinstance(snapshot, Snapshot)
    assert "blocked" == judgement.verdict.outcome
    assert () == judgement.questions
    assert judgement.verdict.predicted_error.startswith("/opt/app: error while loading shared")


def test_facts_are_written_and_read(app):
    """Snapshots go through a facts file and judge alike."""
    (snapshot,) = preflight.probe([HERE], lambda _: [api.Want(app, Start())])
    lines = list(preflight.write_facts([snapshot], version="0", created_at="2026-01-02T03:04:05Z"))

    report = preflight.check_offline(
        [app], preflight.read_facts(lines, "facts"), starts=lambda *_: Start()
    )

    assert report.verdicts == preflight.check([app], [HERE]).verdicts
    with pytest.raises(FactsError, match=r"^facts:2: "):
        list(preflight.read_facts(lines[:1], "facts"))


def test_hosts_keep_their_order(app, silent):
    """The report has the hosts in the given order, whoever is done first."""
    done = []
    options = preflight.Options(timeout_s=3.0)

    report = preflight.check(
        [app],
        [silent, HERE],
        options=options,
        on_outcome=lambda outcome: done.append(outcome.snapshot.host),
    )

    assert ["here", "silent"] == done
    assert ["silent", "here"] == [snapshot.host for snapshot in report.hosts]
    assert ["unknown", "blocked"] == [verdict.outcome for verdict in report.verdicts]


def test_second_check_writes_nothing_to_the_store(app, tmp_path):
    """What is known of a host and its kind is not written again, nor once for each host."""
    options = preflight.Options(store=tmp_path / "store")
    hosts = [HERE, Host(name="too", address="here-too", transport="local")]
    preflight.check([app], hosts, options=options)
    # A file that changed within the last two seconds is noted one check later.
    preflight.check([app], hosts, options=options)

    def written() -> dict[Path, tuple[int, int]]:
        paths = (path for path in (tmp_path / "store").rglob("*") if path.is_file())
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    before = written()
    report = preflight.check([app], hosts, options=options)

    assert before == written()
    assert [2, 2] == [snapshot.rounds for snapshot in report.hosts]  # the last for packages
    assert 1 == len(list((tmp_path / "store/hints").iterdir()))
    assert 2 == len(list((tmp_path / "store/memo").iterdir()))


def test_store_is_kept_small(app, tmp_path):
    """A run looks after the size of the store, once a day."""
    options = preflight.Options(store=tmp_path / "store", store_bytes=0)

    preflight.check([app], [HERE], options=options)

    assert [".pruned"] == [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_nothing_is_printed_or_configured(app, tmp_path):
    """The library neither prints, nor touches logging, signals or the working directory."""
    code = f"""
import logging, os, signal, sys
before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), os.getcwd()
import preflight
from preflight.model.host import Host
app = preflight.analyze({app.path!r})
gone = Host(name="gone", address="127.0.0.1", port=1)
preflight.check([app], [Host(name="here", transport="local"), gone])
after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), os.getcwd()
assert before == after
assert not logging.getLogger().handlers
assert not any(logging.getLogger(name).handlers for name in ("preflight", "fabric"))
assert not set(sys.modules) & {{"click", "rich"}}
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])},
    )

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert not (tmp_path / ".cache").exists()


def test_store_is_used_where_it_is_given(app, tmp_path):
    """With a directory the second check asks little; without one nothing is written."""
    options = preflight.Options(store=tmp_path / "store")

    first, second = (preflight.check([app], [HERE], options=options) for _ in range(2))

    assert (tmp_path / "store/elf").is_dir()
    assert second.hosts[0].rounds <= 2 <= first.hosts[0].rounds
    assert first.verdicts == second.verdicts


def test_limit_of_the_probe_is_said(app):
    """Where a limit left questions open, the host says so and each open finding too."""
    options = preflight.Options(limits=api.Limits(objects=1))

    report = preflight.check([app], [HERE], options=options)

    reason = "the probe ended: 1 files were read"
    assert reason == report.hosts[0].facts_unknown["answers"]
    open_findings = [f for f in report.verdicts[0].findings if f.code == "not-asked"]
    assert open_findings
    assert {(reason,)} == {finding.evidence for finding in open_findings}
    assert "unknown" == report.verdicts[0].outcome


def test_everything_is_collected_on_request():
    """With `everything` the libraries of the caches are in the snapshot without any program."""
    limits = api.Limits(objects=40)  # enough to see that it happens
    options = preflight.Options(everything=True, limits=limits)

    (snapshot,) = preflight.probe([HERE], options=options)

    found = [one for one in snapshot.answers.values() if isinstance(one, ElfContent)]
    assert len(found) > 10


def test_leaving_early_ends_the_connections(silent):
    """Whoever stops iterating does not wait for the hosts that are left."""
    began = time.monotonic()

    for snapshot in preflight.probe([silent, HERE]):
        assert "here" == snapshot.host
        break

    assert time.monotonic() - began < 5


def test_stopped_fleet_reports_the_rest(app, silent):
    """After `stop`, from whatever thread, the hosts that are left come out as not-run."""
    want = api.Want(app, Start())
    with api.Fleet([silent], lambda _: [want], api.Options()) as fleet:
        threading.Timer(0.3, fleet.stop).start()
        (outcome,) = fleet.outcomes()

    assert ("not-run", "interrupted") == (outcome.snapshot.status, outcome.snapshot.cause)
    assert "unknown" == outcome.verdicts[0].outcome


def test_no_more_hosts_at_a_time_than_forks():
    """`forks` bounds how many hosts are asked at once."""
    hosts = [Host(name=f"h{number}", transport="local") for number in range(6)]
    others = threading.enumerate()
    running: list[int] = []

    def wants_of(_: Host) -> list[api.Want]:
        ours = [one for one in threading.enumerate() if one not in others]
        running.append(sum(one.name.startswith("preflight-host") for one in ours))
        return []

    snapshots = list(preflight.probe(hosts, wants_of, preflight.Options(forks=2)))

    assert {"probed"} == {snapshot.status for snapshot in snapshots}
    assert max(running) <= 2


def test_caller_s_error_reaches_the_caller():
    """What goes wrong in the caller's own function is raised, not taken for a host's fault."""

    def wants_of(_: Host) -> list[api.Want]:
        raise LookupError("no start is known")

    with pytest.raises(LookupError, match="no start is known"):
        list(preflight.probe([HERE], wants_of))


def test_errors_have_one_base(tmp_path):
    """One except clause is enough, and the message says where."""
    with pytest.raises(PreflightError, match="nothing: no such file"):
        preflight.analyze(tmp_path / "nothing")
    with pytest.raises(InventoryError, match="no such file"):
        preflight.load_inventory(tmp_path / "none.yaml")


def test_unknown_transport_is_a_host_s_status():
    """A host that cannot be asked is data, whatever the reason."""
    (snapshot,) = preflight.probe([Host(name="web", transport="pigeon")])

    assert ("error", "no-such-transport") == (snapshot.status, snapshot.cause)
    assert "pigeon" in snapshot.reason


def test_logging_is_left_alone():
    """Importing and using the library adds no handler to the root logger."""
    before = list(logging.getLogger().handlers)
    list(preflight.probe([HERE]))

    assert before == logging.getLogger().handlers

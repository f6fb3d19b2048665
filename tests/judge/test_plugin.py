"""A library that a program opens is judged as dlopen(3) of that program's libc would open it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from preflight.analyze import analyze
from preflight.api import Options, Want, check, judge, probe
from preflight.inventory import load
from preflight.model.start import Opener, Start
from tests.builders.plugins import HOME, PLUGINS, build
from tests.hosts.outcome import real_start

ROOTS = ("bullseye", "bookworm", "trixie", "sid", "musl")
NOEXEC = "/mnt/noexec"


@pytest.fixture(scope="module")
def judged(fleet, tmp_path_factory):
    """A function that returns the verdicts of all plugins on one host, by their names."""
    done = {}

    def judge(name):
        if name not in done:
            compiler = "musl-gcc" if name == "musl" else "gcc"
            if not shutil.which(compiler):
                pytest.skip(f"{compiler} is not installed")
            built = build(tmp_path_factory.mktemp(name), compiler)
            subprocess.run(["cp", "-a", built.host, f"{fleet.root(name)}{HOME}"], check=True)
            done[name] = built, _verdicts(_host(fleet, name), built, HOME)
        return done[name]

    return judge


def _host(fleet, name):
    hosts = load([str(fleet.inventory)]).hosts
    return next(host for host in hosts if host.name == name)


def _verdicts(host, built, directory):
    opener = Opener(requirements=analyze(str(built.opener)), install_path=f"{HOME}/opener")
    binaries = [analyze(str(path), id=name) for name, path in built.plugins.items()]
    starts = lambda _, needed: Start(  # noqa: E731
        install_path=f"{directory}/{needed.name}", loaded_by=opener
    )
    report = check(binaries, [host], starts=starts, options=Options())
    return {verdict.binary: verdict for verdict in report.verdicts}


def _really(fleet, root, plugin, directory=HOME):
    target = Path(f"{fleet.root(root)}{directory}/{plugin.name}")
    shutil.copy(plugin, target)
    outcome = real_start(fleet.root(root), [f"{HOME}/opener", f"{directory}/{plugin.name}"])
    target.unlink()
    return outcome


@pytest.mark.parametrize("plugin", [*PLUGINS, "text", "short"])
@pytest.mark.parametrize("root", ROOTS)
def test_verdict_and_line_are_those_of_dlopen(fleet, judged, root, plugin):
    """What dlopen does, and the first line of dlerror, are as predicted on every libc."""
    built, verdicts = judged(root)

    outcome = _really(fleet, root, built.plugins[plugin])

    expected = "deployable" if outcome.status == 0 else "blocked"
    line = outcome.stderr.partition("\n")[0] or None
    verdict = verdicts[plugin]
    assert (expected, line) == (verdict.outcome, verdict.predicted_error), verdict.findings
    if plugin == "calls-nothing":
        assert "with RTLD_NOW, dlopen fails at once" in verdict.findings[0].message


@pytest.mark.parametrize("root", ["bookworm", "musl"])
def test_plugin_on_a_noexec_mount_is_not_mapped(fleet, judged, root):
    """A library on a noexec mount is refused with the words of the libc."""
    built, _ = judged(root)

    outcome = _really(fleet, root, built.plugins["complete"], NOEXEC)

    verdict = _verdicts(_host(fleet, root), built, NOEXEC)["complete"]
    assert outcome.stderr.partition("\n")[0] == verdict.predicted_error


@pytest.mark.parametrize("root", ["bullseye", "bookworm", "sid"])
def test_plugin_for_another_cpu_is_refused_since_2_33(fleet, judged, root):
    """On an old CPU glibc refuses a plugin that is marked for a newer one, if it looks."""
    built, _ = judged(root)
    path = f"{HOME}/for-another-cpu.so"
    shutil.copy(built.plugins["for-another-cpu"], f"{fleet.root(root)}{path}")
    opener = Opener(requirements=analyze(str(built.opener)), install_path=f"{HOME}/opener")
    needed = analyze(str(built.plugins["for-another-cpu"]))
    want = Want(needed, Start(install_path=path, loaded_by=opener))
    (snapshot,) = probe([_host(fleet, root)], lambda _: [want])
    facts = structs.replace(snapshot.facts, cpu_level="x86-64-v2")

    verdict = judge(needed, want.start, structs.replace(snapshot, facts=facts)).verdict

    outcome = real_start(fleet.root(root), [f"{HOME}/opener", path], cpu="Nehalem")
    assert (outcome.stderr.partition("\n")[0] or None) == verdict.predicted_error


def test_program_that_does_not_start_opens_nothing(fleet, judged):
    """What keeps the program itself from starting blocks its plugins, with its own line."""
    built, _ = judged("bookworm")

    verdict = _verdicts(_host(fleet, "musl"), built, HOME)["complete"]

    assert verdict.outcome == "blocked"
    assert verdict.predicted_error == f"{HOME}/opener: No such file or directory"
    assert verdict.predicted_exit == 127


@pytest.fixture(scope="module")
def python(fleet):
    """The Python of sid in its root: its extensions, and an opener for judging them."""
    root = fleet.root("sid")
    program = root / "usr/bin/python3"
    opener = Opener(requirements=analyze(str(program)), install_path="/usr/bin/python3")
    return sorted((root / "usr/lib").glob("python3.*/lib-dynload/*.so")), opener


def test_extensions_of_python_are_what_import_makes_of_them(fleet, python):
    """Each extension module of a real Python imports or fails, with the words of ImportError."""
    extensions, opener = python
    root = fleet.root("sid")
    library = root / "usr/lib/x86_64-linux-gnu/libcrypto.so.3"
    library.rename(root / "tmp/libcrypto")
    at = {path.name: f"/{path.relative_to(root)}" for path in extensions}
    binaries = [analyze(str(path), id=path.name) for path in extensions]

    report = check(
        binaries,
        [_host(fleet, "sid")],
        starts=lambda _, needed: Start(install_path=at[needed.name], loaded_by=opener),
        options=Options(),
    )

    predicted = {v.binary: v.predicted_error for v in report.verdicts}
    really = {name: _import_error(root, path) for name, path in at.items()}
    (root / "tmp/libcrypto").rename(library)
    assert predicted == really
    assert {"blocked", "deployable"} == {verdict.outcome for verdict in report.verdicts}


_IMPORT = """
import importlib.machinery, importlib.util, sys
name = sys.argv[1].rpartition("/")[2].partition(".")[0]
loader = importlib.machinery.ExtensionFileLoader(name, sys.argv[1])
importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
"""


def _import_error(root, path):
    outcome = real_start(root, ["/usr/bin/python3", "-ISc", _IMPORT, path])
    last = outcome.stderr.strip().rpartition("\n")[2]
    return last.partition("ImportError: ")[2] or None

"""Bundles by the command: the verdict on the whole, beside what happens once it is unpacked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.builders.elf import build_elf
from tests.hosts.fleet import Fleet
from tests.hosts.outcome import real_start

QUICK = ("--progress", "none", "--no-cache", "--format", "json")
EXIT = "mov $60,%eax;xor %edi,%edi;syscall"
MAIN = f'int hello(void); int main(void){{hello(); __asm__("{EXIT}");}}'
OLD = "int hello(void){return 0;}"
# Bound to a version of glibc that bullseye has not.
NEW = "#include <pthread.h>\nint hello(void){pthread_t t; return pthread_create(&t,0,0,0);}"
ORIGIN = "-Wl,-rpath,$ORIGIN/../lib"


def gcc(source: str, target: Path, *options: str | Path) -> None:
    """Compile *source* with this machine's compiler."""
    target.parent.mkdir(parents=True, exist_ok=True)
    code = target.parents[2] / f"{target.name}.c"
    code.write_text(source)
    subprocess.run(["gcc", code, "-o", target, "-nostartfiles", *options], check=True)


def tree(root: Path, library: str, search: str = ORIGIN) -> Path:
    """Make a self-contained tree: bin/app, lib/libhello.so.1 and a link to it; return its tar."""
    real = root / "lib/libhello.so.1.0"
    gcc(library, real, "-shared", "-fPIC", "-Wl,-soname,libhello.so.1")
    (root / "lib/libhello.so.1").symlink_to("libhello.so.1.0")
    gcc(MAIN, root / "bin/app", "-Wl,-e,main", search, real)
    path = root.with_suffix(".tar.gz")
    subprocess.run(["tar", "-czf", path, "-C", root, "."], check=True)
    return path


def verdicts(result) -> dict[tuple[str, str], dict]:
    """Return the verdicts by host and binary."""
    return {(v["host"], v["binary"]): v for v in json.loads(result.out)["verdicts"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "search", "blocked"),
    [
        (OLD, ORIGIN, ()),
        (NEW, ORIGIN, ("bullseye",)),
        (OLD, "-Wl,-rpath,/elsewhere", ("bullseye", "bookworm")),
    ],
)
def test_a_self_contained_tree_starts_as_judged(  # noqa: PLR0913, PLR0917 - cases and fixtures
    run, fleet: Fleet, tmp_path, library, search, blocked
):
    """Judged before anything lies there; then unpacked and started by the real loader."""
    path = tree(tmp_path / "tree", library, search)
    place = f"/opt/bundle-{len(blocked)}-{len(search)}"
    hosts = ("bullseye", "bookworm")

    options = ["-i", fleet.inventory, "-l", ",".join(hosts), "--install-path", f"{place}/"]
    result = run("check", path, *options, *QUICK, "--explain")

    by = verdicts(result)
    for host in hosts:
        where = fleet.root(host) / place.lstrip("/")
        where.mkdir(parents=True)
        subprocess.run(["tar", "-xf", path, "-C", where], check=True)
        real = real_start(fleet.root(host), [f"{place}/bin/app"])
        assert (host in blocked) == (by[host, "b1"]["outcome"] == "blocked"), by[host, "b1"]
        assert (host in blocked) == real.refused
        if host in blocked:
            (finding,) = by[host, "b1"]["findings"]
            assert ("member-blocked", "bin/app") == (finding["code"], finding["subject"])
            told = [v for key, v in by.items() if key[0] == host and "/bin/app" in v["path"]]
            assert told[0]["predicted_error"] in real.stderr
    assert (1 if blocked else 0) == result.status


def packed(tmp_path: Path, **members: bytes) -> Path:
    """Return a tar archive of *members*, "lib__x" being lib/x."""
    for name, data in members.items():
        file = tmp_path / "packed" / name.replace("__", "/").replace("_so", ".so")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(0o755)
    path = tmp_path / "app.tar"
    subprocess.run(["tar", "-cf", path, "-C", tmp_path / "packed", "."], check=True)
    return path


def elf(**fields: object) -> bytes:
    """Return a program for this machine's glibc."""
    return build_elf(**({"interpreter": "/lib64/ld-linux-x86-64.so.2"} | fields))


def test_the_table_has_one_row_for_a_bundle(run, tmp_path):
    """The bundle is a row, with the member that is the reason; members have none of their own."""
    path = packed(tmp_path, bin__good=elf(), bin__bad=elf(needed=["libnowhere.so.1"]))

    result = run("check", path, "--local", "--install-path", "/opt/none")

    assert 1 == result.status
    assert "member-blocked" in result.out
    assert "bin/bad" in result.out
    assert not any(line.startswith("✓") for line in result.out.splitlines())
    assert "0 deployable, 1 blocked, 0 unknown — 1 host, 1 binary, " in result.out


def test_a_program_without_an_x_bit_is_refused(run, tmp_path):
    """Modes come with the archive; a library needs no x bit, also where it names an interpreter."""
    path = packed(tmp_path, app=elf(), own_so=elf(soname="own.so"))
    for name in ("app", "own.so"):
        (tmp_path / "packed" / name).chmod(0o644)
    subprocess.run(["tar", "-cf", path, "-C", tmp_path / "packed", "."], check=True)

    result = run("check", path, "--local", "--install-path", "/opt/none", *QUICK)

    (finding,) = verdicts(result)["localhost", "b1"]["findings"]
    assert ("member-blocked", "app") == (finding["code"], finding["subject"])
    assert "its mode is 0644" in finding["evidence"][0]


def test_without_an_install_path_own_libraries_are_unknown(run, tmp_path):
    """Where the bundle will lie decides whether its library is found: nothing is guessed."""
    needed = {"needed": ["libown.so.1"], "tags": []}
    path = packed(tmp_path, app=elf(**needed), **{"libown_so.1": build_elf(soname="libown.so.1")})

    result = run("check", path, "--local", *QUICK)

    assert 3 == result.status
    outcome = verdicts(result)["localhost", "b1"]
    assert "unknown" == outcome["outcome"]
    assert "member-unknown" in {finding["code"] for finding in outcome["findings"]}


def test_a_library_that_nobody_loads_is_judged_by_itself(run, tmp_path):
    """A plugin that needs what the host has not is the reason; one that needs its sister is not."""
    alone = build_elf(soname="plugin.so", needed=["libnowhere.so.1"])
    path = packed(tmp_path, app=elf(), plugin_so=alone)

    result = run("check", path, "--local", "--install-path", "/opt/none", *QUICK)

    assert 1 == result.status
    (finding,) = verdicts(result)["localhost", "b1"]["findings"]
    assert ("member-blocked", "plugin.so") == (finding["code"], finding["subject"])


@pytest.mark.parametrize(
    ("source", "status"),
    [("Py_Here", 0), ("Py_Gone", 1)],
)
def test_an_extension_is_judged_as_opened_by_the_interpreter_beside_it(
    run, tmp_path, source, status
):
    """What the interpreter defines is there, and what nobody defines ends the import."""
    root = tmp_path / "tree"
    gcc(f'void Py_Here(void){{}} int main(void){{__asm__("{EXIT}");}}', root / "bin/python3.11",
        "-Wl,-e,main", "-rdynamic", "-nostdlib")  # fmt: skip
    module = root / "lib/x.cpython-311-x86_64-linux-gnu.so"
    code = f"void {source}(void); void *PyInit_x(void){{{source}(); return 0;}}"
    gcc(code, module, "-shared", "-fPIC", "-nostdlib")

    result = run("check", root, "--local", "--install-path", "/opt/none", *QUICK)

    assert status == result.status
    by = {v["path"].rpartition("/")[2]: v for _, v in verdicts(result).items()}
    assert by[module.name]["loaded_by"].endswith("bin/python3.11")
    if status:
        line = by[module.name]["predicted_error"]
        assert line == f"/opt/none/lib/{module.name}: undefined symbol: Py_Gone"


def test_a_directory_is_judged_in_place(run, tmp_path):
    """With --local a directory is judged where it lies."""
    packed(tmp_path, bin__app=elf())

    assert 0 == run("check", tmp_path / "packed", "--local").status


def test_facts_judge_a_bundle_offline(run, tmp_path):
    """What `probe --for` collected answers for the members, too."""
    path = packed(tmp_path, bin__app=elf(needed=["libnowhere.so.1"]))
    place = ["--install-path", "/opt/none"]

    probed = run("probe", "--local", "--for", path, *place, "--save", tmp_path / "facts.jsonl")
    result = run("check", path, "--facts", tmp_path / "facts.jsonl", *place, "--format", "json")

    assert (0, 1) == (probed.status, result.status)


def test_other_processes_judge_a_bundle(run, tmp_path):
    """Members and what lies beside them reach the processes that ask."""
    path = packed(tmp_path, bin__app=elf(needed=["libnowhere.so.1"]), bin__good=elf())
    (tmp_path / "inventory.yaml").write_text(
        "hosts:\n" + "".join(f"  h{n}: {{transport: local}}\n" for n in range(4))
    )
    options = ["-i", tmp_path / "inventory.yaml", "--install-path", "/opt/none", *QUICK]

    one = verdicts(run("check", path, *options))
    several = verdicts(run("check", path, *options, "--processes", "2"))

    assert one == several
    assert {"blocked"} == {v["outcome"] for (_, binary), v in one.items() if binary == "b1"}


def test_proving_a_bundle_is_refused(run, tmp_path):
    """A member is no file that could be copied to the host."""
    result = run("check", packed(tmp_path, app=elf()), "--local", "--prove")

    assert 2 == result.status
    assert "--prove and bundles exclude each other" in result.err

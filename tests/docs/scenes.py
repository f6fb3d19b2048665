"""
What has to be there before a reader may type what a page of the manual shows.

A scene prepares a `Place` and yields: None until the page has been played, or
the beginning of the command before which something else has to happen.  What
follows the last yield looks at what the page has left.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.catalogue import making
from tests.catalogue.artefacts import CATALOGUE
from tests.docs.blocks import DOCS, blocks, files
from tests.docs.conftest import need
from tests.docs.manual import Place
from tests.hosts import recipes, roots, runs, sshd

Scene = Iterator[str | None]
DEBIANS = ("bullseye", "bookworm", "trixie", "sid")
# Later than any day on which a page was written, and after which its waivers would have no effect.
LATER = (dt.datetime.now().astimezone() + dt.timedelta(days=90)).date().isoformat()


def readme(place: Place) -> Scene:
    """Seven hosts, and a program for the newest glibc."""
    on_bookworm()
    place.columns(88)
    place.inventory({name: name for name in (*DEBIANS, "i386", "musl", "closed")})
    place.inventory({"debian-12": "bookworm"}, "inventory.vagrant.yaml")
    place.program("dist/app", "2.33", "2.34", "2.43")
    (place.directory / ".venv").symlink_to(Path(sys.executable).parent.parent)
    yield "preflight report"
    for part in (1, 2):
        shard = f"--shard {part}/2 --format jsonl=shard-{part}.jsonl"
        place.run(f"preflight check dist/app -i fleet.yaml {shard}")
    yield None
    assert "sid\n" == place.read("ready.txt")


def ansible(place: Place) -> Scene:
    """Ansible's own inventories, and a playbook that says where it was."""
    host = place.fleet.hosts["bookworm"]
    place.write(
        "hosts",
        "[web]\nweb-1\nweb-2\n[all:vars]\n"
        f"ansible_host={host.address}\nansible_port={host.port}\nansible_user=deploy\n"
        f"ansible_ssh_private_key_file={host.identity_file}\n"
        f"ansible_ssh_common_args=-F none -o UserKnownHostsFile={host.known_hosts}\n",
    )
    place.write("inventories/production/hosts", "[web]\nweb-1\n")
    place.write(
        "old-hosts", "[web]\nweb-[1:4]\n\n[db]\ndb-1\n[db:vars]\nansible_password=hunter2\n"
    )
    place.script("cloud.py", """echo '{"web": {"hosts": ["web-1"]}}'""")
    tasks = [{"ansible.builtin.raw": "true"}]
    place.write(
        "site.yml", yaml.safe_dump([{"hosts": "web", "gather_facts": False, "tasks": tasks}])
    )
    place.program("app", "2.34")
    yield None
    assert "web-1\nweb-2\n" == place.read("ready")


def audit(place: Place) -> Scene:
    """Hosts without log-ins by password, one with a secret; later one is another, and one new."""
    need("jq")
    place.columns(110)
    names, policy = (
        (*DEBIANS, "i386"),
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n",
    )
    place.inventory({name: name for name in (*names, "closed")})
    shutil.copy(place.directory / "fleet.yaml", place.directory / "inventory.yaml")
    with contextlib.ExitStack() as stack:
        for name in names:
            root = place.fleet.root(name)
            for path in ("etc/ssh", "srv", "root/.ssh"):
                stack.enter_context(put_aside(root / path))
            place.write(root / "etc/ssh/sshd_config", policy)
        place.write(place.fleet.root("sid") / "srv/shop/.env", "")
        yield "preflight audit -i fleet.yaml --against"
        place.inventory({name: name for name in (*names, "musl", "closed")})
        trixie = place.fleet.root("trixie")
        place.write(trixie / "etc/ssh/sshd_config", policy.replace("no", "yes", 1))
        library = (trixie / "usr/lib/x86_64-linux-gnu/libz.so.1").resolve()
        content = library.read_bytes()
        stack.enter_context(put_aside(library))
        place.write(library, content + b"another build")
        yield None


def baseline(place: Place) -> Scene:
    """Hosts of three releases and other C libraries, and a program for the lowest."""
    need("jq")
    place.columns(120)
    place.inventory({name: name for name in (*DEBIANS[:-1], "i386", "musl")})
    shutil.copy(place.directory / "fleet.yaml", place.directory / "inventory.yaml")
    place.write("app.c", "int main(void) { return 0; }\n")
    cache = roots.CACHE / "zig"
    python = f"ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache} exec {sys.executable}"
    place.script("bin/zig", f'{python} -m ziglang "$@"')
    yield None
    assert (place.directory / "app").exists()


def bundles(place: Place) -> Scene:
    """What PyInstaller makes on this machine."""
    on_bookworm()
    shutil.copytree(artefact("pyinstaller-folder"), place.directory / "dist/app", symlinks=True)
    (place.directory / "dist/app/a").rename(place.directory / "dist/app/app")
    place.inventory({name: name for name in ("bullseye", "bookworm")}, "inventory.yaml")
    place.program("small/bin/app", "2.34")
    place.run("tar -czf app.tar.gz -C small .")
    yield None


def commands(place: Place) -> Scene:
    """Hosts behind names, and earlier runs."""
    place.columns(80)
    names = ("web-1", "web-2", "web-7", "db-1")
    place.inventory(dict.fromkeys(names, "bookworm"), web=names[:3])
    place.names({"web1": "bookworm", "web2": "trixie"})
    place.write("typo.yaml", "hosts:\n  web-1: {adress: 192.0.2.1}\n")
    place.program("dist/app", "2.34")
    place.script("rollout-to.sh", 'echo "$1" >> reached')
    place.run("preflight probe -i fleet.yaml --for dist/app --save facts.jsonl")
    yield "preflight report shard-*.jsonl"
    for part in (1, 2):
        shard = f"--shard {part}/2 --format jsonl=shard-{part}.jsonl"
        place.run(f"preflight check dist/app -i fleet.yaml {shard}")
    for name in ("before", "after"):
        shutil.copy(place.directory / "shard-1.jsonl", place.directory / f"{name}.jsonl")
    yield None
    assert names == tuple(place.read("reached").split())


def foreign_formats(place: Place) -> Scene:
    """A Go program for Windows."""
    on_bookworm()
    shutil.copy(artefact("go-windows"), place.directory / "app.exe")
    yield None


def go(place: Place) -> Scene:
    """GitHub's own tool, as Debian builds it."""
    shutil.copy(roots.made_by(recipes.GO_PROGRAMS) / "usr/bin/gh", place.directory / "gh")
    yield None


def inventory(place: Place) -> Scene:
    """Inventories of all kinds, good and bad."""
    place.program("app", "2.34")
    hosts = dict.fromkeys(("web-1", "web-2"), "bookworm")
    place.inventory(hosts, web=["web-1", "web-2"], canary=["web-2"])
    place.names({"web1": "bookworm", "web2": "trixie"})
    place.write("hosts", "web1\nweb2\n")
    place.script("generate", "cat fleet.yaml")
    place.write("typo.yaml", "hosts:\n" + 10 * "\n" + "  db-1: {adress: 192.0.2.1}\n")
    place.write(
        "twice.yaml",
        "groups:\n  web:\n    hosts: [web-01]\n    user: www\n\n\n"
        "  all-web:\n    hosts: [web-01]\n    user: deploy\n",
    )
    loop = "hosts: {bastion: {address: 192.0.2.1}}\n" + 5 * "\n" + "defaults: {jump: bastion}\n"
    place.write("loop.yaml", loop)
    place.write("name.yaml", "hosts:\n  web-01: {}\n  web-02: {address: web 2}\n")
    place.write("secret.yaml", "hosts:\n" + 3 * "\n" + "  db-1: {ssh_pass: secret}\n")
    yield None


def large_runs(place: Place) -> Scene:
    """A run that was cut off, and an old one; then the jobs of GitLab."""
    place.inventory({"web-1": "bookworm", "web-2": "trixie", "web-3": "closed"})
    place.program("dist/app", "2.34")
    place.program("dist/app-fixed", "2.31")
    place.run("preflight check dist/app -i fleet.yaml -l web-1")
    yield "preflight check dist/app-fixed"
    (last, *_) = sorted((place.directory / "state/preflight/runs").glob("*.jsonl"))
    last.rename(last.with_name("20261125T223105Z-1a2b.jsonl"))
    yield None
    (jobs,) = (b.text for b in blocks(DOCS / "large-runs.md") if b.language == "yaml")
    check, report = yaml.safe_load(jobs).values()
    for part in range(1, 1 + check["parallel"]):
        job = f"export CI_NODE_INDEX={part} CI_NODE_TOTAL={check['parallel']};"
        assert 0 == place.run(job + check["script"][0]).status
    assert 3 == place.run(report["script"][0]).status
    assert {"web-1", "web-2"} == set(place.read("ready.txt").split())


def manifest(place: Place) -> Scene:
    """A host without what an application needs."""
    place.inventory({"web-1": "bookworm"}, "inventory.yaml")
    for name, text in files(DOCS / "manifest.md").items():
        place.write(name, text.replace("2027-01-31", LATER))
    yield None


def releases(place: Place) -> Scene:
    """Debian 12's curl by the whole table."""
    on_bookworm()
    for name in ("curl", "dist/app", "dist/tool"):
        place.write(name, Path(need("curl")).read_bytes())
    yield None


def remedies(place: Place) -> Scene:
    """A host that has apt's lists, and of one library what apt-file would have left."""
    fleet = place.fleet
    root = runs.mount_root(roots.made_by(recipes.WITH_LISTS), fleet.directory, "with-lists")
    (lists,) = (root / "var/lib/apt/lists").glob("*_Packages")
    contents = lists.with_name(lists.name.replace("binary-amd64_Packages", "Contents-amd64"))
    place.write(contents, "usr/lib/x86_64-linux-gnu/libonig.so.5  libs/libonig5\n")
    config = fleet.directory / "with-lists.conf"
    closed = fleet.hosts["closed"]
    listener = sshd.Listener(closed.address, closed.port, (f"ChrootDirectory {root}",))
    sshd.write_config(config, [listener])
    place.asks_package_managers()
    place.inventory({"db-1": "closed"})
    place.program("app", "2.34", needed=["libonig.so.5", "libc.so.6"])
    place.program("tool", "2.38")
    with sshd.running(config):
        yield None


def report(place: Place) -> Scene:
    """Twenty hosts that are alike, and one that is older; fewer where each says the same."""
    need("jq")
    on_bookworm()
    place.columns(80)
    place.inventory({f"web-{n:02}": "bookworm" for n in range(1, 21)} | {"db-1": "bullseye"})
    need("gcc")
    place.run("mkdir dist; echo 'int main(void) { return 0; }' | gcc -o app -xc -; cp app dist/")
    place.run("cp app dist/tool")
    place.script("bin/deploy", 'echo "$1" >> reached')
    yield "preflight check dist/app -i fleet.yaml --format junit"
    place.inventory({"web-01": "bookworm", "web-02": "bookworm", "db-1": "bullseye"})
    yield None
    assert ["web-01", "web-02"] == place.read("reached").split()


def scale(place: Place) -> Scene:
    """Code that others run."""
    place.inventory({"web-1": "bookworm"})
    place.program("dist/app", "2.34")
    place.prelude = (
        "import preflight\n"
        "app = preflight.analyze('dist/app')\n"
        "fleet = preflight.load_inventory(['fleet.yaml'])\n"
    )
    yield None


def ssh(place: Place) -> Scene:
    """A mistake in ssh's own configuration, and a vault."""
    place.inventory({"web-1": "bookworm"})
    place.program("app", "2.34")
    place.write(".ssh/config", "Host *\n" + 10 * "\n" + "hots web-1\n")
    place.ssh_config(".ssh/config")
    place.prelude = (
        "import preflight\n"
        "app = preflight.analyze('app')\n"
        "hosts = preflight.load_inventory(['fleet.yaml']).hosts\n"
        "from_your_vault = lambda: 'secret'\n"
    )
    yield "preflight check app -i fleet.yaml "
    place.names({})
    yield None


SCENES: dict[str, Callable[[Place], Scene]] = {
    "README.md": readme,
    "docs/ansible.md": ansible,
    "docs/audit.md": audit,
    "docs/baseline.md": baseline,
    "docs/bundles.md": bundles,
    "docs/commands.md": commands,
    "docs/foreign-formats.md": foreign_formats,
    "docs/go.md": go,
    "docs/inventory.md": inventory,
    "docs/large-runs.md": large_runs,
    "docs/manifest.md": manifest,
    "docs/releases.md": releases,
    "docs/remedies.md": remedies,
    "docs/report.md": report,
    "docs/scale.md": scale,
    "docs/ssh.md": ssh,
}


@contextlib.contextmanager
def put_aside(path: Path) -> Iterator[None]:
    """Have *path* out of the way for a while; what is made in its place is gone afterwards."""
    aside = path.with_name(f"{path.name}.aside")
    was_there = path.exists()
    if was_there:
        shutil.move(path, aside)
    try:
        yield
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if was_there:
            shutil.move(aside, path)


def on_bookworm() -> None:
    """Skip the page elsewhere: what is shown is of Debian 12's own programs."""
    if roots.os_release().get("VERSION_CODENAME") != "bookworm":
        pytest.skip("shown as Debian 12 has it")


def artefact(name: str) -> Path:
    """Return a program that is built here, once."""
    return making.made(next(one for one in CATALOGUE if one.name == name))

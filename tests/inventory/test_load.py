"""Hosts out of inventories: what each gets, and from where."""

import io
from pathlib import Path

import pytest

from preflight.errors import InventoryError
from preflight.inventory import load
from preflight.inventory.yaml_file import HOST_FLAGS, HOST_KEYS, START_KEYS
from preflight.model.host import Host
from preflight.model.start import Start

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hosts_of(tmp_path, monkeypatch):
    """Return a function from inventory texts (or lists) to the hosts by name."""
    monkeypatch.chdir(tmp_path)

    def load_texts(*texts):
        sources = [text if text.endswith(",") else f"{i}.yaml" for i, text in enumerate(texts)]
        for source, text in zip(sources, texts, strict=True):
            if source != text:
                (tmp_path / source).write_text(text)
        return {host.name: host for host in load(sources).hosts}

    return load_texts


def fault(hosts_of, *texts):
    """Return message and hint of the error that these texts raise."""
    with pytest.raises(InventoryError) as caught:
        hosts_of(*texts)
    return caught.value.message, caught.value.hint


def test_example_of_the_readme(hosts_of, tmp_path, monkeypatch):
    """Defaults, groups and hosts come together in one host each."""
    monkeypatch.setenv("HOME", "/home/me")

    hosts = hosts_of("""
defaults: {user: deploy, identity_file: ~/.ssh/id_ed25519}
groups:
  web:
    {hosts: ["web-[01:20].example.com"], user: www, start: {env: {LD_LIBRARY_PATH: /opt/app/lib}}}
hosts:
  bastion: {address: 198.51.100.7}
  db-1: {address: 10.0.0.5, port: 2222, jump: bastion, known_hosts: keys/db, labels: {role: db}}
  here: {transport: local}
""")

    key = "/home/me/.ssh/id_ed25519"
    bastion = Host(
        name="bastion", address="198.51.100.7", user="deploy", identity_file=key, origin="0.yaml:7"
    )
    assert len(hosts) == 23
    assert bastion == hosts["bastion"]
    assert hosts["web-20.example.com"] == Host(
        name="web-20.example.com",
        user="www",
        identity_file=key,
        groups=("web",),
        start=Start(env=(("LD_LIBRARY_PATH", "/opt/app/lib"),)),
        origin="0.yaml:5",
    )
    assert hosts["db-1"] == Host(
        name="db-1",
        address="10.0.0.5",
        port=2222,
        user="deploy",
        identity_file=key,
        known_hosts=str(tmp_path / "keys/db"),
        gateway=bastion,
        labels=(("role", "db"),),
        origin="0.yaml:8",
    )
    assert hosts["here"].transport == "local"


def test_nearest_setting_wins(hosts_of):
    """A host's own value beats its group's, and that the default."""
    hosts = hosts_of("""
defaults: {user: d, port: 1}
groups: {g: {hosts: [a, b], user: g}}
hosts: {b: {user: h}, c: }
""")

    assert {name: host.user for name, host in hosts.items()} == {"a": "g", "b": "h", "c": "d"}
    assert {1} == {host.port for host in hosts.values()}


def test_labels_and_start_merge_key_by_key(hosts_of):
    """One label, variable or start key more does not hide those of the group and the defaults."""
    host = hosts_of("""
defaults: {labels: {a: d, b: d, c: d}, start: {cwd: /d, install_path: /d/, env: {A: d, B: d}}}
groups: {g: {hosts: [h], labels: {b: g, c: g}, start: {argv0: g, env: {B: g}}}}
hosts: {h: {labels: {c: h}, start: {cwd: /h, secure: false, env: {C: h}}}}
""")["h"]

    assert host.labels == (("a", "d"), ("b", "g"), ("c", "h"))
    assert host.start == Start(
        cwd="/h",
        install_path="/d/",
        argv0="g",
        secure=False,
        env=(("A", "d"), ("B", "g"), ("C", "h")),
    )


def test_a_host_can_undo_what_its_group_becomes(hosts_of):
    """`become: false` of a host beats the true of its group; who to become is apart from it."""
    hosts = hosts_of("""
defaults: {become_user: app}
groups: {g: {hosts: [a, b], become: true}}
hosts: {b: {become: false}, c: }
""")

    assert {"a": True, "b": False, "c": None} == {n: host.become for n, host in hosts.items()}
    assert {"app"} == {host.become_user for host in hosts.values()}


@pytest.mark.parametrize(
    ("written", "text"),
    [("1", "1"), ("022", "022"), ("1.10", "1.10"), ("22:22", "22:22"), ("'no'", "no")],
)
def test_text_stays_as_it_is_written(hosts_of, written, text):
    """YAML's ideas of numbers change no label and no variable."""
    host = hosts_of(
        f"hosts: {{a: {{labels: {{k: {written}}}, start: {{env: {{k: {written}}}}}}}}}"
    )["a"]

    assert (("k", text),) == host.labels == host.start.env


@pytest.mark.parametrize("name", ["DB_PASSWORD_FILE", "SSH_ASKPASS", "PWD", "BYPASS", "compass"])
def test_name_that_only_resembles_a_secret_is_read(hosts_of, name):
    """Where a secret lies is no secret, nor is every word with one inside."""
    host = hosts_of(f"hosts: {{a: {{start: {{env: {{{name}: /x}}}}}}}}")["a"]

    assert host.start.env == ((name, "/x"),)


def test_hosts_stand_in_file_order(hosts_of):
    """A host stands where the inventory names it first, its groups in the file's order."""
    hosts = hosts_of("""
hosts: {z: , b: }
groups: {g2: {hosts: [y, b]}, g1: {hosts: ["[a:c]"]}}
""")

    assert list(hosts) == ["z", "b", "y", "a", "c"]
    assert hosts["b"].groups == ("g2", "g1")


def test_range_of_hosts_shares_settings(hosts_of):
    """A range under hosts sets the same for each of its hosts."""
    hosts = hosts_of("hosts: {'n[08:10]': {port: 7}}")

    assert {name: host.port for name, host in hosts.items()} == {"n08": 7, "n09": 7, "n10": 7}


def test_anchors_and_merge_keys_are_read(hosts_of):
    """A merged mapping gives what the mapping itself does not say, the first merged winning."""
    hosts = hosts_of("""
hosts:
  a: &a {user: a, port: 1}
  b: &b {user: b, jump: u@h:2}
  c: {<<: [*a, *b], port: 3}
  d: *a
""")

    c = hosts["c"]
    assert ("a", 3, Host(name="h", user="u", port=2, origin="0.yaml:4")) == (
        c.user,
        c.port,
        c.gateway,
    )
    assert (hosts["d"].user, hosts["d"].port) == ("a", 1)


def test_groups_that_disagree_are_refused(hosts_of):
    """Two groups with different values for one host name both lines."""
    text = "groups:\n  a: {hosts: [x], user: a}\n  b: {hosts: [x], user: b}\n"

    assert fault(hosts_of, text) == (
        "0.yaml:3: 'user' of host 'x' has another value at 0.yaml:2",
        "set it once, or for the host itself: 'hosts: {x: …}'",
    )


def test_host_settles_what_its_groups_dispute(hosts_of):
    """Where the host itself says it, its groups may disagree."""
    text = "groups: {a: {hosts: [x], user: a}, b: {hosts: [x], user: b}}\nhosts: {x: {user: c}}"

    assert hosts_of(text)["x"].user == "c"


def test_sources_add_up(hosts_of):
    """Several sources give all hosts of each, and one host all that they say of it."""
    hosts = hosts_of(
        "groups: {a: {hosts: [x, y], user: u}}", "groups: {b: {hosts: [x], port: 1}}", "u@y,z:22,"
    )

    assert list(hosts) == ["x", "y", "z"]
    assert (hosts["x"].user, hosts["x"].port, hosts["x"].groups) == ("u", 1, ("a", "b"))


def test_members_of_a_group_add_up():
    """A group that two sources name has the members of both."""
    first, second = (
        io.StringIO(f"groups: {{g: {{hosts: [{names}]}}}}") for names in ("a, b", "b, c")
    )

    inventory = load(["-", "-"], stdin=_Concatenated(first, second))

    assert dict(inventory.groups) == {"g": ("a", "b", "c")}


class _Concatenated(io.StringIO):
    """Gives one text after the other, as a terminal does after each end of file."""

    def __init__(self, *texts):
        super().__init__()
        self.texts = list(texts)

    def read(self, size=-1):
        return self.texts.pop(0).read(size)


def test_sources_that_disagree_are_refused(hosts_of):
    """Two sources with different values for one host name both places."""
    message, _ = fault(hosts_of, "hosts:\n  x: {port: 1}", "x:2,")

    assert message == "host list: 'port' of host 'x' has another value at 0.yaml:2"


def test_host_list_holds_users_ports_ranges_and_addresses(hosts_of):
    """Each entry of a list may have a user and a port; a comma in brackets is a range's own."""
    hosts = hosts_of(
        "web1, web2:2222,user@web3,n[1:2,04]:7,ad@corp@web4,[::1]:22,::2,fe80::1%eth0,"
    )

    assert [(host.name, host.user, host.port) for host in hosts.values()] == [
        ("web1", None, None),
        ("web2", None, 2222),
        ("web3", "user", None),
        ("n1", None, 7),
        ("n2", None, 7),
        ("n04", None, 7),
        ("web4", "ad@corp", None),
        ("::1", None, 22),
        ("::2", None, None),
        ("fe80::1%eth0", None, None),
    ]


def test_host_list_may_name_a_host_twice(hosts_of):
    """The same entry twice is one host."""
    assert list(hosts_of("a,b,a,")) == ["a", "b"]


def test_standard_input_is_relative_to_the_working_directory(tmp_path, monkeypatch):
    """Paths of an inventory without a file start where the command runs."""
    monkeypatch.chdir(tmp_path)

    (host,) = load(["-"], stdin=io.StringIO("hosts: {a: {identity_file: k/id}}")).hosts

    assert str(tmp_path / "k/id") == host.identity_file


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    """Paths start at the inventory's own directory, wherever the command runs."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/fleet.yaml").write_text("hosts: {a: {identity_file: ../id, known_hosts: /k}}")
    monkeypatch.chdir(tmp_path)

    (host,) = load(["conf/fleet.yaml"]).hosts

    assert (str(tmp_path / "id"), "/k") == (host.identity_file, host.known_hosts)


def test_byte_order_mark_and_windows_lines_are_read(tmp_path):
    """What Windows editors write is an inventory too."""
    (tmp_path / "w.yaml").write_bytes(b"\xef\xbb\xbfhosts:\r\n  a:\r\n    port: 7\r\n")

    (host,) = load([str(tmp_path / "w.yaml")]).hosts

    assert (host.name, host.port) == ("a", 7)


@pytest.mark.parametrize(
    ("jump", "name", "user", "port"),
    [
        ("b", "b", "bu", 5),
        ("u@b:7", "b", "u", 7),
        ("b:7", "b", "bu", 7),
        ("u@other", "other", "u", None),
        ("other:22", "other", None, 22),
        ("other.example.com", "other.example.com", None, None),
        ("'[::1]:22'", "::1", None, 22),
        ("'::1'", "::1", None, None),
    ],
)
def test_jump_names_a_host_or_an_endpoint(hosts_of, jump, name, user, port):
    """A jump is another host, whose user and port it may replace, or an endpoint of its own."""
    gateway = hosts_of(f"hosts: {{a: {{jump: {jump}}}, b: {{user: bu, port: 5}}}}")["a"].gateway

    assert (name, user, port) == (gateway.name, gateway.user, gateway.port)


def test_jumps_may_follow_each_other(hosts_of):
    """A gateway has a gateway, in whatever order they stand."""
    hosts = hosts_of("hosts: {a: {jump: b}, b: {jump: c}, c: , d: {jump: b}}")

    assert hosts["a"].gateway == hosts["b"] == hosts["d"].gateway
    assert hosts["b"].gateway == hosts["c"]


def test_jump_none_undoes_an_inherited_jump(hosts_of):
    """The gateway of all others says that it has none."""
    hosts = hosts_of("defaults: {jump: b}\nhosts: {a: , b: {jump: none}}")

    assert (None, True) == (hosts["b"].gateway, hosts["b"].direct)
    assert hosts["a"].gateway == hosts["b"]


def test_a_host_without_jump_leaves_the_way_to_ssh(hosts_of):
    """Only `jump: none` forbids a jump host of the ssh configuration."""
    assert not hosts_of("hosts: {a: }")["a"].direct


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (
            "defaults: {jump: b}\nhosts: {a: , b: }",
            "1: the jumps form a loop: b -> b",
            "for the host that is reached directly: 'hosts: {b: {jump: none}}'",
        ),
        (
            "hosts:\n a: {jump: b}\n b: {jump: c}\n c: {jump: u@b}",
            "4: the jumps form a loop: b -> c -> b",
            "for the host that is reached directly: 'hosts: {b: {jump: none}}'",
        ),
        (
            "hosts: {a: {jump: bastoin}, bastion: }",
            "1: jump 'bastoin' is no host of the inventory",
            "did you mean 'bastion'? for a host that is not in the inventory write 'bastoin:22'",
        ),
        (
            "hosts: {n9: , "
            + ", ".join(f"n{n}: {{jump: n{n + 1}}}" for n in range(8, -1, -1))
            + "}",
            "1: host 'n0' is more than 8 jumps away",
            "jump to a host that is reached directly",
        ),
        (
            "hosts: {" + ", ".join(f"n{n}: {{jump: n{n + 1}}}" for n in range(2000)) + ", n2000: }",
            "1: host 'n0' is more than 8 jumps away",
            "jump to a host that is reached directly",
        ),
    ],
)
def test_jump_that_leads_nowhere_is_refused(hosts_of, text, problem, hint):
    """A loop, an unknown name and an endless chain are named with the jump's line."""
    assert (f"0.yaml:{problem}", hint) == fault(hosts_of, text)


def test_inventory_without_hosts_is_refused(hosts_of):
    """No host at all is an error: nothing to check must not look like success."""
    message, _ = fault(hosts_of, "hosts:", "defaults: {}")

    assert message == "0.yaml, 1.yaml: there is no host in it"


def test_example_inventory_is_valid():
    """The inventory that comes with the project loads and uses every key."""
    path = ROOT / "inventory.example.yaml"

    hosts = load([str(path)]).hosts

    unset = {
        field
        for field in Host.__struct_fields__
        if not any(getattr(host, field) not in (None, (), Start()) for host in hosts)
    }
    assert {"ssh_options"} == unset  # which Ansible's inventories alone have
    assert all(
        any(getattr(host.start, field) not in (None, ()) for host in hosts)
        for field in Start.__struct_fields__
        # The command line says these, of one library or of a bundle.
        if field not in {"loaded_by", "bundle", "bundle_root"}
    )


@pytest.mark.slow
def test_ten_thousand_hosts_load(tmp_path):
    """10,000 hosts with settings of their own are all there."""
    lines = [
        f"  web-{n:05}: {{address: 10.{n % 256}.0.1, port: 22, jump: b, labels: {{r: {n}}}}}"
        for n in range(10_000)
    ]
    (tmp_path / "big.yaml").write_text(
        "\n".join(["defaults: {user: d}", "hosts:", "  b: {jump: none}", *lines])
    )

    hosts = load([str(tmp_path / "big.yaml")]).hosts

    assert len(hosts) == 10_001


def test_every_key_is_documented():
    """docs/inventory.md has a row for each key, and its example is valid."""
    text = (ROOT / "docs/inventory.md").read_text()
    example = text.partition("```yaml\n")[2].partition("```")[0]

    undocumented = {
        key for key in (*HOST_KEYS, *HOST_FLAGS, *START_KEYS) if f"\n| `{key}` |" not in text
    }

    assert undocumented == set()
    assert len(load(["-"], stdin=io.StringIO(example)).hosts) == 23

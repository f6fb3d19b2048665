"""What Ansible means by an inventory, preflight means: asked of Ansible itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from preflight.errors import InventoryError, UsageError
from preflight.inventory import Inventory, load
from preflight.model.host import Host

INI = {
    "documented": """
mail.example.com

[webservers]
foo.example.com
bar.example.com:5309 ansible_user=bar

[dbservers]
one.example.com ansible_host=192.0.2.50 ansible_port=2222
two.example.com ansible_user='two' # a comment
three.example.com ansible_user="thr""ee"
""",
    "ranges": """
[w]
www[01:20].example.com
www[1:9:3]-[a:d:2].example.org:2200 ansible_user=www
db-[a:f]
z[:3] ansible_host=10.0.0.1
x[y:B]
[addresses]
10.0.[0:2].[1:3]
2001:db8::1
[2001:db8::2]:22
2001:db8::[3:5]
""",
    "children": """
[all:vars]
ansible_user=everybody
ansible_port=1
[usa:children]
south
north
[south:children]
atlanta
[atlanta]
h1
h2 ansible_user=own
[north]
h1
h3
[south:vars]
ansible_user=southern
[atlanta:vars]
ansible_port=44
[north:vars]
ansible_user = northern#
[unused]
[late:vars]
ansible_user=late
[late]
h9
[pending:children]
declared_later
[declared_later:children]
later_still
[later_still]
h10
""",
    "priorities": """
[a]
h
[b]
h
[c]
h
[a:vars]
ansible_user=a
ansible_group_priority=10
ansible_port=10
[b:vars]
ansible_user=b
ansible_group_priority=10
[c:vars]
ansible_user=c
ansible_port=30
""",
    "depths": """
[parent:children]
child
[child]
h
[aunt]
h
[parent:vars]
ansible_user=parent
ansible_group_priority=50
[child:vars]
ansible_user=child
[aunt:vars]
ansible_user=aunt
ansible_group_priority=99
ansible_port=9
""",
    "values": r"""
a ansible_port=0x16 ansible_user=007
b ansible_port='22' ansible_user=1_000
c ansible_port="'23'" ansible_user=None
d ansible_user=True ansible_host=1.50
e ansible_user=a=b ansible_port=25#26
f ansible_user=a#b
g ansible_user="a#b" ansible_host='127.0.0.1'
h ansible_user=a\.b other='a b'
i ansible_user="{{ name }}" name=told
j	ansible_user=tab	ansible_port=27
k ansible_user=''
l ansible_user=b'bytes'
[all:vars]
ansible_ssh_user=
; comment
# comment
""",
    "repeated": """
h:22 ansible_user=first
h:23
[g]
h ansible_user=second
g2 ansible_port=7
[g]
g2:8
""",
    "comments": "# caf\xe9\n[g] # comment\nh # comment\n;x\n[g:vars]# comment\nansible_user=u\n",
    "names": "[g-1]\nh_1\n[g.2]\nH2.Example.COM\n[g:children]\ng-1\ng.2\n[é]\nü\n",
}
YAML = {
    "documented": """
all:
  hosts:
    mail.example.com:
  children:
    webservers:
      hosts:
        foo.example.com: {ansible_port: 2200}
        bar.example.com: {http_port: 80, ansible_user: bar}
      vars: {ansible_user: web}
    dbservers:
      hosts: {one.example.com: null, two.example.com: {}}
    east: {hosts: {foo.example.com: null, one.example.com: null}}
    prod: {children: {east: {vars: {ansible_user: east}}}, vars: {ansible_port: 9}}
""",
    "top": """
ungrouped: {hosts: {loner: {ansible_host: 10.1.1.1}}}
web:
  hosts: {"web-[01:03:2].x:22": {ansible_user: 022}, one: }
db:
  hosts: single
  children: web
empty:
""",
    "types": """
all:
  hosts:
    a: {ansible_port: 026, ansible_user: yes, ansible_host: 1.50}
    b: {ansible_port: "23", ansible_user: 1_000}
    c: {ansible_user: ~, ansible_host: 2001-01-01}
    d: {ansible_user: !unsafe "plain", ansible_become: on}
    e: &e {ansible_user: e}
    f: *e
    g: {<<: *e, ansible_port: 3}
    h: {ansible_become: "yes", ansible_become_user: root2}
    i: {ansible_become: "no", ansible_become_user: root2}
""",
    "aliases": """
all:
  children:
    one: &group {hosts: {a: {ansible_user: a}}, vars: {ansible_port: 1}}
    two: *group
    three: {children: {one: , two: {vars: {ansible_port: 2}}}}
""",
}


def expected(name: str, variables: dict[str, Any], groups: dict[str, list[str]]) -> dict[str, Any]:
    """Return what Ansible's variables make of a host."""

    def text(*keys: str) -> str | None:
        values = [str(variables[key]) for key in keys if variables.get(key) not in (None, "")]
        return values[-1] if values else None

    port = text("ansible_port", "ansible_ssh_port")
    become = text("ansible_become")
    return {
        "address": text("ansible_host", "ansible_ssh_host"),
        "port": port and int(port),
        "user": text("ansible_user", "ansible_ssh_user"),
        "become": become and become.lower() in ("true", "yes", "on", "1"),
        "groups": {group for group, hosts in groups.items() if name in hosts} - {"all"},
    }


def found(host: Host) -> dict[str, Any]:
    """Return the same of ours."""
    mine = {key: getattr(host, key) for key in ("address", "port", "user", "become")}
    return {**mine, "groups": set(host.groups)}


def agree(inventory: Inventory, said: dict[str, Any]) -> None:
    """Compare all hosts and groups."""
    assert "error" not in said
    wanted = {name: expected(name, v, said["groups"]) for name, v in said["hosts"].items()}
    for of_host in wanted.values():
        if of_host["user"] == "{{ name }}":  # which ansible-inventory leaves as it is
            of_host["user"] = "told"
    assert wanted == {host.name: found(host) for host in inventory.hosts}


@pytest.mark.parametrize("case", INI)
def test_ini_means_what_it_means_to_ansible(case, tmp_path, ask_ansible, monkeypatch):
    """Hosts, groups and connection variables of INI files are Ansible's."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hosts"
    path.write_bytes(INI[case].encode("latin-1" if case == "comments" else "utf-8"))

    agree(load([str(path)]), ask_ansible(path))


@pytest.mark.parametrize("case", YAML)
def test_yaml_means_what_it_means_to_ansible(case, tmp_path, ask_ansible, monkeypatch):
    """Hosts, groups and connection variables of YAML files are Ansible's."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hosts.yml"
    path.write_text(YAML[case])

    agree(load([str(path)]), ask_ansible(path))


@st.composite
def inventories(draw):
    """Return an INI text of few groups and hosts: nested, repeated, with variables at any place."""
    groups = ["g1", "g2", "g3", "g4", "g5", "all"]
    hosts = ["h1", "h2", "h3:2200", "h[1:4]", "h[2:6:2]:33", "h7 "]
    variables = ["ansible_user", "ansible_ssh_user", "ansible_port", "ansible_group_priority"]

    def assignment():
        name = draw(st.sampled_from(variables))
        number = draw(st.integers(1, 99))
        return f"{name}={'u' * (name.endswith('user'))}{number}"

    lines = draw(st.lists(st.sampled_from(hosts), max_size=2))
    for group in draw(st.lists(st.sampled_from(groups), min_size=1, max_size=8)):
        kind = draw(st.sampled_from(["", "", ":vars", ":children"]))
        lines.append(f"[{group}{kind}]")
        for _ in range(draw(st.integers(0, 3))):
            if kind == ":vars":
                lines.append(assignment())
            elif kind == ":children":
                lines.append(draw(st.sampled_from(groups[:-1])))
            else:
                own = draw(st.sampled_from(["", assignment()]))
                lines.append(f"{draw(st.sampled_from(hosts))} {own}")
    return "\n".join([*lines, ""])


PATTERNS = (
    "g1",
    "all:!g2",
    "g*",
    "h[!19]",
    "g1:&g2",
    "h1,h2,!g3",
    "!h1",
    "ungrouped",
    "*:&h?:!g1",
    "~h[12]$",
    "~g[15]:!~.*2",
)
PLACES = ("g1[0]", "g2[-1]:g3[-7]", "all:!g1[1:]", "g5[0-1],g4[1:2]")


@example(text="[g2]\nh1\n[g1]\nh2\nh1\n", spread=False)
@example(text="[g2]\nh1\nh2\n[g1]\nh[2:3]\nh1\n[g1:children]\ng5\ng2\n[g5]\nh7\n", spread=False)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=inventories(), spread=st.booleans())
def test_any_ini_means_what_it_means_to_ansible(text, spread, tmp_path_factory, ask_ansible):
    """Precedence, priorities, nesting, loops and patterns come out alike, errors included."""
    path = tmp_path_factory.mktemp("generated") / "hosts"
    path.write_text(text)
    if spread:
        for name, line in {
            "group_vars/g1": "user: f1",
            "group_vars/g2.yml": "port: 81",
            "group_vars/all": "user: fall",
            "host_vars/h2.json": "user: fh",
        }.items():
            file = path.parent / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"ansible_{line}\n")
    # Below the children of children the order of Ansible's own hosts is that of a set.
    patterns = PATTERNS if text.count(":children") > 1 else PATTERNS + PLACES
    said = ask_ansible(path, *patterns)

    inventory = loaded(path)
    if inventory is None:
        assert "error" in said or not said["hosts"]
        return
    agree(inventory, said)
    for pattern in patterns:
        names, theirs = selected(inventory, pattern), said["selected"][pattern]
        assert names is None or names == set(theirs or ())


def loaded(path: Path) -> Inventory | None:
    """Return an inventory, None where it is refused."""
    try:
        return load([str(path)])
    except InventoryError:
        return None


def selected(inventory: Inventory, pattern: str) -> set[str] | None:
    """Return what a pattern names, None for our error: a term without a host warns Ansible only."""
    try:
        return {host.name for host in inventory.select([pattern])}
    except UsageError:
        return None

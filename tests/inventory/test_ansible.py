"""Ansible's inventories: which files are ones, what is honoured, and what is said."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import pytest

from preflight.errors import InventoryError
from preflight.inventory import Inventory, load
from preflight.inventory.ansible import program
from preflight.inventory.ansible.fleet import Fleet
from preflight.model.host import Host

pytestmark = pytest.mark.usefixtures("place")

SCRIPT = """#!/bin/sh
touch ran
echo '{"web": {"hosts": ["a", "b"], "vars": {"ansible_user": "www"}},
  "_meta": {"hostvars":
    {"a": {"ansible_port": 2222, "ansible_host": "{{ ip }}", "ip": "10.0.0.1"}}}}'
"""

# ansible_user: kept, ansible_port: 2222; the password is pw.
VAULT = """\
$ANSIBLE_VAULT;1.1;AES256
30343361663031646136326565343035663738376664383939373366336531383636656165353632
3563646666366232616563663463336663343431363465640a353836666634656634396138663161
61386231346131363236643736653832363765383538656339373331623266656665666439623532
3138646631386230620a616238363466363732653031613461633262633139613833333162663932
32316661613237343635326339376465366164303135633863343262643065663763643030363239
6536333436326530323866643639323738656135323162333563
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Return a directory of its own, to work in; Ansible's commands are those of this Python."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return tmp_path


def loaded(text: str, name: str = "hosts") -> Inventory:
    """Return the inventory of a file in the working directory."""
    Path(name).write_text(text)
    return load([name])


def host(variables: str) -> Host:
    """Return a host with these variables."""
    return loaded(f"h {variables}\n").hosts[0]


def remarks(variables: str) -> list[str]:
    """Return what is said of a host's variables, without the place."""
    return [text.partition(": ")[2] for text in loaded(f"h {variables}\n").remarks]


def fault(text: str, name: str = "hosts", source: str = "") -> tuple[str, str]:
    """Return message and hint of the error that a file raises."""
    Path(name).write_text(text)
    with pytest.raises(InventoryError) as caught:
        load([source or name])
    return caught.value.message, str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "name", "hosts"),
    [
        ("hosts: {a: {user: u}}", "x.yaml", ["a"]),
        ("groups: {web: {hosts: [a, b]}}\ndefaults: {port: 1}", "x", ["a", "b"]),
        ("all: {hosts: {a: }}", "x.yml", ["a"]),
        ("web: {hosts: {a: {}, b: {}}}", "x", ["a", "b"]),
        ('{"web": {"hosts": {"a": null}}}', "x.json", ["a"]),
        ("a\nb ansible_port=1 # c\n", "x", ["a", "b"]),
        ("[defaults]\na\n[hosts]\nb\n", "x", ["a", "b"]),
        ("; only\n\na:22\n", "x.ini", ["a"]),
    ],
)
def test_content_tells_the_format(text, name, hosts):
    """YAML of ours, Ansible's YAML and INI are told apart without a word."""
    assert hosts == [h.name for h in loaded(text, name).hosts]


@pytest.mark.parametrize("text", ["hosts: {hosts: {a: {}}}", "hosts: {a: }\nweb: {hosts: {b: }}"])
def test_ambiguous_file_is_refused(text):
    """What could be both is neither until the user says which; then it is that."""
    message, hint = fault(text, "x.yml")

    assert "x.yml:1: this may be an inventory of preflight's" in message
    assert hint == "say which: -i preflight:x.yml or -i ansible:x.yml"
    assert load(["ansible:x.yml"]).hosts


def test_standard_input_may_be_ansibles():
    """What comes through a pipe is told by its content too."""
    assert load(["-"], stdin=io.StringIO("[web]\na\n")).groups == {"web": ("a",)}


def test_host_called_ansible_may_have_a_port():
    """Digits and a comma behind the prefix are a port in a list."""
    assert [("ansible", 22)] == [(h.name, h.port) for h in load(["ansible:22,"]).hosts]


def test_directory_is_one_inventory(place):
    """The files of a directory are merged in the order of their names, ignored ones left out."""
    for name, text in {
        "inv/01-hosts": "[web]\na\n",
        "inv/02.yml": "web: {hosts: {b: }, vars: {ansible_user: two}}",
        "inv/sub/more": "[web:vars]\nansible_port=3\n[web]\n",
        "inv/README.md": "# no inventory [",
        "inv/group_vars/web/a.yml": "ansible_user: three",
        "inv/group_vars/web/b.yml~": "ansible_user: backup",
        "inv/.hidden": "[",
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)

    assert load(["inv"]).hosts == load(["ansible:inv"]).hosts
    assert [("a", "three", 3), ("b", "three", 3)] == [
        (h.name, h.user, h.port) for h in load(["inv"]).hosts
    ]


def test_variables_beside_the_playbook_count_more(place):
    """group_vars of the working directory, where a playbook is run, win over the inventory's."""
    for name in ("inv/group_vars", "group_vars"):
        (place / name).mkdir(parents=True)
        (place / name / "all").write_text(f"ansible_user: {name.replace('/', '-')}\n")

    assert "group_vars" == loaded("h\n", "inv/hosts").hosts[0].user


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("-J me@bastion:2222", ("ProxyJump=me@bastion:2222",)),
        ("-o ProxyCommand='ssh -W %h:%p -q me@bastion'", ("ProxyJump=me@bastion",)),
        ("-oProxyCommand='ssh -p 23 -l me -W %h:%p bastion'", ("ProxyJump=me@bastion:23",)),
        (
            "-o Ciphers=aes256-ctr -o 'MACs hmac-sha2-256'",
            ("Ciphers=aes256-ctr", "MACs=hmac-sha2-256"),
        ),
        ("-qTAC -o ControlMaster=auto -o ControlPersist=60s", ()),
        ("-4b 10.0.0.1", ("AddressFamily=inet", "BindAddress=10.0.0.1")),
        ("-o StrictHostKeyChecking=yes", ("StrictHostKeyChecking=yes",)),
        ("-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null", ()),
    ],
)
def test_arguments_of_ssh_become_its_options(arguments, options):
    """What maps to ssh's configuration is honoured; what changes no log-in is dropped."""
    assert options == host(f'ansible_ssh_common_args="{arguments}"').ssh_options


def test_arguments_come_in_the_order_in_which_ssh_gets_them():
    """Of two settings ssh takes the first."""
    found = host("ansible_ssh_extra_args=-b3 ansible_ssh_common_args=-b2 ansible_ssh_args=-b1")

    assert ("BindAddress=1", "BindAddress=2", "BindAddress=3") == found.ssh_options


def test_arguments_that_are_keys_of_a_host_are_the_inventorys_word(place):
    """User, port and key count more than the command line, and less than Ansible's variables."""
    found = host("ansible_port=22 ansible_ssh_common_args='-l me -p2200 -i ~/key -i ~/other'")

    assert ("me", 22, f"{place}/key", ()) == (
        *(found.user, found.port, found.identity_file, found.ssh_options),
    )


def test_command_is_run_only_where_the_user_says_so():
    """A ProxyCommand runs a program here: a plain file is refused, with what to type."""
    text = "h ansible_ssh_common_args='-o ProxyCommand=\"nc %h %p\"'\n"

    message, hint = fault(text)

    assert "has a ProxyCommand, which runs a program on this machine" in message
    assert "-i ansible:" in hint
    assert ("ProxyCommand=nc %h %p",) == load(["ansible:hosts"]).hosts[0].ssh_options
    with pytest.raises(InventoryError):
        load(["ansible:hosts"], may_run=False)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("ansible_password=hunter2", "ansible_password is not used; give it by --ask-pass"),
        ("ansible_become_pass=hunter2", "give it by --ask-become-pass"),
        ("ansible_host_key_checking=false", "see --host-key-checking"),
        ("ansible_ssh_common_args='-o StrictHostKeyChecking=no'", "see --host-key-checking"),
        ("ansible_ssh_common_args='-L 1:a:2'", "ssh's -L is not honoured"),
        ("ansible_connection=winrm", "'winrm' is no way to ask a host"),
        ("ansible_become=yes ansible_become_method=su", "ansible_become_method 'su'"),
        ("ansible_ssh_executable=/opt/ssh", "ansible_ssh_executable is not honoured"),
    ],
)
def test_what_is_not_honoured_is_said(variables, said):
    """One line, with its place, and never with a secret."""
    (remark,) = remarks(variables)

    assert said in remark
    assert "hunter2" not in remark


def test_the_same_is_said_once():
    """What holds for many hosts takes one line, however many places say it."""
    found = loaded("[w]\na ansible_password=x\nb ansible_password=y\n[c]\nd[1:9]\n")

    (remark,) = found.remarks
    assert remark.startswith("hosts:2: ansible_password is not used; ")
    assert remark.endswith(" (and at 1 more places)")


def test_connections():
    """What Ansible runs here is asked here; what is no SSH fails for itself, and not the fleet."""
    found = loaded(
        "a ansible_connection=local\nb ansible_connection=smart\n"
        "c ansible_connection=ansible.builtin.paramiko_ssh\nd ansible_connection=winrm\n"
    )

    assert ["local", None, None, "winrm"] == [h.transport for h in found.hosts]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("ansible_host='{{ lookup(1) }}'", "is a template that only a run of Ansible can fill"),
        ("ansible_user='{{ nobody }}'", "is a template that only a run of Ansible can fill"),
        ("ansible_user='{{ ansible_user }}'", "is a template"),
        ("ansible_user='{% if x %}'", "is a template"),
        ("ansible_port=ssh", "port 'ssh' is not between 1 and 65535"),
        ("ansible_port=[22]", "is a list or a mapping"),
        ("ansible_user=a:secret", "looks like a password"),
        ("ansible_host=-oProxyCommand=x", "is not a valid name"),
        ("ansible_become=maybe", "is 'maybe'"),
        ("ansible_ssh_common_args='bastion'", "'bastion', which is no option of ssh"),
        ("ansible_ssh_common_args='-J'", "ends with -J, which takes a value"),
    ],
)
def test_value_that_cannot_be_honoured_is_refused(variables, message):
    """The error names file, line, variable and host, and no value is taken as it is written."""
    found, _ = fault(f"# 1\nh {variables}\n")

    assert found.startswith(f"hosts:2: {variables.partition('=')[0]} of host 'h': ")
    assert message in found
    assert "secret" not in found


def test_template_of_another_variable_is_filled():
    """``{{ name }}`` needs no Ansible."""
    found = host("ansible_host='{{ inventory_hostname }}.{{ d }}' d='{{e}}' e=example.com")

    assert "h.example.com" == found.address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\n[b\n", "hosts:2: '[b' is no section: it has no ']'"),
        ("[a b]\nh\n[c]\n", "hosts:1: '[a b]' is no section"),
        ("[a\nh\n", "hosts:1: '[a' is no section: it has no ']'"),
        ("h\n[a:vars\nx=1\n", "hosts:2: '[a:vars' is no section: it has no ']'"),
        ("[a:b]\n", "hosts:1: section 'a:b' has no known kind"),
        ("[a:vars]\nx=1\n", "hosts:1: there is no group 'a'"),
        ("[a]\n[b:children]\nc\n", "hosts:3: there is no group 'c'"),
        ("[a]\n[a:vars]\nx\n", "hosts:3: this line of variables has no '='"),
        ("[a]\nh x\n", "hosts:2: 'x' behind host 'h' is no name=value"),
        ("[a]\nh x='\n", "hosts:2: the quotes of this line: no closing quotation"),
        ("[a]\nh[1:02]\nh[01:2]\n", "hosts:3: the ends of '[01:2]' in 'h[01:2]' differ in length"),
        ("[a]\nh[1:5:0]\n", "hosts:2: a step of 0"),
        ("[a]\nh[1:9999999]\n", "hosts:2: 'h[1:9999999]' stands for more than 100,000 hosts"),
        ("[a]\nh[1:999][1:999]\n", "hosts:2: 'h[1:999][1:999]' stands for more than 100,000"),
        ("[a]\nme:pw@h\n", "hosts:2: what stands before the '@' of a host looks like a password"),
        ("[a:children]\nb\n[b:children]\na\n", "hosts:1: group 'a' is among its own children"),
        ("[a]\nansible_group_priority\n[a:vars]\nansible_group_priority=x\n", "hosts:4: "),
    ],
)
def test_fault_in_an_ini_file_has_its_line(text, message):
    """Every error says where."""
    assert fault(text)[0].startswith(message)


def test_group_with_the_name_of_a_host():
    """Ansible warns and means the host; so do we, and a group of that host alone is no matter."""
    assert loaded("[bastion]\nbastion\n").remarks == ()

    found = loaded("[web]\nweb\nother\n")

    assert ["web"] == [h.name for h in found.select(["web"])]
    assert "group 'web' has a host's name" in found.remarks[0]


@pytest.mark.parametrize(
    ("text", "name", "hint"),
    [
        ("h ansible_port=ssh\n", "hosts", "write ansible_port=22"),
        ("[g]\nme@h\n", "hosts", "write the user apart: ansible_user=NAME"),
        ("h\n[all:vars]\nansible_user='a b'\n", "hosts", "write ansible_user=deploy"),
        ("all: {hosts: {h: {ansible_port: ssh}}}\n", "x.yml", "write ansible_port: 22"),
    ],
)
def test_hints_name_ansible_s_variables(text, name, hint):
    """What to type goes into a file of Ansible's, in its own form."""
    assert fault(text, name)[1] == hint


def test_program_runs_only_where_the_user_says_so():
    """A script is no inventory to a plain -i; with the prefix, ansible-inventory runs it."""
    message, hint = fault(SCRIPT, "dyn")
    Path("dyn").chmod(0o755)

    with pytest.raises(InventoryError):
        load(["dyn"])
    with pytest.raises(InventoryError):
        load(["ansible:dyn"], may_run=False)
    assert (message, hint) == (
        "dyn: is a program: only ansible-inventory can read it",
        "to have it run, name the source as -i 'ansible:dyn'",
    )
    assert not Path("ran").exists()

    found = load(["ansible:dyn"])

    assert Path("ran").exists()
    assert [("a", "10.0.0.1", 2222, "www"), ("b", None, None, "www")] == [
        (h.name, h.address, h.port, h.user) for h in found.hosts
    ]
    assert found.groups == {"web": ("a", "b")}


@pytest.mark.parametrize(
    ("text", "name", "what"),
    [
        ("$ANSIBLE_VAULT;1.1;AES256\n31\n", "hosts", "hosts: is encrypted"),
        ("# x\nplugin: constructed\nstrict: true\n", "x.yml", "x.yml:2: is for the plugin"),
        ("[a]\n", "x.toml", "x.toml: is TOML"),
    ],
)
def test_what_only_ansible_reads_is_said(text, name, what):
    """The hint names what to type."""
    message, hint = fault(text, name)

    assert message.startswith(what)
    assert f"'ansible:{name}'" in hint


def test_failure_of_ansible_inventory_is_shown(place, monkeypatch):
    """What stands on standard error is shown on one line, escaped."""
    script = "#!/bin/sh\nprintf 'no \\033[31mcloud\\n' >&2\nexit 3\n"
    (place / program.PROGRAM).write_text(script)
    (place / program.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")

    message, _ = fault("#!/bin/sh\n", "dyn", "ansible:dyn")

    assert message == r"dyn: ansible-inventory failed with exit status 3: no \x1b[31mcloud"


def test_encrypted_variables_are_said_or_decrypted(place, monkeypatch):
    """A vault beside a plain inventory is passed over; with the prefix Ansible decrypts it."""
    Path("group_vars").mkdir()
    Path("group_vars/all").write_text(VAULT)
    Path("password").write_text("pw\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(place / "password"))

    found = loaded("h\n")

    assert found.hosts[0].user is None
    assert [f"{place}/group_vars/all: encrypted"] == [r.partition(",")[0] for r in found.remarks]
    decrypted = load(["ansible:hosts"])
    assert ("kept", 2222, ()) == (
        *(decrypted.hosts[0].user, decrypted.hosts[0].port, decrypted.remarks),
    )


def test_encrypted_value_is_refused_where_it_is_needed():
    """An encrypted password is no matter, an encrypted address is."""
    vault = "!vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      31"
    loaded(f"all:\n  hosts:\n    h:\n     ansible_password: {vault}\n", "x.yml")

    message, _ = fault(f"all:\n  hosts:\n    h:\n     ansible_host: {vault}\n", "x.yml")

    assert "x.yml:4: ansible_host of host 'h': is encrypted (!vault)" == message


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sleep 30", "did not end in time"),
        ("yes '{'", "prints more than"),
        ("echo no", "printed no inventory"),
        ("exit 127", "is not installed here"),
    ],
)
def test_program_is_bounded(place, monkeypatch, script, message):
    """Neither time nor output has no end, whatever stands in $PATH."""
    (place / program.PROGRAM).write_text(f"#!/bin/sh\n{script}\n")
    (place / program.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    monkeypatch.setattr(program, "MAX_BYTES", 1 << 20)
    began = time.monotonic()

    with pytest.raises(InventoryError, match=message):
        program.read(Path("x"), "x", Fleet(), limit_s=0.5)

    assert time.monotonic() - began < 5


def test_aliases_do_not_explode():
    """Groups that repeat each other by aliases are read once each."""
    levels = "".join(
        f"g{n}: &g{n} {{children: {{a{n}: *g{n - 1}, b{n}: *g{n - 1}}}}}\n" for n in range(1, 40)
    )

    found = loaded(f"g0: &g0 {{hosts: {{h: }}}}\n{levels}", "x.yml")

    assert ["h"] == [h.name for h in found.hosts]


def test_ten_thousand_hosts_are_read_in_a_second():
    """A large inventory is read about as fast as one of ours."""
    groups = "".join(f"[g{n}]\nh{n}-[0:99] ansible_user=u{n}\n" for n in range(100))
    began = time.process_time()

    found = loaded(f"{groups}[all:vars]\nansible_port=22\n")

    assert 10_000 == len(found.hosts)
    assert time.process_time() - began < 4

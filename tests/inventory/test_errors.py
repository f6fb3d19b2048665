"""What is wrong in an inventory: where, what, and what to type instead."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.errors import InventoryError, UsageError
from preflight.inventory import load

NAME_HINT = "a name holds letters, digits, '.', '-' and '_', and does not start with '.' or '-'"
RANGE_HINT = "write a range as [01:20] or [a:f], the lower end first"
TOO_MANY_HINT = "give preflight a part of the fleet"
MAPPING_HINT = "write it as 'key: value' lines or {key: value}"
YAML_HINT = "check indentation, quotes and brackets here and in the line before"
SECRET = "looks like a password; an inventory is shared and shown, and no place for one"
BECOME = "did you mean 'become'?"
HOST_KEYS = (
    "address, port, user, identity_file, known_hosts, jump, become_user, transport, become, labels,"
    " start"
)


def fault(source, stdin=None):
    """Return message and hint of the error that loading raises."""
    with pytest.raises(InventoryError) as caught:
        load([source], stdin=stdin)
    return caught.value.message, caught.value.hint


@pytest.fixture
def fault_in(tmp_path, monkeypatch):
    """Return a function from the bytes of an inventory to message and hint of its error."""
    monkeypatch.chdir(tmp_path)

    def fault_in_bytes(raw):
        (tmp_path / "fleet.yaml").write_bytes(raw)
        return fault("fleet.yaml")

    return fault_in_bytes


def table(*rows):
    """Return rows as parameters, named by their text."""
    return [pytest.param(*row, id=repr(row[0][:40])) for row in rows]


@pytest.mark.parametrize(
    ("text", "line", "problem", "hint"),
    table(
        ("", 1, "the inventory is empty", "write 'hosts: {web-1: {}}'"),
        ("[web-1]", 1, "the inventory must be a mapping, not a list", MAPPING_HINT),
        ("web-1", 1, "the inventory must be a mapping, not text", MAPPING_HINT),
        (
            "hosts: {a: }\nhost: {}",
            2,
            "unknown key 'host' in the inventory",
            "did you mean 'hosts'?",
        ),
        ("vars: {}", 1, "unknown key 'vars' in the inventory", "did you mean 'defaults'?"),
        ("hosts: [a, b]", 1, "hosts must be a mapping, not a list", MAPPING_HINT),
        ("hosts: {a: b}", 1, "host 'a' must be a mapping, not text", MAPPING_HINT),
        (
            "hosts:\n  a: {}\n  a: {}",
            3,
            "'a' stands twice in hosts, first in line 2",
            "keep one of the two",
        ),
        ("hosts:\n  a: {}\n  '[a:b]': {}", 3, "host 'a' stands twice, first in line 2", "keep one"),
        (
            "hosts: {a: {adress: b}}",
            1,
            "unknown key 'adress' in host 'a'",
            "did you mean 'address'?",
        ),
        (
            "defaults: {ansible_port: 1}",
            1,
            "unknown key 'ansible_port' in defaults",
            "did you mean 'port'?",
        ),
        ("hosts: {a: {frob: b}}", 1, "unknown key 'frob' in host 'a'", f"the keys are {HOST_KEYS}"),
        (
            "hosts: {a: {start: {envv: }}}",
            1,
            "unknown key 'envv' in 'start' of host 'a'",
            "did you mean 'env'?",
        ),
        ("groups: {web: {user: x}}", 1, "group 'web' has no hosts", "add 'hosts: [NAME, …]'"),
        (
            "groups: {web: {children: }}",
            1,
            "unknown key 'children' in group 'web'",
            "groups do not nest: list the hosts themselves",
        ),
        ("hosts: {a: {env: }}", 1, "unknown key 'env' in host 'a'", "write start: {env: …}"),
        (
            "defaults: {start: {become_user: app}}",
            1,
            "unknown key 'become_user' in 'start' of defaults",
            "write run_as for who runs the program; who asks the host stands beside 'start'",
        ),
        ("defaults: {ansible_become: yes}", 1, "unknown key 'ansible_become' in defaults", BECOME),
        (
            "hosts: {a: {become: 'yes'}}",
            1,
            "'become' must be true or false, not text",
            "write true or false, without quotes",
        ),
        (
            "hosts: {a: {become_user: 'a b'}}",
            1,
            "host 'a': become_user 'a b' is no user name",
            "write become_user: deploy",
        ),
        (
            "groups: {web: {hosts: a}}",
            1,
            "'hosts' of group 'web' must be a list, not text",
            "write it as [one, two] or as '- one' lines",
        ),
        (
            "groups: {web: {hosts: [{a: b}]}}",
            1,
            "a host of group 'web' must be text, not a mapping",
            "write a single value",
        ),
        (
            "groups: {a: {hosts: [b]}}\nhosts: {a: {}}",
            1,
            "group 'a' has the name of a host (fleet.yaml:2)",
            "rename one of them: a pattern could mean either",
        ),
    ),
)
def test_inventory_of_another_shape_is_refused(fault_in, text, line, problem, hint):
    """A key, a list or a mapping that is not expected there is named with its line."""
    assert (f"fleet.yaml:{line}: {problem}", hint) == fault_in(text.encode())


@pytest.mark.parametrize(
    ("settings", "problem", "hint"),
    table(
        ("port: 0", "host 'a': port '0' is not between 1 and 65535", "write port: 22"),
        ("port: 65536", "host 'a': port '65536' is not between 1 and 65535", "write port: 22"),
        ("port: 022", "host 'a': port '022' is not between 1 and 65535", "write port: 22"),
        ("port: ssh", "host 'a': port 'ssh' is not between 1 and 65535", "write port: 22"),
        ("port: [22]", "'port' of host 'a' must be text, not a list", "write a single value"),
        ("port: ", "'port' of host 'a' must be text, not empty", "give it a value or remove it"),
        ("user: yes", "'user' of host 'a' must be text, not a boolean", 'put it in quotes: "yes"'),
        ("user: ''", "host 'a': user '' is no user name", "write user: deploy"),
        ("user: -oX", "host 'a': user '-oX' is no user name", "write user: deploy"),
        ("address: -oX", "host 'a': address '-oX' is not a valid name", NAME_HINT),
        ('address: "\\e[2J"', "host 'a': address '\\x1b[2J' is not a valid name", NAME_HINT),
        (
            "address: u@b",
            "host 'a': address 'u@b' is not a valid name",
            "write the user apart: {user: NAME}",
        ),
        (
            "address: b:22",
            "host 'a': address 'b:22' is not a valid name",
            "write the port apart: {port: NUMBER}",
        ),
        ("address: ''", "host 'a': address is empty", "give it a value or remove the line"),
        ("address: x y", "host 'a': address 'x y' is not a valid name", NAME_HINT),
        ("jump: x y", "host 'a': jump 'x y' is not a valid name", NAME_HINT),
        (
            "start: {run_as: ''}",
            "'start' of host 'a': run_as '' is no user name",
            "write run_as: deploy",
        ),
        ("identity_file: ''", "host 'a': path is empty", "give it a value or remove the line"),
        (
            "identity_file: ~no-such-user/k",
            "host 'a': there is no home directory for '~no-such-user/k'",
            "write the whole path",
        ),
        (
            'known_hosts: "a\\0"',
            "host 'a': path 'a\\x00' holds a control character",
            "remove the character",
        ),
        (
            "transport: shh",
            "host 'a': unknown transport 'shh'",
            "the transports are ssh, openssh, local",
        ),
        (
            "jump: 'b,c'",
            "host 'a': jump names several hosts",
            "name the last one, and give that host a jump of its own",
        ),
        (
            "jump: b",
            "jump 'b' is no host of the inventory",
            "for a host that is not in the inventory write 'b:22'",
        ),
        (
            "start: {install_path: opt/app}",
            "'start' of host 'a': path 'opt/app' is not absolute",
            "start it with '/'",
        ),
        (
            "start: {secure: 1}",
            "'secure' must be true or false, not a number",
            "write true or false, without quotes",
        ),
        (
            "start: {env: [A]}",
            "'env' of 'start' of host 'a' must be a mapping, not a list",
            MAPPING_HINT,
        ),
        (
            "start: {env: {A: on}}",
            "'A' of 'env' of 'start' of host 'a' must be text, not a boolean",
            'put it in quotes: "on"',
        ),
        (
            "start: {env: {A=B: c}}",
            "'A=B' of 'env' of 'start' of host 'a' holds a '='",
            "write 'NAME: value'",
        ),
        ('start: {env: {A: "\\0"}}', "'A' holds a NUL or half a character", "remove the character"),
        (
            "labels: {a: [b]}",
            "'a' of 'labels' of host 'a' must be text, not a list",
            "write a single value",
        ),
        (
            "user: !vault x",
            "'user' of host 'a' has a YAML tag",
            "remove the word that starts with '!'",
        ),
        (
            "labels: !!python/object/apply:os.system [id]",
            "'labels' of host 'a' has a YAML tag",
            "remove the word that starts with '!'",
        ),
    ),
)
def test_value_that_a_key_does_not_take_is_refused(fault_in, settings, problem, hint):
    """A value of the wrong type or out of its range is shown, with what to write."""
    raw = f"hosts:\n  a: {{{settings}}}".encode()

    assert (f"fleet.yaml:2: {problem}", hint) == fault_in(raw)


@pytest.mark.parametrize(
    ("name", "problem", "hint"),
    table(
        ("no", "a host of group 'g' must be text, not a boolean", 'put it in quotes: "no"'),
        ("~", "a host of group 'g' must be text, not empty", "give it a value or remove it"),
        ("a b", "'a b' is not a valid name", NAME_HINT),
        ('"a\\n"', "'a\\n' is not a valid name", NAME_HINT),
        ("-a", "'-a' is not a valid name", NAME_HINT),
        (".a", "'.a' is not a valid name", NAME_HINT),
        ("a/b", "'a/b' is not a valid name", NAME_HINT),
        ("u@a", "'u@a' is not a valid name", "write the user apart: {user: NAME}"),
        ("all", "'all' always means every host", "choose another name"),
        ("'a[5:1]'", "the range '5:1' in 'a[5:1]' is empty", RANGE_HINT),
        ("'a[x]'", "'x' in 'a[x]' is no range", RANGE_HINT),
        ("'a[1:2'", "the brackets of 'a[1:2' do not match", RANGE_HINT),
        ("'a[1:100001]'", "'a[1:100001]' stands for more than 100,000 hosts", TOO_MANY_HINT),
        ("'a[1:100000]', b", "more than 100,000 hosts", TOO_MANY_HINT),
    ),
)
def test_name_that_no_host_can_have_is_refused(fault_in, name, problem, hint):
    """A name that YAML, a shell or a pattern would take for something else is refused."""
    raw = f"groups:\n  g:\n    hosts: [{name}]".encode()

    assert (f"fleet.yaml:3: {problem}", hint) == fault_in(raw)


@pytest.mark.parametrize(
    ("raw", "line", "problem", "hint"),
    table(
        (b"hosts: {a: {}", 2, "not valid YAML: did not find expected ',' or '}'", YAML_HINT),
        (
            b"hosts:\n\ta: {}",
            2,
            "not valid YAML: found character that cannot start any token",
            "indent with spaces, not with tabs",
        ),
        (
            b"groups:\n  w: {hosts: [w-[01:20].x]}",
            2,
            "not valid YAML: did not find expected ',' or ']'",
            'put names with a range in quotes: "web-[01:20]"',
        ),
        (
            b"hosts: {a: }\n---\nhosts: {b: }",
            2,
            "not valid YAML: more than one document",
            "remove the '---' between the documents",
        ),
        (
            b"hosts: {a: {user: *x}}",
            1,
            "not valid YAML: undefined alias",
            "put a value that starts with '*' in quotes",
        ),
        (b"hosts:\n  a: \xff", 2, "not UTF-8", "save the inventory as UTF-8"),
        (
            b"\x7fELF\x02\x01",
            1,
            "the character '\\x7f' is not allowed in YAML",
            "an inventory is a text file; is this the right file?",
        ),
        (
            b"- " * 100_000 + b"a",
            1,
            "nested more than 64 levels deep",
            "five levels are the most there is",
        ),
        (
            b"[" * 100_000,
            1,
            "nested more than 64 levels deep",
            "five levels are the most there is",
        ),
        (b" " * ((64 << 20) + 1), 1, "the inventory is larger than 64 MiB", "split it"),
    ),
)
def test_file_that_is_no_yaml_is_refused(fault_in, raw, line, problem, hint):
    """What cannot be parsed is an error with its line, however large or deep it is."""
    assert (f"fleet.yaml:{line}: {problem}", hint) == fault_in(raw)


@pytest.mark.parametrize(
    ("text", "where"),
    table(
        ("hosts: {a: {password: hunter2}}", "'password' of host 'a'"),
        ("hosts: {a: {ssh_pass: hunter2}}", "'ssh_pass' of host 'a'"),
        ("hosts: {a: {ansible_password: hunter2}}", "'ansible_password' of host 'a'"),
        ("hosts: {a: {sshPassword: hunter2}}", "'sshPassword' of host 'a'"),
        ("defaults: {passphrase: hunter2}", "'passphrase' of defaults"),
        ("groups: {g: {hosts: [a], become_password: hunter2}}", "'become_password' of group 'g'"),
        ("vault_secret: hunter2", "'vault_secret' of the inventory"),
        ("hosts: {a: {labels: {secret: hunter2}}}", "'secret' of 'labels' of host 'a'"),
        (
            "hosts: {a: {start: {env: {API_TOKEN: hunter2}}}}",
            "'API_TOKEN' of 'env' of 'start' of host 'a'",
        ),
        ("hosts: {a: {start: {env: {DB: 'pg://u:hunter2@h/x'}}}}", "the URL in 'DB'"),
        ("hosts: {a: {user: 'deploy:hunter2'}}", "host 'a': what follows the colon in 'user'"),
        ("hosts: {a: {jump: 'u:hunter2@b'}}", "host 'a': what follows the colon in 'user'"),
        ("hosts: {a: {address: 'u:hunter2@b'}}", "host 'a': what stands before the '@' of a host"),
        (
            "hosts: {a: {address: 'ssh://u:hunter2@b'}}",
            "host 'a': what stands before the '@' of a host",
        ),
        ("hosts: {'u:hunter2@b[2:1]': {}}", "what stands before the '@' of a host"),
    ),
)
def test_password_is_refused_and_not_shown(fault_in, text, where):
    """A password is refused with the reason; the error names the place and never the value."""
    message, hint = fault_in(text.encode())

    assert f"fleet.yaml:1: {where} {SECRET}" == message
    assert ("remove it:" if "labels" in text or "env" in text else "identity_file") in hint
    assert "hunter2" not in message + hint


@pytest.mark.parametrize(
    "source",
    ["u:hunter2@web,", "web:hunter2,", "u:hunter2@web", "u:hunter2@web,x", "u:hunter2@web[2:1],"],
)
def test_password_on_the_command_line_is_not_shown(source):
    """A password in a list of hosts, or where a file is expected, is not repeated."""
    message, hint = fault(source)

    assert "hunter2" not in message + hint


@pytest.mark.parametrize(
    "text", ["hosts: {a: {user: *hunter2}}", "hosts: {a: {password: !hunter2 }}"]
)
def test_syntax_error_shows_nothing_of_the_text(fault_in, text):
    """What YAML takes for an alias or a tag may be a password."""
    message, hint = fault_in(text.encode())

    assert "hunter2" not in message + hint


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        (
            "no-such.yaml",
            "no-such.yaml: no such file or directory",
            "name the inventory file; a list of hosts holds a comma: -i web1,",
        ),
        (
            ",",
            ",: there is no host in it",
            "add 'hosts: {web-1: {}}', or give a list: -i web-1,web-2,",
        ),
        (
            "web1,web1:2222,",
            "host list: host 'web1' stands there twice, with another user or port",
            "name each host once; one machine under two names needs a YAML inventory",
        ),
        ("web[2:1],", "host list: the range '2:1' in 'web[2:1]' is empty", RANGE_HINT),
        ("web:0,", "host list: port '0' is not between 1 and 65535", "write port: 22"),
        ("u@h:22x,", "host list: what follows 'h:' is no port", "write a number, as in :22"),
        (
            "web[1:2]:,",
            "host list: what follows 'web[1:2]:' is no port",
            "write a number, as in :22",
        ),
        ("[::1]:x,", "host list: what follows '[::1]:' is no port", "write a number, as in :22"),
        ("./a,b", "host list: './a' is not a valid name", NAME_HINT),
    ],
)
def test_source_that_cannot_be_read_is_refused(source, message, hint):
    """A missing file and a list that means nothing say what to type."""
    assert (message, hint) == fault(source)


def test_standard_input_names_itself():
    """An error in what standard input gave says so, with its line."""
    message, _ = fault("-", stdin=io.StringIO("hosts:\n  a: b"))

    assert message == "<stdin>:2: host 'a' must be a mapping, not text"


def test_standard_input_may_hold_any_bytes():
    """Bytes that are no text in this locale are an error with their line."""
    stream = io.TextIOWrapper(io.BytesIO(b"hosts:\n  a\xff: {}"), encoding="ascii")

    assert fault("-", stdin=stream) == ("<stdin>:2: not UTF-8", "save the inventory as UTF-8")


def test_source_must_have_a_name():
    """An empty name is no name of the directory one is in."""
    with pytest.raises(UsageError, match="the name of the inventory is empty"):
        load([""])


def test_standard_input_must_be_at_hand():
    """Reading standard input without one is the caller's mistake."""
    with pytest.raises(UsageError, match="there is no standard input"):
        load(["-"])


def test_alias_bomb_is_harmless(tmp_path):
    """Aliases of aliases are refused or resolved without growing."""
    lines = ["hosts:", "  h0: &h0 {labels: &l0 {a: b}}"]
    lines += [
        f"  h{n}: &h{n} {{<<: [{', '.join([f'*h{n - 1}'] * 9)}], labels: &l{n} "
        f"{{<<: [{', '.join([f'*l{n - 1}'] * 9)}]}}}}"
        for n in range(1, 40)
    ]
    (tmp_path / "fleet.yaml").write_text("\n".join(lines))

    hosts = load([str(tmp_path / "fleet.yaml")]).hosts

    assert len(hosts) == 40
    assert {(("a", "b"),)} == {host.labels for host in hosts}


def test_chain_of_hidden_merge_keys_is_refused(fault_in):
    """A chain of merges that is read from its end stops before the interpreter does."""
    links = ", ".join(f"{{start: &s{n} {{<<: *s{n - 1}}}}}" for n in range(1, 2000))
    text = f"hosts:\n  a: {{<<: [{{start: &s0 {{}}}}, {links}], start: *s1999}}"

    message, _ = fault_in(text.encode())

    assert message == "fleet.yaml:2: more than 64 merge keys in a row"


def test_long_list_repeated_by_aliases_is_bounded(fault_in):
    """A list of 50,000 hosts cannot be given to any number of groups."""
    groups = ", ".join(f"g{n}: *g" for n in range(30))
    text = f"groups: {{g: &g {{hosts: ['a[1:50000]']}}, {groups}}}"

    message, hint = fault_in(text.encode())

    assert (
        message,
        hint,
    ) == ("fleet.yaml:1: the groups have more than 500,000 members", "use fewer groups")


WORDS = "hosts groups defaults a b jump user start env labels port 7 no ~ [1:2] a[1:3] é u@b:1"
MARKS = ": |{|}|[|]|, |\n|  |- |&x |*x|!t |'|\"|#|\t|<<|\\|\x00"
FRAGMENTS = st.sampled_from(WORDS.split() + MARKS.split("|"))


@given(st.lists(FRAGMENTS, max_size=30).map("".join))
def test_any_text_is_an_inventory_or_an_error(text):
    """Whatever standard input holds, the answer is hosts, or one line with its place."""
    try:
        outcome = str(len(load(["-"], stdin=io.StringIO(text)).hosts))
    except InventoryError as problem:
        outcome = problem.message

    assert re.fullmatch(r"[1-9][0-9]*|<stdin>:([1-9][0-9]*:)? \S.*", outcome)

"""Who decides what: the inventory, the command line, ssh's configuration, ssh's defaults."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
import time

import pytest

from preflight.errors import TransportError, UsageError
from preflight.model.host import Host
from preflight.transport import Options
from preflight.transport.config.failures import Unusable
from preflight.transport.config.program import AT_A_TIME
from preflight.transport.settings import check, prepare, settings_for

ME = pwd.getpwuid(os.getuid())


@pytest.fixture
def options(tmp_path):
    """Return a function that writes a configuration file and returns options that name it."""

    def make(text: str, **more: object) -> Options:
        (tmp_path / "config").write_text(text)
        return Options(ssh_config=str(tmp_path / "config"), **more)

    return make


FILE = """
Host alias
    HostName 10.0.0.1
    Port 2222
    User of-file
    IdentityFile ~/of-file
    UserKnownHostsFile ~/known /known/%k
    ConnectTimeout 7
"""


def test_ssh_fills_what_nobody_else_says(options):
    """All comes from the file."""
    found = settings_for(Host(name="alias"), options(FILE))

    assert ("10.0.0.1", 2222, "of-file", 7.0) == (
        *(found.address, found.port, found.user, found.connect_timeout_s),
    )
    assert (None, (f"{ME.pw_dir}/of-file",)) == (found.identity_file, found.default_identities)
    assert (f"{ME.pw_dir}/known", "/known/alias") == found.known_hosts[:2]
    assert "/etc/ssh/ssh_known_hosts" in found.known_hosts


def test_the_command_line_beats_ssh(options):
    """What it names holds instead, its key as one that has to be there."""
    found = settings_for(
        Host(name="alias"),
        options(FILE, user="me", identity_file="/k", known_hosts="/h", connect_timeout_s=3.0),
    )

    assert ("me", "/k", (), ("/h",), 3.0) == (
        *(found.user, found.identity_file, found.default_identities),
        *(found.known_hosts, found.connect_timeout_s),
    )
    assert ("10.0.0.1", 2222) == (found.address, found.port)


def test_the_inventory_beats_both(options):
    """Whatever it says of a host holds."""
    host = Host(
        name="alias",
        address="10.9.9.9",
        port=99,
        user="its",
        identity_file="/its/key",
        known_hosts="/its/hosts",
    )
    found = settings_for(host, options(FILE, user="me", identity_file="/k", known_hosts="/h"))

    assert ("10.9.9.9", 99, "its", "/its/key", ("/its/hosts",)) == (
        *(found.address, found.port, found.user, found.identity_file, found.known_hosts),
    )


def test_an_address_of_the_inventory_is_the_host_name_that_match_sees(options):
    """A Match host looks at it; a Host line looks at the name."""
    text = "Match host 10.9.*\n User matched\nHost 10.9.*\n Port 9\nHost db\n Port 5\n"
    found = settings_for(Host(name="db", address="10.9.9.9"), options(text))

    assert ("matched", 5) == (found.user, found.port)


def test_without_configuration_no_ssh_is_run(counted, monkeypatch, tmp_path):
    """-F none leaves the inventory, the command line and the defaults."""
    monkeypatch.setenv("HOME", str(tmp_path))
    found = settings_for(Host(name="Web"), Options(ssh_config="none"))

    assert "" == counted.read_text()
    assert ("Web", 22, ME.pw_name, 10.0) == (
        *(found.address, found.port, found.user, found.connect_timeout_s),
    )
    assert f"{tmp_path}/.ssh/id_rsa" == found.default_identities[0]
    assert f"{tmp_path}/.ssh/known_hosts" == found.known_hosts[0]


def test_options_without_files(counted):
    """-F none with --ssh-option asks ssh what the option means."""
    options = Options(ssh_config="none", ssh_options=("Port=77", "Ciphers=aes256-ctr"))
    found = settings_for(Host(name="web"), options)

    assert (77, ("aes256-ctr",)) == (found.port, found.ciphers)
    assert counted.read_text()


@pytest.mark.parametrize(
    ("ours", "theirs", "holds"),
    [
        ("strict", "no", "strict"),
        ("strict", "accept-new", "strict"),
        ("accept-new", "yes", "strict"),
        ("accept-new", "no", "accept-new"),
        ("accept-new", "ask", "accept-new"),
        ("off", "accept-new", "accept-new"),
        ("off", "ask", "off"),
    ],
)
def test_a_configuration_only_makes_stricter(options, ours, theirs, holds):
    """What the operator asked for is never loosened by a file."""
    text = f"StrictHostKeyChecking {theirs}\n"

    assert holds == settings_for(Host(name="a"), options(text, host_keys=ours)).host_keys


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("", ("publickey", "keyboard-interactive", "password")),
        ("PasswordAuthentication no\n", ("publickey", "keyboard-interactive")),
        ("PubkeyAuthentication no\n", ("keyboard-interactive", "password")),
        ("BatchMode yes\n", ("publickey",)),
        ("PreferredAuthentications gssapi-with-mic,password\n", ("password",)),
        ("PreferredAuthentications password,publickey\n", ("password", "publickey")),
    ],
)
def test_the_methods_are_those_of_the_configuration(options, text, methods):
    """In its order, as far as they are known here."""
    assert methods == settings_for(Host(name="a"), options(text)).methods


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("", "/run/usual"),
        ("IdentityAgent SSH_AUTH_SOCK\n", "/run/usual"),
        ("IdentityAgent none\n", None),
        ("IdentityAgent $OTHER_AGENT\n", "/run/other"),
        ("IdentityAgent ${OTHER_AGENT}\n", "/run/other"),
        ("IdentityAgent $NO_SUCH_AGENT\n", None),
        ("IdentityAgent ~/agent\n", f"{ME.pw_dir}/agent"),
        ("IdentityAgent %d/%u\n", f"{ME.pw_dir}/{ME.pw_name}"),
    ],
)
def test_the_agent_is_that_of_the_configuration(options, monkeypatch, text, agent):
    """By path, by variable, or none."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/usual")
    monkeypatch.setenv("OTHER_AGENT", "/run/other")

    assert agent == settings_for(Host(name="a"), options(text)).agent
    assert settings_for(Host(name="a"), options(text, use_agent=False)).agent is None


def test_only_changed_algorithms_are_given(options):
    """What ssh does by itself is left to the library, that has its own."""
    found = settings_for(Host(name="a"), options("KexAlgorithms ^ecdh-sha2-nistp521\n"))

    assert "ecdh-sha2-nistp521" == found.kex_algorithms[0]
    assert ((), (), ()) == (found.ciphers, found.macs, found.host_key_algorithms)


def test_other_values(options):
    """What else a connection needs."""
    text = """
    AddressFamily inet6
    BindAddress ::1
    HostKeyAlias Alias
    HashKnownHosts yes
    RevokedHostKeys ~/revoked
    CertificateFile ~/%u-cert.pub
    IdentitiesOnly yes
    IdentityFile none
    UserKnownHostsFile none
    GlobalKnownHostsFile none
    """
    found = settings_for(Host(name="a"), options(text))

    assert ("inet6", "::1", "alias", True) == (
        *(found.address_family, found.bind_address, found.host_key_alias, found.hash_known_hosts),
    )
    assert f"{ME.pw_dir}/revoked" == found.revoked_host_keys
    assert (f"{ME.pw_dir}/{ME.pw_name}-cert.pub",) == found.certificate_files
    assert (True, ()) == (found.identities_only, found.default_identities)
    assert (os.devnull,) == found.known_hosts


def test_a_proxy_command_is_ready_to_be_run(options):
    """Its tokens are the host's, also where the inventory gives them."""
    text = "HostKeyAlias key\nProxyCommand nc -x 50%% %h %p %r %n %k\n"
    found = settings_for(Host(name="a", port=7, address="10.1.1.1", user="me"), options(text))

    assert "nc -x 50% 10.1.1.1 7 me a key" == found.proxy_command


@pytest.mark.parametrize("host", [Host(name="a", user="x;reboot"), Host(name="a", user="x`id`")])
def test_nothing_of_a_host_is_a_command(options, host):
    """A name that a shell could take for more is not put into a ProxyCommand."""
    with pytest.raises(Unusable):
        settings_for(host, options("ProxyCommand nc %h %p %r\n"))


@pytest.mark.parametrize(
    "text", ["ProxyCommand nc %Z\n", "IdentityFile /%C\n", "ProxyUseFdpass yes\nProxyCommand nc\n"]
)
def test_what_is_not_known_here_is_refused(options, text):
    """A host is not reached in another way than its configuration says."""
    with pytest.raises(Unusable):
        settings_for(Host(name="a"), options(text))


CHAIN = """
Host deep
    ProxyJump first,admin@second:2200
Host first
    User one
    ProxyJump zero
Host second
    User never
    IdentityFile /keys/second
    ProxyJump nowhere
Host zero
    HostName 10.0.0.10
"""


def chain(settings):
    """Return the hosts on the way, the last one first."""
    ways = []
    while gateway := settings.gateway:
        ways.append((gateway.name, gateway.address, gateway.port, gateway.user))
        settings = gateway
    return ways


def test_each_jump_host_has_settings_of_its_own(options):
    """As ssh does it: what stands before a jump host in the list beats its own ProxyJump."""
    found = settings_for(Host(name="deep"), options(CHAIN))

    assert [
        ("second", "second", 2200, "admin"),
        ("first", "first", 22, "one"),
        ("zero", "10.0.0.10", 22, ME.pw_name),
    ] == chain(found)
    assert ("/keys/second",) == found.gateway.default_identities


def test_the_command_line_is_for_the_destination(options):
    """As with ssh, a jump host of the configuration does not get its user, key or options."""
    given = options(CHAIN, user="me", identity_file="/k", known_hosts="/h", ssh_options=("Port=9",))
    found = settings_for(Host(name="deep"), given)

    assert ("me", "/k", 9) == (found.user, found.identity_file, found.port)
    assert ("admin", None, 2200) == (
        *(found.gateway.user, found.gateway.identity_file, found.gateway.port),
    )
    assert ("one", 22) == (found.gateway.gateway.user, found.gateway.gateway.port)
    assert ("/h",) == found.gateway.known_hosts


def test_jump_option_beats_the_configuration(options):
    """It comes instead of ProxyJump and of ProxyCommand; a jump host goes its own way."""
    text = "Host web\n ProxyCommand nc\nHost gate\n User keeper\n ProxyJump outer\n"
    found = settings_for(Host(name="web"), options(text, jump="gate:2222"))

    assert [("gate", "gate", 2222, "keeper"), ("outer", "outer", 22, ME.pw_name)] == chain(found)
    assert found.proxy_command is None


@pytest.mark.parametrize("text", ["ProxyJump gate\n", "ProxyCommand nc\n"])
def test_no_jump(options, text):
    """`-J none`, and `jump: none` in the inventory, reach a host directly."""
    for host, more in ((Host(name="a"), {"jump": "none"}), (Host(name="a", direct=True), {})):
        found = settings_for(host, options(text, **more))
        assert (None, None) == (found.gateway, found.proxy_command)


def test_options_of_a_host_beat_those_of_the_command_line(options):
    """An inventory's ssh options are ssh's own, for that host alone and not for its jump hosts."""
    host = Host(name="web", ssh_options=("ProxyJump=me@one:23", "Ciphers=aes256-ctr"))
    given = options(
        "Host one\n HostName 10.0.0.1\n", jump="two", ssh_options=("Ciphers=aes128-ctr",)
    )

    found = settings_for(host, given)

    assert [("one", "10.0.0.1", 23, "me")] == chain(found)
    assert ("aes256-ctr",) == found.ciphers
    assert () == found.gateway.ciphers
    assert [("two", "two", 22)] == [c[:3] for c in chain(settings_for(Host(name="b"), given))]


def test_options_of_a_host_do_not_loosen_host_keys(options):
    """Whoever wrote the inventory, how a host proves who it is stays the operator's choice."""
    host = Host(name="web", ssh_options=("StrictHostKeyChecking=no",))

    assert "strict" == settings_for(host, options("")).host_keys


def test_jump_of_the_inventory_beats_all(options):
    """Its jump host is set up as other hosts of the inventory are."""
    text = "Host web\n ProxyJump one\nHost gate\n HostName 10.0.0.7\n"
    host = Host(name="web", gateway=Host(name="gate", port=23))
    found = settings_for(host, options(text, jump="two", user="me", ssh_options=("Port=9",)))

    assert [("gate", "10.0.0.7", 23, "me")] == chain(found)
    assert 9 == found.port


def test_a_jump_host_of_the_inventory_may_look_like_the_host(options):
    """Whatever they are called: the inventory has looked for loops."""
    host = Host(name="a", port=22, gateway=Host(name="a", port=22, address="10.0.0.1"))

    assert [("a", "10.0.0.1", 22, ME.pw_name)] == chain(settings_for(host, options("")))


def test_a_jump_host_without_configuration_gets_the_command_line():
    """With -F none there is nothing else that could say its user and key."""
    given = Options(ssh_config="none", user="me", identity_file="/k", jump="x@one,two:7")
    found = settings_for(Host(name="web"), given)

    assert [("two", "two", 7, "me"), ("one", "one", 22, "x")] == chain(found)
    assert "/k" == found.gateway.gateway.identity_file


@pytest.mark.parametrize(
    "text",
    [
        "ProxyJump bastion\n",
        "Host bastion\n HostName 10.0.0.1\n ProxyJump web\nHost web\n ProxyJump bastion\n",
        "Host bastion\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n",
    ],
)
def test_a_loop_is_an_error(options, text):
    """There, ssh would start itself for ever."""
    with pytest.raises(Unusable, match="loop"):
        settings_for(Host(name="bastion"), options(text))


def test_the_same_host_on_another_port_is_no_loop(options):
    """One address may be several machines."""
    host = Host(name="127.0.0.1", port=2201)
    found = settings_for(host, options("", jump="127.0.0.1:2202"))

    assert [("127.0.0.1", "127.0.0.1", 2202, ME.pw_name)] == chain(found)


def test_a_wrong_configuration_is_told_before_any_host_is_asked(options, tmp_path):
    """As an error of the call, with the place that ssh names."""
    with pytest.raises(UsageError, match=rf"^{tmp_path}/config:1: Bad configuration option: hots"):
        check([Host(name="a"), Host(name="b")], options("Hots a\n"))


def test_what_is_wrong_for_one_host_is_not_told_before(options, counted):
    """Nor is anything asked where no host is reached by SSH."""
    check([Host(name="bastion"), Host(name="b")], options("ProxyJump bastion\n"))
    before = counted.read_text()
    check([Host(name="here", transport="local")], options("Hots a\n"))

    assert before == counted.read_text()


def test_many_hosts_are_prepared_at_once(options, tmp_path):
    """Several questions to ssh run at a time, and none is put again."""
    log = tmp_path / "log"
    given = options(f'Match exec "echo %n >> {log}; sleep 0.2"\n User me\n')
    hosts = [Host(name=f"web-{n}") for n in range(6)]

    begun = time.monotonic()
    prepare([*hosts, Host(name="no@name")], given)
    took = time.monotonic() - begun
    users = [settings_for(host, given).user for host in hosts]

    assert ["me"] * 6 == users
    assert sorted(host.name for host in hosts) == sorted(log.read_text().split())
    assert AT_A_TIME < 6 or took < 1.2


@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_the_common_core_is_understood(options):
    """The parser of our own gives the same settings."""
    found = settings_for(Host(name="alias"), options(FILE))

    assert ("10.0.0.1", 2222, "of-file") == (found.address, found.port, found.user)
    assert (f"{ME.pw_dir}/of-file",) == found.default_identities
    assert (f"{ME.pw_dir}/known", "/known/alias") == found.known_hosts[:2]


@pytest.mark.parametrize(
    "text",
    [
        'Match exec "true"\n User me\n',
        "Match final\n User me\n",
        "Ciphers +aes256-cbc\n",
        "CanonicalizeHostname yes\n",
        "NoSuchThing 1\n",
        "Match tagged a\n User me\n",
        "Include %d/x\n",
        "HostName %k\n",
        "User %h\n",
        "Port ssh\n",
        "not an option line\n",
        'User "a\n',
    ],
)
@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_nothing_is_guessed(options, text):
    """A host that such a line could touch is refused, with the place."""
    with pytest.raises(TransportError) as caught:
        settings_for(Host(name="a"), options(text))

    assert ("error", "ssh-config-unusable") == (caught.value.status, caught.value.cause)
    assert "needs the ssh program" in caught.value.message or "not known" in caught.value.message


NOBODY = """
import os, sys
from preflight.model.host import Host
from preflight.transport import Options
from preflight.transport.settings import settings_for
os.setuid(54321)
found = settings_for(Host(name="alias"), Options(ssh_config=sys.argv[1]))
print(found.user, *found.default_identities)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")
def test_who_is_not_in_the_user_database_does_without_ssh():
    """As in a container that runs as any number: ssh itself refuses to run there."""
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("Host alias\n User me\n IdentityFile ~/key\n")
        config.flush()
        os.fchmod(config.fileno(), 0o644)

        said = subprocess.run(
            [sys.executable, "-c", NOBODY, config.name],
            env={**environment, "HOME": "/home/nobody"},
            check=True,
            capture_output=True,
            text=True,
        )

    assert "me /home/nobody/key\n" == said.stdout


@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_what_cannot_touch_a_host_is_no_matter(options):
    """Other hosts' lines may be as they like, as long as it is clear that they are others'."""
    text = 'Match originalhost b exec "true"\n User me\nHost b\n Ciphers +x\n HostName %k\n'

    assert "a" == settings_for(Host(name="a"), options(text)).address
    with pytest.raises(Unusable):
        settings_for(Host(name="b"), options(text))

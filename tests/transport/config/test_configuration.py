"""How often ssh is asked, and what happens where it has no answer."""

from __future__ import annotations

import os
import pwd
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from preflight.transport.config import program
from preflight.transport.config.answers import Question
from preflight.transport.config.configuration import Configuration
from preflight.transport.config.failures import Broken, Unusable
from tests.transport.config.program import ssh_says, we_say
from tests.transport.conftest import wait_until


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a configuration file and returns what reads it."""

    def write(text: str, *options: str) -> Configuration:
        path = tmp_path / "config"
        path.write_text(text)
        return Configuration(str(path), options)

    return write


def asked_for(counted) -> list[str]:
    """Return the names that ssh was asked for; that of nobody is asked for the defaults."""
    names = [line.split()[-1] for line in counted.read_text().splitlines()]
    return [name for name in names if name != "preflight.invalid"]


def fleet(count: int) -> list[Question]:
    """Return questions for hosts that nothing tells apart."""
    return [Question(f"web-{n}.example.com") for n in range(count)]


def test_ten_thousand_hosts_of_a_class_are_asked_for_once(written, counted):
    """Two runs of ssh in all: one for the class, one for what ssh does by itself."""
    configuration = written("Host web-*\n User deploy\nHost *\n ProxyCommand nc %h %p\n")

    users = {configuration.ask(question).one("user") for question in fleet(10_000)}

    assert {"deploy"} == users
    assert len(counted.read_text().splitlines()) == 2


def test_a_path_that_ssh_writes_in_another_way_is_known(tmp_path, counted):
    """In its log ssh escapes what is not ASCII, and backslashes."""
    directory = tmp_path / "Zoë\\ and so on"
    directory.mkdir()
    (directory / "config").write_text("Host web-*\n User deploy\n")
    configuration = Configuration(str(directory / "config"), ())

    for question in fleet(10):
        assert "deploy" == configuration.ask(question).one("user")

    assert len(asked_for(counted)) == 1


def test_many_threads_ask_once(written, counted):
    """Those who come while ssh is asked wait for its answer."""
    configuration = written("Host web-*\n User deploy\n")

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(configuration.ask, fleet(200)))

    assert {f"web-{n}.example.com" for n in range(200)} == {a.one("hostname") for a in answers}
    assert len(asked_for(counted)) == 1


def test_each_class_is_asked_for(written, counted):
    """Hosts that a line tells apart are two classes, also where the users differ."""
    configuration = written("Host web-1\n User one\nHost web-*\n Port 3\n")

    for question in (Question("web-1"), Question("web-2"), Question("web-3"), Question("db")):
        configuration.ask(question)
    configuration.ask(Question("db", "somebody"))
    configuration.ask(Question("db-2", "somebody"))

    assert ["web-1", "web-2", "db", "db"] == asked_for(counted)


def test_a_match_exec_is_asked_for_each_host_that_it_may_mean(written, counted):
    """And for no other: conditions before it are looked at first."""
    text = 'Match originalhost vpn-* exec "true"\n User vpn\nMatch host db* exec "true"\n Port 1\n'
    configuration = written(text)

    for name in ("vpn-1", "web-1", "vpn-2", "web-2", "db-1", "vpn-1"):
        configuration.ask(Question(name))

    assert ["vpn-1", "web-1", "vpn-2", "db-1"] == asked_for(counted)


def test_an_exec_in_an_included_file_is_that_of_its_block(written, counted, tmp_path):
    """Hosts that the including block does not mean are a class as before."""
    (tmp_path / "included").write_text('Match exec "true"\n User included\n')
    (tmp_path / "included").chmod(0o600)
    configuration = written(f"Host vpn-*\n Include {tmp_path}/included\n")

    for name in ("web-1", "web-2", "vpn-1", "vpn-2"):
        configuration.ask(Question(name))

    assert ["web-1", "vpn-1", "vpn-2"] == asked_for(counted)


def test_addresses_that_a_line_tells_apart_are_two_classes(written, counted):
    """An address of the inventory is what Match host looks at."""
    configuration = written("Match host 10.1.*\n User one\nMatch host 10.2.*\n User two\n")
    addresses = ("10.1.0.1", "10.2.0.1", "10.1.0.2", "10.2.0.2")
    answers = [configuration.ask(Question("db", address=address)) for address in addresses]

    assert ["one", "two", "one", "two"] == [answer.one("user") for answer in answers]
    assert list(addresses) == [answer.one("hostname") for answer in answers]
    assert len(asked_for(counted)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "HostName %h.example",
        "UserKnownHostsFile /known/%h",
        "Host web-*\n IdentityAgent /agents/%n",
        "CanonicalizeHostname yes",
        "Include %d/some",
        'Match host "web-1"\n User me',
        "Host web-1 \\\n User me",
    ],
)
def test_what_may_depend_on_the_name_is_asked_for_each_host(written, counted, text):
    """As is what cannot be understood: it is not guessed."""
    configuration = written(text + "\n")

    for name in ("web-1", "web-2"):
        we_say(configuration, Question(name))

    assert ["web-1", "web-2"] == asked_for(counted)


def test_a_host_name_that_looks_like_the_question(written, counted, tmp_path):
    """Where ssh answers the very name that was asked for, it may be the HostName of others too."""
    configuration = written("Host web-*\n HostName web-1\n")
    questions = Question("web-1"), Question("web-2")

    said = [we_say(configuration, question) for question in questions]

    assert ["web-1", "web-2"] == asked_for(counted)
    assert [ssh_says(tmp_path / "config", question) for question in questions] == said


def test_the_port_of_one_host_is_not_that_of_another(written):
    """Ports that the inventory gives do not make classes."""
    configuration = written("Port 77\n")
    ports = [configuration.ask(Question("web", port=port)).one("port") for port in (1, 2, None)]

    assert ["1", "2", "77"] == ports


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("User me\nHots web\n", ":2: Bad configuration option: hots"),
        ("Host web\n Port none\n", ":2: Bad port 'none'."),
        ('User "me\n', ":1: invalid quotes"),
        ("Match hots a\n User me\n", ":1: Bad Match condition"),
        ("Ciphers none-such\n", ":1: Bad SSH2 cipher spec 'none-such'."),
    ],
)
def test_a_line_that_ssh_refuses_is_named(written, tmp_path, text, place):
    """With its file and number, in ssh's words."""
    configuration = written(text)

    for name in ("a", "b"):
        with pytest.raises(Broken) as caught:
            configuration.ask(Question(name))

    assert f"{tmp_path}/config{place}" == caught.value.message
    assert ("error", "ssh-config-unusable") == (caught.value.status, caught.value.cause)


def test_an_option_that_ssh_refuses_is_named(written):
    """The command line has no line numbers."""
    with pytest.raises(Broken) as caught:
        written("", "Nonsense=1").ask(Question("a"))

    assert "--ssh-option: Bad configuration option: nonsense" == caught.value.message


def test_a_file_that_others_may_write_is_refused(written, tmp_path):
    """As ssh does it for what is included."""
    (tmp_path / "included").write_text("User intruder\n")
    (tmp_path / "included").chmod(0o666)

    with pytest.raises(Broken, match="Bad owner or permissions on "):
        written(f"Include {tmp_path}/included\n").ask(Question("a"))


def test_an_option_beats_the_files(written):
    """As with ssh -o."""
    configuration = written("User of-file\nPort 7\n", "User=of-option")
    answer = configuration.ask(Question("a"))

    assert ("of-option", "7") == (answer.one("user"), answer.one("port"))


def test_a_loop_fails_one_host_and_no_other(written):
    """The bastion of all hosts, itself among them, is a loop; the others go through it."""
    configuration = written("ProxyJump bastion\n")

    for _ in range(2):
        with pytest.raises(Unusable, match="loop via bastion"):
            configuration.ask(Question("bastion"))
        assert "bastion" == configuration.ask(Question("web")).one("proxyjump")


@pytest.mark.parametrize("name", ["me@host", "ssh://host"])
def test_a_name_that_ssh_would_take_apart_is_refused(written, name):
    """Otherwise it would be about another host."""
    with pytest.raises(Unusable, match="would not take"):
        written("").ask(Question(name))


def test_a_name_that_no_host_has_is_refused_by_ssh(written):
    """What may be meant for a shell goes nowhere."""
    with pytest.raises(Unusable, match="invalid characters"):
        written("").ask(Question("a;reboot"))


def test_a_changed_file_is_read_anew(written, tmp_path):
    """No answer mixes an old state of the files with a new one."""
    configuration = written("Host a*\n User one\n")
    assert "one" == configuration.ask(Question("a1")).one("user")

    (tmp_path / "config").write_text("Host b*\n User three\nHost a1\n User two\n")

    assert "three" == configuration.ask(Question("b1")).one("user")
    assert "two" == configuration.ask(Question("a1")).one("user")
    assert configuration.ask(Question("a2")).one("user") not in {"one", "two", "three"}


def test_a_file_that_the_scanner_did_not_see_ends_the_classes(written, counted, tmp_path):
    """Where ssh reads more than was expected, it is asked for each host."""
    (tmp_path / "more").mkdir()
    configuration = written(f"Include {tmp_path}/more/*\n")
    configuration.ask(Question("a"))
    (tmp_path / "more/late").write_text("Host c\n User of-late\n")
    (tmp_path / "more/late").chmod(0o600)

    users = [configuration.ask(Question(name, "x")).one("port") for name in ("b", "c", "d")]

    assert ["22"] * 3 == users
    assert ["a", "b", "c", "d"] == asked_for(counted)


@pytest.mark.slow
def test_a_command_that_hangs_is_over_in_time(written, tmp_path, monkeypatch):
    """The program and what it runs are ended; after three there is no more waiting."""
    started = tmp_path / "started"
    configuration = written(f'Match exec "echo $$ >> {started}; exec sleep 600"\n User me\n')
    assert configuration.defaults
    monkeypatch.setattr(program, "LIMIT_S", 1.5)

    begun = time.monotonic()
    for n in range(50):
        with pytest.raises(Unusable, match="no answer"):
            configuration.ask(Question(f"web-{n}"))

    assert time.monotonic() - begun < 60
    pids = [int(line) for line in started.read_text().split()]
    assert 1 <= len(pids) <= 3
    for pid in pids:
        wait_until(lambda pid=pid: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_only_so_many_run_at_a_time(written, tmp_path):
    """Each question waits for a place; none is lost."""
    log = tmp_path / "log"
    configuration = written(f'Match exec "echo + >> {log}; sleep 0.05; echo - >> {log}"\n')

    with ThreadPoolExecutor(4 * program.AT_A_TIME) as pool:
        list(pool.map(configuration.ask, fleet(3 * program.AT_A_TIME)))

    running = most = 0
    for line in log.read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert 1 < most <= program.AT_A_TIME


def test_the_users_own_files_are_those_of_ssh(counted):
    """Without -F ssh reads the file of the home directory, and its own."""
    configuration = Configuration(None, ())
    home = pwd.getpwuid(os.getuid()).pw_dir

    answers = [configuration.ask(Question(name)) for name in ("some-host", "some-other-host")]

    assert f"{home}/.ssh/known_hosts" == answers[0].all("userknownhostsfile")[0]
    assert 1 <= len(asked_for(counted)) <= 2


def test_ssh_that_cannot_be_asked_is_no_ssh(written, tmp_path, monkeypatch):
    """A program of another make, that knows no -G, leaves it to the parser of our own."""
    other = tmp_path / "other/ssh"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho unknown option -G >&2\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))

    assert "me" == written("User me\n").ask(Question("a")).one("user")

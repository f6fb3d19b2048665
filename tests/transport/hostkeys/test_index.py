"""Which lines of a file mean which host, beside what ssh-keygen says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.transport.hostkeys.index import Index
from preflight.transport.hostkeys.known_hosts import host_name
from tests.transport.hostkeys.material import hashed, index, key, line

NAMES = ["web", "web1", "web1.example.com", "10.0.0.1", "fe80::1", "2001:db8::7", "db"]
PLACES = st.sampled_from([(name, port) for name in NAMES for port in (22, 2222)])
PATTERNS = ["*", "web*", "w?b*", "*.example.com", "10.0.?.*", "*1", "f*0::?", "*b", "WEB?"]
WORDS = st.sampled_from(NAMES + PATTERNS * 2) | st.text("web1.*?dBE:", min_size=1, max_size=6)
HOSTS = st.tuples(
    WORDS, st.sampled_from(["{}", "{}", "!{}", "[{}]:2222", "![{}]:2222", "[{}]:*"])
).map(lambda drawn: drawn[1].format(drawn[0]))
NAME_LISTS = st.lists(HOSTS, min_size=1, max_size=4).map(",".join) | PLACES.map(
    lambda place: hashed(host_name(*place))
)
GOOD = st.builds(
    lambda *drawn: "".join(drawn),
    st.sampled_from(["", "", "", " ", "\t"]),
    st.builds(
        line,
        NAME_LISTS,
        st.integers(0, 3).map(key),
        st.sampled_from(["", "", "", "@revoked", "@cert-authority"]),
    ),
    st.sampled_from(["", " root@web", "\ta comment", " ", "\r"]),
)
BAD = [
    "# web",
    "",
    "web",
    "web ssh-ed25519",
    "web ssh-ed25519 AAAA",
    f"web ssh-ed25519 {key(1).line.split()[1][:-12]}",
    "web ssh-rsa " + key(1).line.split()[1],
    "@odd web x y",
    "@revoked @revoked web x y",
    "|1|x|y ssh-ed25519 " + key(1).line.split()[1],
    "  \t",
]
LINES = st.lists(GOOD | GOOD | st.sampled_from(BAD), min_size=6, max_size=20)
MARKERS = {"": "", "CA": "cert-authority", "REVOKED": "revoked"}


def told(path: Path, name: str) -> list[tuple[int, str]]:
    """Return the lines that ssh-keygen finds, with a key that it can read, and their markers."""
    command = ["ssh-keygen", "-l", "-F", name, "-f", path]
    says = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"found: line (\d+)(?: (\w+))?", says)
    return [(int(number), MARKERS[marker]) for number, marker in found]


def found(path: Path, name: str) -> list[tuple[int, str]]:
    """Return the lines that we find."""
    made = Index(str(path))
    made.add(path.read_bytes())
    return [(entry.line, entry.marker) for entry in made.find(name.lower().encode())]


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(LINES, st.sets(PLACES, min_size=3, max_size=5))
def test_ssh_keygen_finds_the_same_lines(tmp_path_factory, lines, places):
    """For any file, the lines that match a host are those that ssh-keygen -F finds."""
    path = tmp_path_factory.getbasetemp() / "known_hosts"
    path.write_text("\n".join(lines) + "\n", newline="")

    for place in places:
        name = host_name(*place)
        assert found(path, name) == told(path, name)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(LINES, PLACES)
def test_lines_that_ssh_keygen_hashed_mean_the_same(tmp_path_factory, lines, place):
    """After ssh-keygen -H, the lines of a host are still those that ssh-keygen -F finds."""
    path = tmp_path_factory.getbasetemp() / "hashed_hosts"
    path.write_text("\n".join(lines) + "\n")
    name = host_name(*place)
    subprocess.run(["ssh-keygen", "-H", "-f", path], capture_output=True, check=False)

    assert found(path, name) == told(path, name)


@pytest.mark.parametrize(
    "names",
    [
        *("*,!web", "!web,*", "w*,!w?b", "web,!web", "!db", "!*,web", "db,!web,web"),
        *("we*eb", "w*b*b", "*web*", "w??", "?*?*?*?", "**", "web*,web", "*,![web]:2222"),
        *("[*]:2222", "[w*]:*", "[web]:*,!*2", "*:*", "web,,", ",", "!", "WE?,!W*", "*,!we*eb"),
    ],
)
def test_wildcards_and_negation_mean_what_they_do_for_ssh(tmp_path, names):
    """Each list of names matches the hosts that it matches for ssh-keygen -F."""
    (tmp_path / "known").write_text(line(names, key(1)) + "\n")

    for name in ("web", "[web]:2222"):
        assert found(tmp_path / "known", name) == told(tmp_path / "known", name)


@pytest.mark.parametrize("names", ["WEB1", "w?B1", "Db,Web1", "[WEB1]:2222,web1"])
@pytest.mark.parametrize("asked", ["web1", "WEB1", "Web1"])
def test_case_means_nothing(tmp_path, names, asked):
    """Names match in any case, in the file and in what is asked."""
    (tmp_path / "known").write_text(line(names, key(1)) + "\n")

    assert found(tmp_path / "known", asked) == told(tmp_path / "known", asked) == [(1, "")]


def test_a_bad_line_is_named_and_skipped():
    """Every line that means nothing gets its warning, with its place; the good ones count."""
    made = index("web", line("web", key(1)), "web ssh-ed25519 ?", "@odd web a b", "|1|x web b c")

    assert [warning.split(":")[1] for warning in made.warnings] == ["1", "3", "4", "5"]
    assert [entry.line for entry in made.find(b"web")] == [2]


def test_a_key_that_is_cut_off_is_named():
    """A line whose key ends too early is a bad line, not a key that has changed."""
    cut = line("web", key(1))[:-12]

    made = index(cut)

    assert made.warnings == ("known:1: the key is cut off",)
    assert made.find(b"web") == ()


def test_bytes_that_are_no_text_do_no_harm():
    """A comment, or a name, in another encoding loses no line."""
    good = line("web", key(1)) + " caf\udce9"

    made = index(f"caf\udce9 {good[4:]}", good)

    assert [entry.line for entry in made.find(b"web")] == [2]


def test_only_blanks_and_tabs_part_words():
    """A form feed or a carriage return is no blank, as for ssh."""
    made = index(line("web\fdb", key(1)), line("web", key(2)) + "\fx", line("web", key(3)) + "\r")

    assert [entry.key for entry in made.find(b"web")] == [key(3)]
    assert [entry.line for entry in made.find(b"web\fdb")] == [1]


def test_unknown_types_of_key_are_kept():
    """A type that cannot be used, such as that of a security key, is no bad line."""
    token = key(1, "sk-ssh-ed25519@openssh.com")

    made = index(line("web", token))

    assert [entry.key for entry in made.find(b"web")] == [token]
    assert not made.warnings


def test_lines_with_one_key_share_it():
    """A key that ten thousand lines repeat is held once."""
    made = index(line("web", key(1)), line("db", key(1)))

    (one,), (other,) = made.find(b"web"), made.find(b"db")
    assert one.key is other.key


def test_a_hashed_line_is_found_again_and_once_only():
    """What was unhashed for one name is still found for it, and for no other."""
    made = index(line(hashed("web"), key(1)), line(hashed("web"), key(2)), line("db", key(3)))

    for _ in range(2):
        assert [entry.line for entry in made.find(b"web")] == [1, 2]
        assert made.find(b"web2") == ()

    made.add(line(hashed("web"), key(4)).encode())

    assert [entry.line for entry in made.find(b"web")] == [1, 2, 4]

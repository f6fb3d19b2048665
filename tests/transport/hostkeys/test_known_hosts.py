"""Which keys belong to which hosts, beside what OpenSSH says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import subprocess
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.errors import TransportError
from preflight.transport.hostkeys import known_hosts
from preflight.transport.hostkeys.known_hosts import KnownHosts, PublicKey, load


def key(seed: int, kind: str = "ssh-ed25519") -> PublicKey:
    """Return a key that is valid in form."""
    body = hashlib.sha256(bytes([seed])).digest()
    words = (kind.encode(), body)
    return PublicKey(kind, b"".join(len(w).to_bytes(4, "big") + w for w in words))


def line(names: str, of: PublicKey, marker: str = "") -> str:
    """Return a line of known_hosts."""
    return f"{marker} {names} {of.type} {base64.b64encode(of.blob).decode()}".strip()


def hashed(name: str) -> str:
    """Return *name* as HashKnownHosts writes it."""
    salt = hashlib.sha1(name.encode()).digest()
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def index(*lines: str) -> KnownHosts:
    """Return the index of one file with these lines."""
    content = os.fsencode("\n".join(lines))
    return KnownHosts(("known",), (known_hosts.parse("known", content),))


def cause(known: KnownHosts, offered: PublicKey, port: int = 22) -> str | None:
    """Return why *offered* is refused for the host "web", None where it is not."""
    try:
        known.record("web", port).verify(offered)
    except TransportError as error:
        return error.cause
    return None


NAMES = ["web", "web1", "web1.example.com", "10.0.0.1", "fe80::1", "db"]
PATTERNS = st.text("web1.*?dBE", min_size=1, max_size=6) | st.sampled_from(NAMES)
HOSTS = st.tuples(PATTERNS, st.sampled_from(["{}", "!{}", "[{}]:2222"])).map(
    lambda drawn: drawn[1].format(drawn[0])
)
PLACES = st.sampled_from([(name, port) for name in NAMES for port in (22, 2222)])
NAME_LISTS = st.lists(HOSTS, min_size=1, max_size=3).map(",".join) | PLACES.map(
    lambda place: hashed(known_hosts.host_name(*place))
)
LINES = st.builds(
    line,
    NAME_LISTS,
    st.integers(0, 3).map(key),
    st.sampled_from(["", "", "", "@revoked", "@cert-authority"]),
) | st.sampled_from(["# web", "", "web", "junk ssh-ed25519 AAAA", "@odd web x y", "  \t"])


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=12), PLACES)
def test_ssh_keygen_finds_the_same_lines(lines, place):
    """For any file, the lines that match a host are those that ssh-keygen -F finds."""
    content = "\n".join(lines) + "\n"
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(content)
        file.flush()
        command = ["ssh-keygen", "-F", known_hosts.host_name(*place), "-f", file.name]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout

        found = load((file.name,)).find(*place)

    theirs = re.findall(r"found: line (\d+)(?: (\w+))?", told)
    words = {"": "", "CA": "cert-authority", "REVOKED": "revoked"}
    assert [(e.line, e.marker) for e in found] == [(int(n), words[m]) for n, m in theirs]


def test_a_recorded_key_is_accepted():
    """A key that is recorded for the name proves the host."""
    assert cause(index(line("web", key(1))), key(1)) is None


def test_any_of_several_recorded_keys_is_accepted():
    """A host may have several keys of one type."""
    assert cause(index(line("web", key(1)), line("web", key(2))), key(2)) is None


def test_another_key_of_the_same_type_is_a_changed_one():
    """A key of a recorded type that is not the recorded one has changed."""
    assert cause(index(line("web", key(1))), key(2)) == "host-key-changed"


def test_a_key_of_another_type_is_an_unknown_one():
    """A key of a type of which nothing is recorded is unknown, as for ssh."""
    assert cause(index(line("web", key(1, "ecdsa-sha2-nistp256"))), key(1)) == "host-key-unknown"


def test_a_key_of_another_host_is_an_unknown_one():
    """A key that is recorded for another host proves nothing."""
    assert cause(index(line("db", key(1))), key(1)) == "host-key-unknown"


def test_a_revoked_key_is_refused_even_where_it_is_recorded():
    """A revocation wins over every other line."""
    known = index(line("web", key(1)), line("*", key(1), "@revoked"))

    assert cause(known, key(1)) == "host-key-revoked"


def test_another_key_than_the_revoked_one_is_judged_by_its_own_lines():
    """A revocation says nothing of other keys."""
    assert cause(index(line("web", key(1)), line("*", key(2), "@revoked")), key(1)) is None


def test_an_authority_alone_is_not_enough():
    """A host that only an authority could vouch for is refused with that cause."""
    known = index(line("*", key(1), "@cert-authority"))

    assert cause(known, key(2)) == "host-key-ca-unsupported"
    assert cause(known, key(1)) == "host-key-ca-unsupported"


def test_a_port_has_its_own_keys():
    """A host on another port is known by the name with the port, or by that very key."""
    known = index(line("[web]:2222", key(1)), line("web", key(2)))

    assert cause(known, key(1), 2222) is None
    assert cause(known, key(2), 2222) == "host-key-changed"
    assert cause(known, key(2), 2200) is None
    assert cause(known, key(3), 2200) == "host-key-unknown"


def test_revocation_without_a_port_holds_for_every_port():
    """A key that is revoked for a name is revoked on its other ports too."""
    assert cause(index(line("web", key(1), "@revoked")), key(1), 2222) == "host-key-revoked"


def test_a_bad_line_is_named_and_skipped():
    """Every line that means nothing gets its warning, with its place; the good ones count."""
    known = index("web", line("web", key(1)), "web ssh-ed25519 ?", "@odd web a b", "|1|x web b c")

    assert [w.split(":")[1] for w in known.warnings] == ["1", "3", "4", "5"]
    assert cause(known, key(1)) is None


def test_bytes_that_are_no_text_do_no_harm():
    """A comment, or a name, in another encoding loses no line."""
    good = line("web", key(1)) + " caf\udce9"

    assert cause(index(f"caf\udce9 {good[4:]}", good), key(1)) is None


def test_unknown_types_of_key_are_kept():
    """A type that cannot be used, such as that of a security key, is no bad line."""
    known = index(line("web", key(1, "sk-ssh-ed25519@openssh.com")))

    assert not known.warnings
    assert known.record("web", 22).key_types == ("sk-ssh-ed25519@openssh.com",)


def test_a_file_is_read_again_when_it_changes(tmp_path):
    """A line that was added during a run is seen."""
    path = tmp_path / "known"
    path.write_text(line("db", key(1)))
    assert cause(load((str(path),)), key(1)) == "host-key-unknown"

    path.write_text(line("db,web", key(1)))

    assert cause(load((str(path),)), key(1)) is None


def test_a_file_is_read_once(tmp_path):
    """Two hosts share the index of their file."""
    path = tmp_path / "known"
    path.write_text(line("web", key(1)))

    assert load((str(path),)).files[0] is load((str(path),)).files[0]


def test_a_file_that_cannot_be_read_is_a_warning(tmp_path):
    """A directory in place of a file is told; a file that does not exist is just empty."""
    known = load((str(tmp_path), str(tmp_path / "absent")))

    assert known.warnings == (f"{tmp_path}: Is a directory",)

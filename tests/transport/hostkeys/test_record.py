"""Whether the key that a host shows is the one that is recorded."""

from __future__ import annotations

import pytest

from preflight.errors import TransportError
from preflight.transport.hostkeys import refusal
from preflight.transport.hostkeys.offer import Offer
from tests.transport.hostkeys.material import cause, index, key, line, record

ECDSA = "ecdsa-sha2-nistp256"


def test_a_recorded_key_is_known():
    """A key that is recorded for the name proves the host."""
    assert cause(index(line("web", key(1))), key(1)) is None


def test_any_of_several_recorded_keys_is_known():
    """A host may have several keys of one type."""
    assert cause(index(line("web", key(1)), line("web", key(2))), key(2)) is None


def test_another_key_of_the_same_type_is_a_changed_one():
    """A key of a recorded type that is not the recorded one has changed."""
    assert cause(index(line("web", key(1))), key(2)) == "host-key-changed"


def test_a_key_of_another_type_is_a_changed_one():
    """A host of which only a key of another type is recorded has changed, as for ssh."""
    assert cause(index(line("web", key(1, ECDSA))), key(1)) == "host-key-changed"


def test_a_key_of_another_host_is_a_new_one():
    """A key that is recorded for another host proves nothing."""
    assert cause(index(line("db", key(1))), key(1)) == "new"


def test_a_revoked_key_is_refused_even_where_it_is_recorded():
    """A revocation wins over every other line."""
    known = index(line("web", key(1)), line("*", key(1), "@revoked"))

    assert cause(known, key(1)) == "host-key-revoked"


def test_another_key_than_the_revoked_one_is_judged_by_its_own_lines():
    """A revocation says nothing of other keys."""
    assert cause(index(line("web", key(1)), line("*", key(2), "@revoked")), key(1)) is None


def test_an_authority_proves_no_plain_key():
    """Where only an authority is recorded, a plain key is new, also the authority's own."""
    known = index(line("*", key(1), "@cert-authority"))

    assert cause(known, key(2)) == "new"
    assert cause(known, key(1)) == "new"


def test_a_port_has_its_own_keys():
    """Where nothing is recorded under the port, and only then, the plain name counts."""
    known = index(line("[web]:2222", key(1)), line("web", key(2)))

    assert cause(known, key(1), 2222) is None
    assert cause(known, key(2), 2222) == "host-key-changed"
    assert cause(known, key(2), 2200) is None
    assert cause(known, key(3), 2200) == "new"


def test_revocation_without_a_port_holds_for_every_port():
    """A key that is revoked for a name is revoked on its other ports too."""
    assert cause(index(line("web", key(1), "@revoked")), key(1), 2222) == "host-key-revoked"


def test_an_alias_stands_for_name_and_port():
    """With HostKeyAlias, neither the address nor the port is looked up."""
    known = index(line("web", key(1)), line("[web]:2222", key(1)), line("Fleet", key(2)))

    assert cause(known, key(1), 2222, host_key_alias="fleet") == "host-key-changed"
    assert cause(known, key(2), 2222, host_key_alias="fleet") is None


def test_the_types_of_a_key_come_from_the_port_or_the_plain_name():
    """What is recorded without a port counts where nothing is recorded with it."""
    known = index(line("web", key(1)), line("[web]:2222", key(1, ECDSA)))

    assert record(known, 2222).key_types == (ECDSA,)
    assert record(known, 2200).key_types == ("ssh-ed25519",)


def test_an_unusable_type_that_is_recorded_is_told():
    """A host that is known by a security key alone is not called changed without a word."""
    token = key(1, "sk-ssh-ed25519@openssh.com")
    known = record(index(line("web", token)))

    with pytest.raises(TransportError) as caught:
        known.is_known(Offer(key(2)))
    assert "no sk-ssh-ed25519@openssh.com key can be verified here" in caught.value.hint


def test_an_authority_that_cannot_be_used_has_a_cause_of_its_own():
    """An authority whose key is in a security token cannot be honoured, and is named."""
    token = key(1, "sk-ssh-ed25519@openssh.com")
    known = record(index(line("*", token, "@cert-authority")))

    error = refusal.unknown(known, Offer(key(2)))

    assert not known.takes_certificates
    assert error.cause == "host-key-ca-unsupported"
    assert "the authority of known:1 has a sk-ssh-ed25519@openssh.com key" in error.message


def test_the_hint_can_be_pasted():
    """The name of a host on another port is quoted for the shell."""
    with pytest.raises(TransportError) as caught:
        record(index(line("[web]:2222", key(1))), 2222).is_known(Offer(key(2)))

    assert caught.value.hint.endswith("ssh-keygen -R '[web]:2222' -f known")

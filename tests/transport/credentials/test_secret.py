"""Secrets that nobody sees by accident."""

from __future__ import annotations

import copy
import json
import pickle

import msgspec
import pytest

from preflight.transport import Options
from preflight.transport.credentials.secret import NO_SECRETS, Secret, Secrets

CANARY = "canary-of-a-secret-7Qx"
SECRETS = Secrets(
    password=Secret(CANARY + "1"),
    become_password=Secret(CANARY + "2"),
    passphrases=(("/home/me/.ssh/id", Secret(CANARY + "3")),),
)


@pytest.mark.parametrize("held", [Secret(CANARY), SECRETS, Options(secrets=SECRETS)])
def test_a_secret_does_not_show(held):
    """However a secret, or what holds it, is printed, it is not to be read."""
    shown = [repr(held), str(held), f"{held}", f"{held!r}", f"{Secret(CANARY):>20}"]

    assert CANARY not in "".join(shown)
    assert "[secret]" in repr(held)


@pytest.mark.parametrize("held", [Secret(CANARY), SECRETS, Options(secrets=SECRETS)])
@pytest.mark.parametrize(
    "encode",
    [msgspec.json.encode, msgspec.msgpack.encode, msgspec.yaml.encode, pickle.dumps, json.dumps],
)
def test_a_secret_does_not_travel(held, encode):
    """No encoder takes a secret, nor what holds one."""
    with pytest.raises(TypeError) as caught:
        encode(held)

    assert CANARY not in str(caught.value)


def test_options_without_secrets_travel():
    """What has no secret in it is plain data that comes back as it was."""
    options = Options(user="deploy", secrets=NO_SECRETS)

    assert options == msgspec.json.decode(msgspec.json.encode(options), type=Options)


def test_secrets_travel_where_that_is_meant():
    """What `reveal` gives for a pipe is the same secrets at its other end."""
    assert CANARY.encode() in SECRETS.reveal()
    assert SECRETS == Secrets.revealed(SECRETS.reveal())
    assert NO_SECRETS == Secrets.revealed(NO_SECRETS.reveal())


def test_a_copy_of_a_secret_is_the_secret():
    """Copies do not need what pickle would need."""
    assert SECRETS == copy.deepcopy(SECRETS) == copy.copy(SECRETS)
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"

"""What is asked once for a class of hosts is what ssh says of each of them."""

from __future__ import annotations

import re

import pytest

from preflight.transport.config import fallback, jumps
from preflight.transport.config.configuration import Configuration
from preflight.transport.config.failures import Unusable
from preflight.transport.config.reading import Source, read
from tests.transport.config.program import KEPT, counting, lay_out, question, ssh_says, we_say

pytestmark = pytest.mark.slow

NAMES = sorted(path.stem for path in KEPT.glob("*.conf"))
HOSTS = {n: re.search(r"# hosts: (.*)", (KEPT / f"{n}.conf").read_text())[1].split() for n in NAMES}
# What only ssh itself can answer, for at least one host.
NEEDS_SSH = {
    *("algorithms", "canonicalize", "canonicalize-some", "match-canonical"),
    *("match-exec", "match-exec-after-hostname", "match-exec-elsewhere", "match-final"),
    *("ipv4-forms", "proxy-jump-or-command"),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("configurations"))


@pytest.mark.parametrize("name", NAMES)
def test_every_host_gets_what_ssh_says(name, kept):
    """Also the hosts that come after the one that ssh was asked for."""
    configuration = Configuration(str(kept / f"{name}.conf"), ())

    for text in HOSTS[name]:
        asked = question(text)
        assert ssh_says(kept / f"{name}.conf", asked) == we_say(configuration, asked), text


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_hosts_does_not_matter(name, kept):
    """Whichever host of a class ssh is asked for, the others get their own answer."""
    configuration = Configuration(str(kept / f"{name}.conf"), ())

    for text in reversed(HOSTS[name]):
        asked = question(text)
        assert ssh_says(kept / f"{name}.conf", asked) == we_say(configuration, asked), text


@pytest.mark.parametrize("name", NAMES)
def test_without_ssh_a_host_gets_the_same_or_is_refused(name, kept):
    """The parser of our own never says another thing than ssh; most it can say."""
    path = kept / f"{name}.conf"
    files = read([Source(str(path))], (), "/etc/ssh")
    home = Configuration(None, ()).home
    defaults = counting(Configuration("none", ()).defaults)

    refused = False
    for text in HOSTS[name]:
        asked = question(text)
        try:
            says = counting(fallback.ask(files, asked, home))
        except Unusable:
            refused = True
            continue
        if truth := ssh_says(path, asked):
            assert _plain(truth) == _plain({**defaults, **says}), text
    assert refused == (name in NEEDS_SSH)


def _plain(said):
    """Take two ways to write the same for one."""
    words = {"true": "yes", "false": "no"}
    plain = {k: tuple(words.get(v, v) for v in values) for k, values in said.items()}
    return {**plain, "proxyjump": tuple(map(jumps.parse, said.get("proxyjump", ())))}

"""Random configurations: the classes of hosts, and the parser of our own, against ssh."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from preflight.transport.config import fallback
from preflight.transport.config.answers import Question
from preflight.transport.config.configuration import Configuration
from preflight.transport.config.failures import Unusable
from preflight.transport.config.reading import Source, read
from tests.transport.config.program import counting, ssh_says, we_say
from tests.transport.config.test_against_ssh import _plain

NAMES = ["a", "b", "ab", "a.x", "b.x", "web-1", "web-2", "A", "10.0.0.1", "bastion"]
PATTERNS = [*NAMES, "*", "a*", "?", "*.x", "web-*", "10.*", "x.*", "*-?"]
USERS = ["root", "deploy", "dan"]

names = st.sampled_from(NAMES)
patterns = st.sampled_from(PATTERNS)
signed = st.builds(
    lambda sign, pattern: sign + pattern, st.sampled_from(["", "", "", "!"]), patterns
)
hosts = st.lists(signed, min_size=1, max_size=3)
conditions = st.one_of(
    st.builds("{}host {}".format, st.sampled_from(["", "!"]), hosts.map(",".join)),
    st.builds("{}originalhost {}".format, st.sampled_from(["", "!"]), hosts.map(",".join)),
    st.builds("user {}".format, st.sampled_from([*USERS, "d*", "!root,*"])),
    st.just("localuser *"),
    st.sampled_from(["final", "!final", "canonical", "!canonical"]),
    st.builds('exec "test %{} = {}"'.format, st.sampled_from("hn"), names),
)
openings = st.one_of(
    hosts.map(lambda words: f"Host {' '.join(words)}"),
    hosts.map(lambda words: f"Host {' '.join(words)}"),
    st.lists(conditions, min_size=1, max_size=3).map(lambda all_: f"Match {' '.join(all_)}"),
    st.just("Match all"),
    st.just("Include @INNER@"),
)
values = st.one_of(
    st.builds("User {}".format, st.sampled_from(USERS)),
    st.builds("Port {}".format, st.integers(1, 9)),
    st.builds("HostName {}".format, st.sampled_from([*NAMES, "%h.x", "B"])),
    st.builds("IdentityFile /keys/{}".format, st.sampled_from(["one", "two", "%h", "%r"])),
    st.builds("ProxyJump {}".format, st.sampled_from(["none", "bastion", "dan@ab:2,b"])),
    st.builds("ProxyCommand {}".format, st.sampled_from(["none", "nc %h %p"])),
    st.builds("UserKnownHostsFile {}".format, st.sampled_from(["/k/one /k/two", "/k/%n", "none"])),
    st.builds("HostKeyAlias {}".format, st.sampled_from(["Fleet", "a"])),
    st.builds("Ciphers {}".format, st.sampled_from(["aes256-ctr", "-aes128-*"])),
)
texts = st.lists(st.one_of(openings, values, values), max_size=10).map("\n".join)
questions = st.builds(
    Question,
    names,
    st.sampled_from([None, None, *USERS]),
    st.sampled_from([None, 4, 22]),
    st.sampled_from([None, None, "10.0.0.9", "a.x", "A", "2001:DB8::0"]),
    st.sampled_from(["config", "config", "direct", "jump"]),
)
fleets = st.lists(questions, min_size=2, max_size=6)
slowly = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def write(tmp_path, outer, inner):
    """Write the two files; what is included includes nothing."""
    config = tmp_path / "config"
    config.write_text(outer.replace("@INNER@", str(tmp_path / "inner")))
    (tmp_path / "inner").write_text(inner.replace("Include @INNER@", "# nothing"))
    (tmp_path / "inner").chmod(0o600)
    ssh_says.cache_clear()
    return config


@pytest.mark.slow
@slowly
@given(outer=texts, inner=texts, fleet=fleets)
def test_each_host_of_a_class_gets_what_ssh_says_of_it(tmp_path, outer, inner, fleet):
    """Whatever patterns, conditions and values the files hold."""
    config = write(tmp_path, outer, inner)
    configuration = Configuration(str(config), ())

    for asked in fleet:
        assert ssh_says(config, asked) == we_say(configuration, asked), asked


@pytest.mark.slow
@slowly
@given(outer=texts, inner=texts, fleet=fleets)
def test_without_ssh_nothing_is_guessed(tmp_path, outer, inner, fleet):
    """Where the parser of our own answers, it answers as ssh does."""
    config = write(tmp_path, outer, inner)
    files = read([Source(str(config))], (), "/etc/ssh")
    none = Configuration("none", ())
    defaults = counting(none.defaults)

    for asked in (structs.replace(one, proxy="config") for one in fleet):
        try:
            says = counting(fallback.ask(files, asked, none.home))
        except Unusable:
            continue
        if truth := ssh_says(config, asked):
            assert _plain(truth) == _plain({**defaults, **says}), asked

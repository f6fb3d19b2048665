"""Patterns that select hosts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.errors import UsageError
from preflight.inventory import Inventory
from preflight.model.host import Host
from preflight.model.nodeset import fold

NAMES = ("web-01", "web-02", "web-03", "web-10", "n1", "n2", "n5", "db", "2001:db8::1", "::1")
GROUPS = {"web": NAMES[:4], "old": ("web-03", "db"), "canary": ("web-01",), "none": ()}
FLEET = Inventory(tuple(Host(name=name) for name in NAMES), GROUPS)
SEE = "see 'preflight hosts' for the names that there are"


def select(*patterns):
    """Return the names that the patterns select, joined."""
    return " ".join(host.name for host in FLEET.select(patterns))


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("all", " ".join(NAMES)),
        ("*", " ".join(NAMES)),
        ("db", "db"),
        ("db,n1", "n1 db"),
        ("~n[15]$", "n1 n5"),
        ("~.*-1", "web-10"),
        ("~ol|n1", "web-03 n1 db"),
        ("web:!~web-0", "web-10"),
        ("db:n1", "n1 db"),
        (" db , n1,", "n1 db"),
        ("web", "web-01 web-02 web-03 web-10"),
        ("web:!old", "web-01 web-02 web-10"),
        ("web:&old", "web-03"),
        ("web:db:&old:!db", "web-03"),
        ("!db:web:db", "web-01 web-02 web-03 web-10"),
        ("&old", "web-03 db"),
        ("!web,!n*", "db 2001:db8::1 ::1"),
        ("web-0*", "web-01 web-02 web-03"),
        ("n?", "n1 n2 n5"),
        ("can*", "web-01"),
        ("n[1-4]", "n1 n2"),
        ("n[15]", "n1 n5"),
        ("n[!1]", "n2 n5"),
        ("web-[01:03]", "web-01 web-02 web-03"),
        ("web-[01-03]", "web-01 web-02 web-03"),
        ("web-[01-02,10]", "web-01 web-02 web-10"),
        ("web-[01:02],db", "web-01 web-02 db"),
        ("web:!web-[01:02]:&web-[02:03]", "web-03"),
        ("w[e:e]b", "web-01 web-02 web-03 web-10"),
        ("web-[01:02]*", "web-01 web-02"),
        ("web[0]", "web-01"),
        ("web[-1]:old[0]", "web-03 web-10"),
        ("web[1:2]", "web-02 web-03"),
        ("web[2:]:!web[3]", "web-03"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("2001:db8::1,db", "db 2001:db8::1"),
        ("all:![2001:db8::1]:!web:!n*", "db ::1"),
        ("!::1,&2001*", "2001:db8::1"),
    ],
)
def test_pattern_selects(pattern, selected):
    """Names, groups, globs and ranges add up, ``&`` keeps and ``!`` drops; the order stays."""
    assert selected == select(pattern)


def test_patterns_are_one():
    """Several patterns mean what one with all their terms means."""
    assert select("web", "!old") == select("web:!old") == select("!old", "web")


def test_no_pattern_selects_all():
    """Without a pattern every host is meant."""
    assert FLEET.hosts == FLEET.select(())


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("dbb", "no host matches 'dbb'", "did you mean 'db'?"),
        ("zzz", "no host matches 'zzz'", SEE),
        ("web:!dbb", "no host matches 'dbb'", "did you mean 'db'?"),
        ("z*", "no host matches 'z*'", SEE),
        ("none", "group 'none' has no hosts", "name another group"),
        ("Web", "no host matches 'Web'", "did you mean 'web'?"),
        (
            "web-[01:04]",
            "no host matches 'web-04', which 'web-[01:04]' stands for",
            "name a range that is all there, or use '*' for what there is",
        ),
        (
            "web-[3:1]",
            "the range '3:1' in 'web-[3:1]' is empty",
            "write a range as [01:20], a class as [a-z]",
        ),
        (
            "web-[01:",
            "the brackets of 'web-[01' do not match",
            "write a range as [01:20], a class as [a-z]",
        ),
        (
            "web-[1:100001]",
            "'web-[1:100001]' stands for more than 100,000 hosts",
            "use '*' for what there is",
        ),
        ("web[4]", "group 'web' has no host at 'web[4]'", "the first host of a group is at 0"),
        (f"web[{'9' * 5000}]", f"no host matches 'web[{'9' * 55}…'", SEE),
        ("", "the pattern '' is empty", "write 'all' for all hosts"),
        (" ,:", "the pattern ' ,:' is empty", "write 'all' for all hosts"),
        ("!", "nothing follows '!'", "write '!NAME'"),
        ("!~", "nothing follows '!~'", "write '!~EXPRESSION'"),
        ("~xyz", "no host matches '~xyz'", "'~' starts an expression"),
        (
            "~a(",
            "'~a(' is no expression: missing ), unterminated subpattern at position 1",
            "see Python's re; a comma or a colon ends a term",
        ),
        ("web:&", "nothing follows '&'", "write '&NAME'"),
        ("@", "nothing follows '@'", "write '@FILE'"),
        ("web:!@", "nothing follows '!@'", "write '!@FILE'"),
        ("db:!db", "the pattern 'db:!db' leaves no host", SEE),
        (
            "a\x1b[2Jb",
            "the brackets of 'a\\x1b[2Jb' do not match",
            "write a range as [01:20], a class as [a-z]",
        ),
    ],
)
def test_pattern_that_means_no_host_is_refused(pattern, message, hint):
    """A term without a host, also one that drops, is a mistake to point out."""
    with pytest.raises(UsageError) as caught:
        FLEET.select([pattern])

    assert (message, hint) == (caught.value.message, caught.value.hint)


def test_file_of_names_selects(tmp_path):
    """``@FILE`` stands for the names, groups and ranges in it, one a line."""
    path = tmp_path / "failed.txt"
    path.write_text("# of yesterday\nweb-01  # slow\n\n2001:db8::1\nn[1-2]\nold\n")

    assert select(f"@{path}") == "web-01 web-03 n1 n2 db 2001:db8::1"
    assert select(f"web:!@{path}") == "web-02 web-10"


def test_empty_file_drops_nothing(tmp_path):
    """A file without a name in it means no host, and alone that is a mistake."""
    path = tmp_path / "done.txt"
    path.write_text("\n")

    assert select(f"web:!@{path}") == select("web")
    with pytest.raises(UsageError, match="leaves no host"):
        select(f"@{path}")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"db\ndbb\n", "names.txt:2: no host matches 'dbb'"),
        (b"!db\n", "names.txt:1: no host matches '!db'"),
        (b"@names.txt\n", "names.txt:1: no host matches '@names.txt'"),
        (b"\xff", "'names.txt' is not UTF-8"),
        (None, "names.txt: no such file or directory"),
    ],
)
def test_file_of_names_is_checked(tmp_path, monkeypatch, raw, message):
    """A name that no host has is an error with its line, as is a file that cannot be read."""
    monkeypatch.chdir(tmp_path)
    if raw is not None:
        (tmp_path / "names.txt").write_bytes(raw)

    with pytest.raises(UsageError) as caught:
        select("@names.txt")

    assert message == caught.value.message


@given(st.sets(st.sampled_from(NAMES[:8]), min_size=1))
def test_folded_names_select_the_same_hosts(names):
    """What a report folds can be pasted as a pattern, whole or term by term."""
    folded = fold(names)

    assert names == {host.name for host in FLEET.select([",".join(folded)])}
    assert names == {host.name for host in FLEET.select([":".join(folded)])}
    assert names == {host.name for host in FLEET.select(folded)}


TERMS = st.sampled_from(
    ["all", *NAMES[:8], "web", "old", "canary", "web-*", "n[1-5]", "web-[01:03]"]
)


@given(st.lists(TERMS), st.lists(TERMS), st.lists(TERMS), st.randoms(use_true_random=False))
def test_terms_are_sets(named, kept, dropped, random):
    """In any order: the union of the named, within each kept, without each dropped."""
    terms = [*named, *(f"&{term}" for term in kept), *(f"!{term}" for term in dropped)]
    random.shuffle(terms)
    one = {term: {host.name for host in FLEET.select([term])} for term in (*named, *kept, *dropped)}
    wanted = set().union(*(one[term] for term in named)) if named else set(NAMES)
    wanted = wanted.intersection(*(one[t] for t in kept)).difference(*(one[t] for t in dropped))

    try:
        found = {host.name for host in FLEET.select([":".join(terms)] if terms else [])}
    except UsageError:
        found = set()

    assert wanted == found

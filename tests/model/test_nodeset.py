"""Sets of host names: written short, and read again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.model.nodeset import expand, fold, is_ipv6

NAMES = st.sets(
    st.from_regex(r"[a-c:.-]?([0-9]{1,3}[a.-]){0,3}[0-9]{0,20}", fullmatch=True)
    | st.builds(
        "n{:0{}}{}".format, st.integers(0, 12), st.integers(0, 3), st.sampled_from(["", "-1"])
    )
)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web", ("web",)),
        (
            "web-[01:03].example.com",
            ("web-01.example.com", "web-02.example.com", "web-03.example.com"),
        ),
        ("web-[01-03]", ("web-01", "web-02", "web-03")),
        ("web-[8:11]", ("web-8", "web-9", "web-10", "web-11")),
        ("web-[099:101]", ("web-099", "web-100", "web-101")),
        ("web-[01-02,07]", ("web-01", "web-02", "web-07")),
        ("db-[a:c]", ("db-a", "db-b", "db-c")),
        ("DB-[A-B]", ("DB-A", "DB-B")),
        ("r[1:2]-n[1:2]", ("r1-n1", "r1-n2", "r2-n1", "r2-n2")),
        ("[::1]", ("[::1]",)),
        ("[fe80::1%eth0]", ("[fe80::1%eth0]",)),
        ("::[1-2]", ("::1", "::2")),
    ],
)
def test_range_stands_for_its_names(pattern, names):
    """A range stands for both of its ends and all between, padded as its start."""
    assert names == expand(pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("web-[5:1]", "the range '5:1' in 'web-[5:1]' is empty"),
        ("web-[f:a]", "the range 'f:a' in 'web-[f:a]' is empty"),
        ("web-[x]", "'x' in 'web-[x]' is no range"),
        ("web-[a:F]", "'a:F' in 'web-[a:F]' is no range"),
        ("web-[]", "'' in 'web-[]' is no range"),
        ("web-[1:2", "the brackets of 'web-[1:2' do not match"),
        ("web-1:2]", "the brackets of 'web-1:2]' do not match"),
        ("web-[[1:2]]", "the brackets of 'web-[[1:2]]' do not match"),
        ("web-[1:100001]", "'web-[1:100001]' stands for more than 100,000 hosts"),
        (
            "[1:999999999999999999][1:999999999999999999]",
            "'[1:999999999999999999][1:999999999999999999]' stands for more than 100,000 hosts",
        ),
    ],
)
def test_range_that_means_nothing_is_refused(pattern, message):
    """A range that is none, is empty or explodes is refused in one sentence."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        expand(pattern)


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ()),
        (["web"], ("web",)),
        (["web-07"], ("web-07",)),
        ([f"web-{n:02}.example.com" for n in range(1, 21)], ("web-[01-20].example.com",)),
        ([f"web-{n}" for n in (5, 4, 3, 2, 1, 7)], ("web-[1-5,7]",)),
        ([f"web-{n:02}" for n in range(98, 102)], ("web-[98-101]",)),
        (["n1", "n01", "n02", "n2", "n10"], ("n[1-2,01-02,10]",)),
        (["n1", "n02"], ("n[1,02]",)),
        (["web-10", "web-9", "db-2"], ("db-2", "web-[9-10]")),
        ([f"r{r}-n{n}" for r in (1, 2) for n in (1, 2, 3)], ("r1-n[1-3]", "r2-n[1-3]")),
        ([f"web-{n}.dc1" for n in (1, 2, 3)], ("web-[1-3].dc1",)),
        ([f"web-{n}.dc{d}" for n in (1, 2, 3) for d in (1, 2)], ("web-[1-3].dc1", "web-[1-3].dc2")),
        (["10.0.0.9", "10.0.0.10", "10.0.0.11"], ("10.0.0.[9-11]",)),
        (["a2", "a10b", "a1b"], ("a[1,10]b", "a2")),
        (["x[1-2]", "x[1-3]"], ("x[1-2]", "x[1-3]")),
        (["i-12345678901234567890", "i-12345678901234567891"],) * 2,
    ],
)
def test_names_fold_into_ranges(names, folded):
    """Names that differ in one number share a row, holes and padding kept, in natural order."""
    assert tuple(folded) == fold(names)


@given(NAMES)
def test_folding_loses_and_adds_nothing(names):
    """What is folded expands to the same names, none of them twice."""
    expanded = [name for row in fold(names) for name in expand(row)]

    assert sorted(names) == sorted(expanded)


@given(st.lists(st.integers(0, 200), unique=True), st.integers(0, 3))
def test_numbers_of_one_width_make_one_row(numbers, width):
    """However many holes there are, one series is one row."""
    assert len(fold(f"web-{n:0{width}}" for n in numbers)) == bool(numbers)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("::1", True), ("[::1]", True), ("fe80::1%eth0", True), ("1:2", False), ("::1%a b", False)],
)
def test_ipv6_address_is_told_from_a_range(text, answer):
    """An IPv6 address is recognised with and without its brackets and zone."""
    assert answer is is_ipv6(text)

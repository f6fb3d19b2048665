"""A root in the cache is the one that its recipe asks for."""

import pytest
from msgspec import structs

from tests.hosts import roots
from tests.hosts.recipes import RECIPES


@pytest.mark.parametrize(
    "change", [{"suite": "trixie"}, {"arch": "i386"}, {"packages": ("curl",)}, {"finish": "true"}]
)
def test_changed_recipe_is_another_root(monkeypatch, change):
    """A recipe that changed in anything is built anew, beside the old root."""
    before = roots.path_of("bookworm")
    monkeypatch.setitem(RECIPES, "bookworm", structs.replace(RECIPES["bookworm"], **change))

    assert roots.path_of("bookworm") != before


def test_sid_has_many_programs(fleet):
    """Sid has enough ordinary programs to judge."""
    programs = [
        path
        for path in (fleet.root("sid") / "usr/bin").iterdir()
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"
    ]

    assert len(programs) > 150

"""Which inventory is read when none is named."""

import pytest

from preflight.errors import UsageError
from preflight.inventory import discover


def test_variable_names_the_inventory(tmp_path):
    """PREFLIGHT_INVENTORY is one source, and wins over the file in the directory."""
    (tmp_path / "inventory.yaml").touch()

    assert discover({"PREFLIGHT_INVENTORY": "a.yaml"}, tmp_path) == ["a.yaml"]
    assert discover({"PREFLIGHT_INVENTORY": "web1,web2:22,"}, tmp_path) == ["web1,web2:22,"]


def test_directory_has_an_inventory(tmp_path):
    """Without the variable, or with an empty one, inventory.yaml is read."""
    path = tmp_path / "inventory.yaml"
    path.touch()

    assert discover({}, tmp_path) == discover({"PREFLIGHT_INVENTORY": ""}, tmp_path) == [str(path)]


def test_no_inventory_is_an_error(tmp_path):
    """A wrong directory is an error that names what to type, and no empty success."""
    with pytest.raises(UsageError) as caught:
        discover({}, tmp_path)

    assert caught.value.message == (
        "no inventory: inventory.yaml is not in this directory and PREFLIGHT_INVENTORY is not set"
    )
    assert "--local" in str(caught.value.hint)

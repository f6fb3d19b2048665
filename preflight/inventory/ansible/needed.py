"""What only Ansible itself can read, and how that is said."""

from __future__ import annotations

from preflight.errors import InventoryError
from preflight.inventory.values import quoted

PREFIX = "ansible:"
VAULT_HEADER = b"$ANSIBLE_VAULT"


class NeedsAnsible(Exception):  # noqa: N818  (handled, or made an error)
    """A part of a source, at *place*, that ``ansible-inventory`` has to read."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(problem)
        self.place = place
        self.problem = problem

    def refusal(self, source: str) -> InventoryError:
        """Return the error for a source that does not say that programs may run."""
        return InventoryError(
            f"{self.place}: {self.problem}: only ansible-inventory can read it",
            f"to have it run, name the source as -i {quoted(PREFIX + source)}",
        )

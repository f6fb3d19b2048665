"""What an application needs of a host beyond its binary: the lines of a manifest."""

from __future__ import annotations

from msgspec import Struct


class Need(Struct, frozen=True, kw_only=True):
    """One thing that has to be there; *wanted* holds how it has to be, as it was written."""

    kind: str  # a key of preflight.judge.requirements.KINDS: "commands"
    subject: str  # "python3"
    wanted: tuple[tuple[str, str], ...] = ()  # a list stands as one pair for each element
    place: str = ""  # "preflight.yaml:12"

    @property
    def value(self) -> str:
        """What the one thing has to be."""
        return self.all("value")[0]

    def all(self, key: str) -> tuple[str, ...]:
        """Return all that stands under *key*, () where it does not."""
        return tuple(text for name, text in self.wanted if name == key)

    def get(self, key: str) -> str | None:
        """Return what stands under *key*, None where it does not."""
        return next(iter(self.all(key)), None)

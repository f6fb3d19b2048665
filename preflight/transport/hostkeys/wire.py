"""The data types of the SSH protocol, as they stand in keys: RFC 4251, 5."""

from __future__ import annotations


class Reader:
    """Takes values off the front of *data*; raises ValueError where it is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.place == len(self._data)

    def take(self, size_bytes: int) -> bytes:
        """Return the next *size_bytes* as they are."""
        end = self.place + size_bytes
        if end > len(self._data):
            raise ValueError("the data is cut off")
        taken = self._data[self.place : end]
        self.place = end
        return taken

    def number(self, size_bytes: int) -> int:
        """Return the next unsigned integer."""
        return int.from_bytes(self.take(size_bytes), "big")

    def string(self) -> bytes:
        """Return the next string, or the bytes of the next mpint."""
        return self.take(self.number(4))

    def part(self) -> Reader:
        """Return a reader of the next string."""
        return Reader(self.string())

    def strings(self) -> tuple[bytes, ...]:
        """Return all strings that are left."""
        found = []
        while not self.done:
            found.append(self.string())
        return tuple(found)


def string(data: bytes) -> bytes:
    """Return *data* as `Reader.string` reads it."""
    return len(data).to_bytes(4, "big") + data

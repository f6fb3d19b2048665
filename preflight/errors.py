"""
The exceptions that callers of preflight may see.

    PreflightError            one line that says where and what, and a hint
    ├── UsageError            the call itself is wrong (options, patterns)
    ├── InventoryError        an inventory cannot be read or means nothing
    ├── ManifestError         a manifest, or a file of waivers, cannot be read or means nothing
    ├── BinaryError           a binary cannot be opened
    ├── FactsError            a facts file cannot be read
    ├── ReportError           a report cannot be read, or reports do not go together
    ├── TransportError        a host could not be asked; becomes its status
    └── ProbeError            a host answered what no probe script answers

An unreachable host is data, not an exception: `api` turns `TransportError`
and `ProbeError` into the host's status, cause and reason.
"""

from __future__ import annotations

# Causes of faults that may be gone at the next try.
_PASSING = ("connection-lost", "too-many-connections")


class PreflightError(Exception):
    """What went wrong, in one lower-case line; *hint* says what to type."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PreflightError):
    """The call is wrong: an option, a pattern that matches no host."""


class InventoryError(PreflightError):
    """An inventory is not readable or not valid; the message starts with ``file:line:``."""


class ManifestError(PreflightError):
    """A manifest or waivers are not readable or not valid: ``file:line: …``."""


class BinaryError(PreflightError):
    """A binary to be analysed cannot be opened or read."""


class FactsError(PreflightError):
    """A facts file is not readable or not valid; the message starts with ``file:line:``."""


class ReportError(PreflightError):
    """A report is not readable or not valid: ``file:line: …``; or two do not go together."""


class TransportError(PreflightError):
    """
    A host could not be asked.

    *status* and *cause* are the report's words (`preflight.model.snapshot`),
    the message is the one-line reason.  A *passing* fault may be gone at the
    next try; where that is not said, the cause tells.
    """

    def __init__(
        self,
        status: str,
        cause: str,
        reason: str,
        hint: str | None = None,
        *,
        passing: bool | None = None,
    ) -> None:
        super().__init__(reason, hint)
        self.status = status
        self.cause = cause
        self.passing = cause in _PASSING if passing is None else passing


class ProbeError(PreflightError):
    """What came back from a host is not what the probe script prints."""

"""Why a host's key is not taken, in one line, and what to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from preflight.errors import TransportError
from preflight.model.text import printable
from preflight.transport.hostkeys.index import Entry
from preflight.transport.hostkeys.key import FIELDS, PublicKey
from preflight.transport.hostkeys.offer import Offer

if TYPE_CHECKING:
    from preflight.transport.hostkeys.record import Record


def revoked(offer: Offer, key: PublicKey, place: str) -> TransportError:
    """Return the refusal of an offer of which *place* revokes *key*."""
    whose = "" if key == offer.key else f"; {key.fingerprint} has certified it"
    reason = f"{_shown(offer)}{whose}, which {place} says is revoked"
    return _refusal("host-key-revoked", reason)


def changed(record: Record, offer: Offer, recorded: Sequence[Entry]) -> TransportError:
    """Return the refusal of a host of which only the other keys *recorded* are known."""
    name = record.names.recorded
    same = [entry for entry in recorded if entry.key.type == offer.key.type]
    entry = (same or recorded)[0]
    other = "one" if same else f"{entry.key.type} key"
    reason = f"{_shown(offer)}, which is not the {other} of {entry.place}, {entry.key.fingerprint}"
    hint = (
        f"if {name} was really set up anew, take that line out and record the new key:"
        f" ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(entry.path)}"
    )
    if not any(entry.key.type in FIELDS for entry in recorded):
        hint = f"record another key of {name}: no {entry.key.type} key can be verified here"
    return _refusal("host-key-changed", reason + _beside(record, offer), hint)


def unknown(record: Record, offer: Offer) -> TransportError:
    """Return the refusal of a host of which nothing is known."""
    name, places = record.names.recorded, ", ".join(record.known.paths) or "any file"
    reason = f"{_shown(offer)}, which no line for {name} records in {places}"
    if any(_faults(record, offer)):
        cause, hint = "host-key-certificate", "renew the host's certificate, or record its key"
    elif record.authorities and not record.takes_certificates:
        cause, hint = "host-key-ca-unsupported", "record the host's own key"
    else:
        cause, hint = (
            "host-key-unknown",
            (
                "compare the fingerprint with the host's own, then let ssh record the key;"
                " --host-key-checking accept-new trusts what it sees first"
            ),
        )
    return _refusal(cause, reason + _beside(record, offer), hint)


def _refusal(cause: str, reason: str, hint: str | None = None) -> TransportError:
    return TransportError("host-key", cause, printable(reason), hint)


def _shown(offer: Offer) -> str:
    return f"the host has the {offer.key.type} key {offer.key.fingerprint}"


def _beside(record: Record, offer: Offer) -> str:
    """Return what else is to be said of a key that is not recorded."""
    says = [*(list(_faults(record, offer)) or _missed(record, offer))]
    if warnings := record.known.warnings:
        says.append(f"{len(warnings)} could not be read: {warnings[0]}")
    return "".join(f"; {one}" for one in says)


def _faults(record: Record, offer: Offer) -> Iterator[str]:
    """Yield why the certificate of a recorded authority does not hold."""
    fault = record.fault(offer)
    for entry in record.authorities:
        if fault and offer.certificate and entry.key == offer.certificate.authority:
            yield f"its certificate, by the authority of {entry.place}, {fault}"


def _missed(record: Record, offer: Offer) -> Iterator[str]:
    """Yield what an authority that did not vouch for the host would need."""
    for entry in record.authorities[:1]:
        if not record.takes_certificates:
            yield f"the authority of {entry.place} has a {entry.key.type} key, not usable here"
        elif offer.certificate is None:
            yield f"it shows no certificate of the authority of {entry.place}"
        else:
            by = offer.certificate.authority.fingerprint
            yield f"its certificate is by {by}, not by the authority of {entry.place}"

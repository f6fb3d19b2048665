"""What to type on the host, by what its own package manager has on disk."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from msgspec import structs

from preflight.judge.remedies.releases import has_node
from preflight.model.question import Offer, Offers, Package
from preflight.model.verdict import Remedy

# What no distribution calls a package is not typed: a host's words are not trusted.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:-]*")
_MOST = 3  # packages that are told of one finding
_INSTALL = {"apk": "apk add", "rpm": "rpm -i"}
_UPGRADE = {
    "apt-get": "apt-get install --only-upgrade",
    "zypper": "zypper update",
    "apk": "apk add --upgrade",
    "rpm": "rpm -U",
}
_AGAIN = {
    "apt-get": "apt-get install --reinstall",
    "zypper": "zypper install --force",
    "apk": "apk fix",
    "rpm": "rpm -U --replacepkgs",
}
_SYSTEM = "a newer release of the system, or a change in the build"


def remedies(question: Package, offers: Offers) -> Iterator[Remedy]:
    """Yield what *offers* say about *question*; nothing where they cannot tell."""
    of = _version if question.version else _missing
    packages = tuple(offer for offer in offers.packages if _NAME.fullmatch(offer.name))
    yield from of(question, structs.replace(offers, packages=packages))


def _missing(question: Package, offers: Offers) -> Iterator[Remedy]:
    thing = question.name
    sure = [offer for offer in offers.packages if offer.relation == "provides"]
    named = [offer for offer in offers.packages if offer.relation == "named"]
    for offer in sure[:_MOST]:
        if offer.installed is not None:
            yield _again(thing, offer, offers)
        elif offer.candidate is not None:
            text = f"{_offered(offer)} has {thing}, by the {_lists(offer)}"
            remedy = _remedy(offer, text, _command(_INSTALL, "install", offer, offers))
            yield structs.replace(remedy, satisfies=True)
    if sure:
        return
    fresh = [offer for offer in named if offer.candidate and offer.installed is None]
    for offer in fresh[:_MOST]:
        text = (
            f"{thing} may be in {_offered(offer)}: it is in the {_lists(offer)},"
            " which do not tell what a package has; a naming rule says so"
        )
        remedy = _remedy(offer, text, _command(_INSTALL, "install", offer, offers))
        yield structs.replace(remedy, certainty="naming-rule")
    if not fresh and offers.read and not offers.reason:
        yield _nowhere(thing, offers)


def _again(thing: str, offer: Offer, offers: Offers) -> Remedy:
    text = (
        f"{offer.name} {offer.installed} is installed and has {thing}, by the {_lists(offer)},"
        " but not where it is looked for: install it again"
    )
    return _remedy(offer, text, _command(_AGAIN, "reinstall", offer, offers))


def _nowhere(thing: str, offers: Offers) -> Remedy:
    if offers.exact:
        text = f"no package in the repositories that the host knows has {thing}"
        return Remedy(where="host", text=text, certainty="stated", satisfies=False)
    text = (
        f"no package in the host's lists is called as naming rules call that of {thing};"
        " the lists do not tell what a package has"
    )
    return Remedy(where="host", text=text, certainty="naming-rule")


def _version(question: Package, offers: Offers) -> Iterator[Remedy]:
    node = question.version
    for offer in offers.packages[:_MOST]:
        if offer.relation == "provides":
            satisfies: bool | None = True
        elif offers.manager not in ("apt-get", "apk"):
            # RPM's own index has each version node: what is not in it is nowhere.
            satisfies = False if offers.read else None
        else:
            satisfies = has_node(offer.candidate, node) if offer.candidate else None
        yield _upgrade(node, offer, offers, satisfies)


def _upgrade(node: str, offer: Offer, offers: Offers, satisfies: bool | None) -> Remedy:
    have = f"installed {offer.installed}" if offer.installed else "not installed"
    if offer.candidate is None and satisfies is None:
        text = f"{offer.name}: {have}; {offers.reason or 'its lists have no candidate'}"
        return _remedy(offer, text, None)
    newest = "is the newest that it knows"
    if offer.candidate and offer.candidate != offer.installed:
        newest = f"candidate {offer.candidate}"
    about = f"{offer.name}: {have}, {newest}"
    if satisfies is False:
        text = f"{about}: would not satisfy {node}: {_SYSTEM}"
        return structs.replace(_remedy(offer, text, None), satisfies=False)
    command = _command(_UPGRADE, "upgrade", offer, offers)
    if satisfies is None:
        text = f"{about}: whether it would satisfy {node} cannot be told"
        return structs.replace(_remedy(offer, text, command), certainty="naming-rule")
    return structs.replace(
        _remedy(offer, f"upgrade {about}: satisfies {node}", command), satisfies=True
    )


def _remedy(offer: Offer, text: str, command: str | None) -> Remedy:
    return Remedy(
        where="host",
        text=text,
        command=command,
        certainty="stated",
        package=offer.name,
        installed=offer.installed,
        candidate=offer.candidate,
        source=offer.source,
    )


def _command(table: dict[str, str], verb: str, offer: Offer, offers: Offers) -> str:
    start = table.get(offers.manager, f"{offers.manager} {verb}")
    return f"{start} {shlex.quote(offer.name)}"


def _offered(offer: Offer) -> str:
    return f"{offer.name} (candidate {offer.candidate})"


def _lists(offer: Offer) -> str:
    return f"host's {offer.source}"

"""
The common core of ssh_config(5), for machines without an ssh program.

What it does not know it does not guess: a host that such a line could touch is
refused, with the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from preflight.transport.config import tokens
from preflight.transport.config.answers import Answer, Question
from preflight.transport.config.classes import normalized
from preflight.transport.config.failures import Unusable
from preflight.transport.config.patterns import NameLine
from preflight.transport.config.reading import Block, Files, Line
from preflight.transport.config.words import Criterion

_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_OTHER_NAMES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
    "globalknownhostsfile2": "globalknownhostsfile",
    "userknownhostsfile2": "userknownhostsfile",
}
# What has no part in how preflight reaches a host, or what it decides itself.
_WITHOUT_EFFECT_TEXT = """
    addkeystoagent bindinterface canonicaldomains canonicalizefallbacklocal canonicalizemaxdots
    casignaturealgorithms channeltimeout checkhostip clearallforwardings compression
    connectionattempts controlmaster controlpath controlpersist dynamicforward
    enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fingerprinthash
    forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted
    gatewayports gssapiauthentication gssapidelegatecredentials hostbasedacceptedalgorithms
    hostbasedauthentication ignoreunknown ipqos kbdinteractivedevices keepalive knownhostscommand
    localcommand localforward
    loglevel logverbose nohostauthenticationforlocalhost numberofpasswordprompts
    obscurekeystroketiming permitlocalcommand permitremoteopen pkcs11provider
    pubkeyacceptedalgorithms
    rekeylimit remotecommand remoteforward requesttty requiredrsasize securitykeyprovider
    sendenv
    serveralivecountmax serveraliveinterval sessiontype setenv stdinnull streamlocalbindmask
    streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys
    verifyhostkeydns versionaddendum visualhostkey xauthlocation
"""
_WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT_TEXT.split())
_TIME = re.compile(r"(?:\d+[smhdw]?)+", re.ASCII | re.IGNORECASE)
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
Reader: TypeAlias = Callable[[str], str]


class _NotHere(Exception):  # noqa: N818  (never leaves this module)
    """A value that only ssh itself can read."""


def _text(value: str) -> str:
    return value


def _name(value: str) -> str:
    if re.search(r"[%$]", value):
        raise _NotHere  # tokens, for some versions of ssh
    return value


def _switch(value: str) -> str:
    if value.lower() not in {"yes", "no", "true", "false"}:
        raise _NotHere
    return value.lower()


def _port(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", value) or int(value) > 65535:
        raise _NotHere
    return value


def _seconds(value: str) -> str:
    """Return a time in seconds.  Source: sshd_config(5), TIME FORMATS."""
    if value == "none":
        return value
    if not _TIME.fullmatch(value):
        raise _NotHere
    parts = re.findall(r"(\d+)([a-z]?)", value.lower())
    return str(sum(int(number) * _UNITS_S[unit] for number, unit in parts))


def _family(value: str) -> str:
    if value.lower() not in {"any", "inet", "inet6"}:
        raise _NotHere
    return value.lower()


def _algorithms(value: str) -> str:
    if value[:1] in "+-^" or re.search(r"[*?!]", value):
        raise _NotHere  # a change to a list that is ssh's own
    return value


def _if_no(value: str) -> str:
    if value.lower() not in {"no", "none", "false"}:
        raise _NotHere
    return value.lower()


_READERS: dict[str, Reader] = {
    "addressfamily": _family,
    "batchmode": _switch,
    "bindaddress": _text,
    "canonicalizehostname": _if_no,
    "canonicalizepermittedcnames": _if_no,
    "certificatefile": _text,
    "ciphers": _algorithms,
    "connecttimeout": _seconds,
    "hashknownhosts": _switch,
    "hostkeyalgorithms": _algorithms,
    "hostkeyalias": str.lower,
    "hostname": _text,
    "identitiesonly": _switch,
    "identityagent": _text,
    "identityfile": _text,
    "kbdinteractiveauthentication": _switch,
    "kexalgorithms": _algorithms,
    "macs": _algorithms,
    "passwordauthentication": _switch,
    "port": _port,
    "preferredauthentications": _text,
    "proxyusefdpass": _switch,
    "pubkeyauthentication": _switch,
    "revokedhostkeys": _text,
    "stricthostkeychecking": _text,
    "user": _name,
}
_SEVERAL = {"identityfile", "certificatefile"}
_PATH_LISTS = {"userknownhostsfile", "globalknownhostsfile"}
_RAW = {"proxycommand", "proxyjump"}


class _Place(NamedTuple):
    """What a refusal names: the line, and what stands there."""

    place: str
    what: str

    def refusal(self) -> Unusable:
        """Return the error that says so."""
        reason = f"{self.place}: this configuration needs the ssh program: {self.what}"
        return Unusable(reason, "install OpenSSH's client, or use -F none")


def ask(files: Files, question: Question, home: str) -> Answer:
    """Return what ssh would say of a host; raises `Unusable` where only ssh can say it."""
    if files.problem:
        place, _, what = files.problem.partition(": ")
        raise _Place(place, what).refusal()
    return _Evaluation(question, home).run(files)


class _Evaluation:
    """One pass over the lines for one host: the first value of a keyword holds."""

    def __init__(self, question: Question, home: str) -> None:
        self._question = question
        self._home = home
        self._active: dict[int, bool] = {}
        self._values: dict[str, list[str]] = {}
        if question.user is not None:
            self._values["user"] = [question.user]
        if question.port is not None:
            self._values["port"] = [str(question.port)]
        if question.address is not None:
            self._values["hostname"] = [question.address.replace("%", "%%")]
        if question.proxy != "config":
            self._values["proxycommand"] = ["none"]

    def run(self, files: Files) -> Answer:
        """Return what the lines come to; raises `Unusable` where only ssh can tell."""
        for block in files.blocks:
            if any(criterion.name == "final" for criterion in block.criteria):
                raise _Place(block.place, "Match final").refusal()
        for line in files.lines:
            is_active = self._holds(line.block)
            self._take(line, is_active=is_active)
        return self._finished()

    def _holds(self, block: Block) -> bool:
        if block.number not in self._active:
            above = block.parent is None or self._holds(block.parent)
            self._active[block.number] = above and self._is_met(block)
        return self._active[block.number]

    def _is_met(self, block: Block) -> bool:
        if block.names is not None:
            return block.names.matches(self._question.name)
        for criterion in block.criteria:
            if criterion.name == "all":
                return not criterion.negated
            if criterion.name not in {"host", "originalhost", "user", "localuser"}:
                raise _Place(block.place, f"Match {criterion.name}").refusal()
            if self._fits(criterion) == criterion.negated:
                return False
        return True

    def _fits(self, criterion: Criterion) -> bool:
        wanted = criterion.argument
        if criterion.name == "host":
            return NameLine.of_list(wanted).matches(self._host_name().lower())
        if criterion.name == "originalhost":
            return NameLine.of_list(wanted).matches(self._question.name.lower())
        given = self._values.get("user") if criterion.name == "user" else None
        name = given[0] if given else tokens.own_name()
        return NameLine.of_words(wanted.split(",")).matches(name)

    def _host_name(self) -> str:
        given = self._values.get("hostname")
        name = self._question.name
        return tokens.expand_hostname(given[0], name) if given else name

    def _take(self, line: Line, *, is_active: bool) -> None:
        keyword = _OTHER_NAMES.get(line.keyword, line.keyword)
        if keyword in _WITHOUT_EFFECT:
            return
        if keyword not in _READERS and keyword not in _PATH_LISTS | _RAW:
            raise _Place(line.place, line.keyword).refusal()
        if not is_active:
            return
        try:
            values = _values_of(keyword, line)
        except _NotHere:
            raise _Place(line.place, f"{line.keyword} {line.rest}").refusal() from None
        if keyword == "proxycommand" and self._values.get("proxyjump") == ["none"]:
            # Versions of ssh differ in what holds then.
            raise _Place(line.place, "ProxyCommand after ProxyJump none").refusal()
        if keyword in _SEVERAL:
            kept = self._values.setdefault(keyword, [])
            kept += [value for value in values if value not in kept]
        elif not (keyword in _RAW and _RAW & self._values.keys()):
            self._values.setdefault(keyword, values)

    def _finished(self) -> Answer:
        address = normalized(self._host_name())
        values = self._values
        values["hostname"] = [address]
        if "user" not in values:
            values["user"] = [tokens.own_name()]
        user = values["user"][0]
        port = int(values.setdefault("port", ["22"])[0])
        alias = values.get("hostkeyalias", [None])[0]
        target = tokens.Target(self._question.name, address, port, user, alias)
        known = values.setdefault("userknownhostsfile", list(_KNOWN_HOSTS))
        values["userknownhostsfile"] = [
            tokens.expand_path(path, target, self._home) for path in known
        ]
        values.setdefault("globalknownhostsfile", list(_GLOBAL_KNOWN_HOSTS))
        if agent := values.get("identityagent"):
            values["identityagent"] = [tokens.expand_path(agent[0], target, self._home)]
        for keyword in ("proxycommand", "proxyjump", "revokedhostkeys"):
            if [value.lower() for value in values.get(keyword, ())] == ["none"]:
                del values[keyword]
        return Answer({keyword: tuple(found) for keyword, found in values.items()})


def _values_of(keyword: str, line: Line) -> list[str]:
    if keyword == "proxyjump" and re.search(r"[\s#\"']", line.rest):
        raise _NotHere
    if keyword in _RAW:
        return [line.rest.lstrip(" \t=")]
    if not line.words or "" in line.words:
        raise _NotHere
    if keyword in _PATH_LISTS:
        return list(line.words)
    if len(line.words) != 1:
        raise _NotHere
    return [_READERS[keyword](line.words[0])]

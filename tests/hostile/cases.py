"""What each hostile host does, and what is to become of it."""

from __future__ import annotations

from msgspec import Struct

from tests.hostile import scripted, sockets, sshds

LOST = "connection-lost"
THRICE = "(tried 3 times)"


class Case(Struct, frozen=True, kw_only=True):
    """
    One hostile host, and how it has to end.

    Just one of *script*, *rules*, *user*, *settings* says who plays it;
    *limit* names the longest wait that its end may take, "" for none.
    """

    name: str
    does: str
    status: str
    causes: tuple[str | None, ...]
    words: str = ""
    limit: str = ""
    script: object = None  # on a plain socket
    rules: object = None  # of paramiko's server side
    transport: object = None
    user: str | None = None  # an account of the common sshd
    settings: tuple[str, ...] | None = None  # of a sshd of its own
    known: str | None = "ssh_host_ed25519_key"  # what known_hosts has of it
    number: int = 1  # names for the same server
    behind: bool = False  # the others are behind it
    away: bool = False  # in a network of its own


def _socket(name: str, does: str, status: str, cause: str, **more: object) -> Case:
    script = getattr(sockets, name.replace("-", "_"))
    return Case(name=name, does=does, status=status, causes=(cause,), script=script, **more)


BEFORE_SSH = (
    _socket("silent", "takes the connection and says nothing", "timeout", "banner-timeout",
            words="said nothing", limit="connect"),
    _socket("slow-banner", "says one letter a second before any greeting", "timeout",
            "banner-timeout", words="it said 'x", limit="connect"),
    _socket("endless-line", "says one line that never ends", "timeout", "banner-timeout",
            words="it said 'xxx", limit="connect"),
    _socket("endless-lines", "says lines for ever before the greeting", "timeout",
            "banner-timeout", words="Welcome", limit="connect"),
    _socket("web-server", "is a web server, with codes for a terminal", "error", "not-ssh",
            words="HTTP/1.1 400"),
    _socket("drop-after-accept", "hangs up at once", "unreachable", LOST, words=THRICE),
    _socket("drop-after-banner", "hangs up after the greetings", "unreachable", LOST,
            words=THRICE),
    _socket("drop-in-kexinit", "hangs up within the first packet", "unreachable", LOST,
            words=THRICE),
    _socket("silent-after-banner", "says its greeting and nothing more", "timeout",
            "connect-timeout", words="did not finish the key exchange", limit="handshake"),
    _socket("garbage", "sends what is no packet", "error", "protocol", words="packet"),
)  # fmt: skip


def _ssh(name: str, rules: type, does: str, status: str, cause: str | None, **more: object) -> Case:
    return Case(name=name, does=does, status=status, causes=(cause,), rules=rules, **more)


IN_SSH = (
    _ssh("drop-after-kex", scripted.Rules, "hangs up after the key exchange", "unreachable", LOST,
         transport=scripted.DropAfterKex),
    _ssh("drop-in-auth", scripted.DropInAuth, "hangs up on the key: asked once, it may count them",
         "unreachable", LOST, words="while logging in"),
    _ssh("silent-in-auth", scripted.SilentInAuth, "never answers the key", "timeout", "deadline",
         words="while logging in", limit="host"),
    _ssh("drop-after-auth", scripted.DropAfterAuth, "hangs up when a channel is opened",
         "unreachable", LOST, words=THRICE),
    _ssh("drop-after-open", scripted.DropAfterOpen, "hangs up on the command", "unreachable", LOST,
         words=THRICE),
    _ssh("drop-mid-output", scripted.DropMidOutput, "hangs up within its answer", "unreachable",
         LOST, words=THRICE),
    _ssh("no-exec", scripted.RefusesCommands, "refuses to run a command", "error", "no-shell",
         words="refuses to run a command"),
    _ssh("no-exit-status", scripted.EndsWithoutStatus, "ends the output without an exit status",
         "error", "no-shell", words="ended without a word"),
    _ssh("breaks-frames", scripted.BreaksFrames, "answers in frames that are none", "error",
         "protocol", words="broke the framing"),
    _ssh("huge-lengths", scripted.HugeLengths, "announces an answer of a terabyte", "error",
         "protocol", words="1000000000000 bytes"),
    _ssh("answers-for-ever", scripted.AnswersForEver, "sends answers without an end", "error",
         "output-limit", words="MiB", limit="host"),
    _ssh("wrong-hashes", scripted.WrongHashes, "lies about the hash of each file", "probed", None),
    _ssh("wrong-clock", scripted.WrongClock, "lives in the year 2000", "probed", None),
    _ssh("control-codes", scripted.ControlSequences, "has codes for a terminal in its facts",
         "probed", None),
)  # fmt: skip


def _account(name: str, does: str, status: str, cause: str | None, **more: object) -> Case:
    return Case(name=name, does=does, status=status, causes=(cause,), user=name, **more)


ACCOUNTS = (
    _account("noisy", "prints on both outputs at its start (~/.bashrc)", "probed", None),
    _account("tcsh", "has tcsh as login shell, which prints (~/.cshrc)", "probed", None),
    _account("fish", "has fish as login shell, which prints (config.fish)", "probed", None),
    _account("rbash", "has a restricted shell", "error", "no-shell", words="restricted"),
    _account("nologin", "has nologin for a shell", "error", "no-shell", words="not available"),
    _account("false", "has false for a shell", "error", "no-shell", words="without a word"),
    _account("forced", "runs a command of its own", "error", "no-shell",
             words="This account is closed"),
    _account("echo", "echoes what it is sent", "error", "no-shell", words="echoes"),
    _account("sleeper", "sleeps at its start (~/.bashrc)", "timeout", "answer-timeout",
             words="fell silent", limit="answer"),
    _account("hung", "runs a command that hangs", "timeout", "answer-timeout",
             words="fell silent", limit="answer"),
    _account("flood", "sends 10 GB before any answer", "error", "output-limit",
             words="before the first answer"),
)  # fmt: skip


def _sshd(name: str, does: str, status: str, *causes: str | None, **more: object) -> Case:
    return Case(name=name, does=does, status=status, causes=causes, **more)


SSHDS = (
    _sshd("changed-key", "has another host key than known_hosts", "host-key", "host-key-changed",
          user="plain", known="other_host_key", words="which is not the one of"),
    _sshd("unknown-key", "is not in known_hosts", "host-key", "host-key-unknown",
          user="plain", known=None, words="SHA256:"),
    _sshd("new-only", "speaks algorithms that are too new for us", "error",
          "algorithms-incompatible", words="no common key exchange algorithm",
          settings=("KexAlgorithms sntrup761x25519-sha512@openssh.com",)),
    _sshd("odd-cipher", "speaks one cipher that we do not", "error", "algorithms-incompatible",
          words="no common cipher", settings=("Ciphers chacha20-poly1305@openssh.com",)),
    _sshd("old", "speaks old algorithms only", "probed", None, settings=sshds.OLD,
          known="ssh_host_rsa_key"),
    _sshd("partial-auth", "wants a password after the key", "auth-failed", "auth-refused",
          words="accepted, but not enough",
          settings=("AuthenticationMethods publickey,password", "PasswordAuthentication yes")),
    _sshd("refuses-key", "does not take our key", "auth-failed", "auth-refused",
          words="does not let", settings=("AuthorizedKeysFile none",)),
    _sshd("no-session", "opens no session", "error", "no-shell", words="opens no session",
          settings=("MaxSessions 0",)),
    _sshd("vanished", "is cut off after the log-in: its packets are dropped", "timeout",
          "answer-timeout", limit="answer", settings=(sshds.VANISH,), away=True),
    _sshd("crowded", "has MaxStartups 1:100:1, and four names", "any", None, LOST,
          "too-many-connections", settings=("MaxStartups 1:100:1",), number=4),
    _sshd("throttling-bastion", "has MaxStartups 1:100:1 and four hosts behind it", "probed", None,
          settings=("MaxStartups 1:100:1",), number=4, behind=True),
)  # fmt: skip
DEAD = Case(
    name="dead", does="drops every SYN", status="timeout", causes=("connect-timeout",),
    words="no answer", limit="connect",
)  # fmt: skip
CLOSED = Case(
    name="closed", does="has a port that nobody listens on", status="unreachable",
    causes=("connection-refused",),
)  # fmt: skip
CASES = (CLOSED, DEAD, *BEFORE_SSH, *IN_SSH, *ACCOUNTS, *SSHDS)

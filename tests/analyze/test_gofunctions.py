"""The packages of a Go program that call C.  Source: Go cmd/cgo/out.go."""

from __future__ import annotations

from preflight.analyze.gofunctions import callers_of_c
from preflight.analyze.golinkage import go_linkage
from preflight.model.go import GoBuild
from tests.builders import host as h

FUNCTIONS = (
    b"\0main.main\0gopkg.in/a%2eb._Cfunc_open\0gopkg.in/a%2eb._Cfunc_CString\0"
    b"github.com/mattn/go-sqlite3._Cfunc_sqlite3_open_v2\0net._C2func_getaddrinfo\0"
)


def test_packages_are_named_with_what_they_call():
    """The path is unescaped; what cgo itself adds is no call of the package's."""
    assert callers_of_c(FUNCTIONS) == {
        "github.com/mattn/go-sqlite3": ["sqlite3_open_v2"],
        "gopkg.in/a.b": ["open"],
        "net": ["getaddrinfo"],
    }


def test_many_packages_are_counted():
    """Twenty are named, the others counted."""
    functions = b"".join(b"\0p%d._Cfunc_f\0" % number for number in range(25))

    reasons = go_linkage(h.program("libc.so.6"), GoBuild("go1.19"), functions, ()).reasons

    assert len(reasons) == 21
    assert reasons[-1] == "and 5 more packages"


def test_what_no_symbol_names_is_said():
    """A program that the C linker made calls nothing itself."""
    linkage = go_linkage(h.program("libc.so.6"), GoBuild("go1.19"), b"\0main.main\0", ())

    assert linkage.reasons == ("a package that no symbol names",)

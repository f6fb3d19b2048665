"""The order of the directories.  Source: glibc elf/dl-load.c, _dl_map_object()."""

from __future__ import annotations

from msgspec import structs

from preflight.loader.glibc.release import rules_of
from preflight.loader.glibc.search import Place, Requester, Search, Skip
from preflight.loader.setting import Setting
from preflight.model.elf import DF_1_NODEFLIB, Elf
from preflight.model.inquiry import Inquiry
from preflight.model.question import Stat
from preflight.model.start import Start
from tests.builders import host as h


def requester(label: str, by: Requester | None = None, **fields: object) -> Requester:
    """Return an object that wants a library."""
    return Requester(label, h.elf(**fields), f"/origin/of{label}", by)


def directories(
    wanting: Requester, program: Requester, *, release=(2, 41), env=(), answers=None
) -> list[str]:
    """Return the directories in which libx.so is looked for, in order, and what is skipped."""
    setting = _setting(program.elf, env, answers)
    return _all_places(Search(setting, rules_of(release), program), wanting)


def _all_places(search: Search, wanting: Requester) -> list[str]:
    places = [place for listed in search.lists("libx.so", wanting) for place in listed]
    return [_shown(place) for place in (*places, *search.system("libx.so", wanting))]


def _shown(place: object) -> str:
    if isinstance(place, Place):
        return place.path.removesuffix("/libx.so")
    return f"not {place.rule}" if isinstance(place, Skip) else str(place)


def _setting(program: Elf, env: tuple[tuple[str, str], ...], answers: object) -> Setting:
    return Setting(
        program=program,
        argv0="./app",
        path="/app/run",
        interpreter=h.LOADER,
        loader=h.loader("2.41"),
        loader_id=(1, 2),
        inquiry=Inquiry(h.Elsewhere(answers or {})),
        start=Start(env=env, cwd="/"),
        facts=structs.replace(h.FACTS, cpu_vendor="AuthenticAMD"),
    )


def test_rpath_comes_before_the_environment():
    """Without a RUNPATH: RPATH, LD_LIBRARY_PATH, system directories."""
    app = requester("app", rpath="/r1:/r2")

    found = directories(app, app, env=(("LD_LIBRARY_PATH", "/env"),))

    assert found == ["/r1", "/r2", "/env", "/lib", "/usr/lib"]


def test_environment_comes_before_runpath():
    """With a RUNPATH: LD_LIBRARY_PATH, RUNPATH, system directories."""
    app = requester("app", runpath="/run")

    found = directories(app, app, env=(("LD_LIBRARY_PATH", "/env"),))

    assert found == ["/env", "/run", "/lib", "/usr/lib"]


def test_rpath_is_inherited_from_all_who_loaded():
    """RPATHs of the requester, its loader and the program count, in this order."""
    app = requester("app", rpath="/of-app")
    middle = requester("middle", app, rpath="/of-middle")
    library = requester("library", middle, rpath="/own")

    found = directories(library, app)

    assert found[:3] == ["/own", "/of-middle", "/of-app"]


def test_runpath_switches_inherited_rpath_off():
    """An ancestor's RPATH is not searched for an object that has a RUNPATH."""
    app = requester("app", rpath="/app/lib")
    library = requester("library", app, runpath="/srv")

    found = directories(library, app, env=(("LD_LIBRARY_PATH", "/env"),))

    assert found == ["not RPATH", "/env", "/srv", "/lib", "/usr/lib"]


def test_object_with_runpath_lends_no_rpath():
    """An ancestor with both tags has lost its RPATH."""
    app = requester("app", rpath="/lost", runpath="/run")
    library = requester("library", app)

    assert directories(library, app) == ["/lib", "/usr/lib"]


def test_origin_is_that_of_the_object_with_the_path():
    """$ORIGIN in an inherited RPATH means the directory of its owner."""
    app = requester("app", rpath="$ORIGIN/lib")
    library = requester("library", app)

    assert directories(library, app)[0] == "/origin/ofapp/lib"


def test_nodeflib_leaves_the_system_directories_out():
    """DF_1_NODEFLIB ends the search before the system directories."""
    app = requester("app", runpath="/run", dt_flags_1=DF_1_NODEFLIB)

    assert directories(app, app) == ["/run", "not system directories"]


def test_levels_of_the_cpu_come_first_where_their_directory_is():
    """glibc-hwcaps subdirectories of the CPU's levels are tried, best first."""
    app = requester("app", runpath="/run")
    hwcaps = {Stat("/run/glibc-hwcaps"): h.state(mode=0o040755)}

    found = directories(app, app, answers=hwcaps)

    assert found[:2] == ["/run/glibc-hwcaps/x86-64-v2", "/run"]


def test_older_releases_try_the_subdirectories_of_the_platform():
    """Before 2.37 tls/ and x86_64/ are tried, alone and together; the latter has two reasons."""
    app = requester("app", runpath="/run")
    there = {Stat(f"/run/{name}"): h.state(mode=0o040755) for name in ("tls", "x86_64")}

    found = directories(app, app, release=(2, 31), answers=there)

    tls = ["/run/tls/x86_64/x86_64", "/run/tls/x86_64", "/run/tls/x86_64", "/run/tls"]
    plain = ["/run/x86_64/x86_64", "/run/x86_64", "/run/x86_64", "/run"]
    assert found[:8] == tls + plain


def test_secure_start_ignores_the_environment():
    """AT_SECURE programs do not look at LD_LIBRARY_PATH."""
    app = requester("app")
    setting = _setting(app.elf, (("LD_LIBRARY_PATH", "/env"),), None)
    secure = Start(env=setting.start.env, secure=True)
    search = Search(structs.replace(setting, start=secure), rules_of((2, 41)), app)

    places = _all_places(search, app)

    assert places == ["not LD_LIBRARY_PATH", "/lib", "/usr/lib"]

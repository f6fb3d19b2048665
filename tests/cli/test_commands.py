"""hosts, inspect, explain, schema and the options of all commands, without any host."""

from __future__ import annotations

import io
import json
import sys

import pytest
from jsonschema import Draft202012Validator

from preflight.cli.check import command as check
from preflight.cli.probe import command as probe
from preflight.model.codes import CODES


def test_hosts_resolves_an_inventory(run, inventory):
    """Each host stands in a row with what the inventory says of it."""
    inventory(web="address: 192.0.2.1, user: www", db="port: 2222")

    result = run("hosts")

    assert (0, "") == (result.status, result.err)
    rows = [line.split() for line in result.out.splitlines()]
    assert ["web", "192.0.2.1"] == rows[1][:2]
    assert ["db", "db", "2222"] == rows[2][:3]


def test_hosts_from_a_list(run):
    """A comma makes it a list of hosts, with ranges, and no file is read."""
    result = run("hosts", "-i", "web-[1:3],db,", "-l", "web-[2:3]", "--format", "names")

    assert (0, "web-2\nweb-3\n", "") == result


def test_hosts_from_standard_input(run, monkeypatch):
    """A dash reads the inventory from standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("hosts: {web: {}, db: {}}"))

    assert (0, "web\ndb\n", "") == run("hosts", "-i", "-", "--format", "names")


def test_check_reads_the_inventory_from_a_pipe(preflight, program):
    """What another program prints can be the inventory."""
    options = ["-i", "-", "--format", "names"]

    assert (0, "web\n", "") == preflight(
        "check", program(), *options, given="hosts: {web: {transport: local}}"
    )


def test_messages_name_the_inventory_as_it_was_found(run, tmp_path):
    """The inventory of the working directory is named without the directories above."""
    (tmp_path / "inventory.yaml").write_text("hosts: {web: {adress: x}}\n")

    assert run("hosts").err.startswith("preflight: error: inventory.yaml:1: ")


def test_inventory_by_the_environment(run, monkeypatch):
    """PREFLIGHT_INVENTORY stands for -i, which wins over it."""
    monkeypatch.setenv("PREFLIGHT_INVENTORY", "a,")

    assert "a\n" == run("hosts", "--format", "names").out
    assert "b\n" == run("hosts", "--format", "names", "-i", "b,").out


def test_inspect_tells_what_a_program_needs(run, program):
    """People see a block for each file; a format that is no program is named."""
    result = run("inspect", program(needed=["libc.so.6", "libz.so.1"]), __file__)

    assert (0, "") == (result.status, result.err)
    assert "libc.so.6, libz.so.1" in result.out
    assert "text" in result.out


def test_inspect_json_is_the_report_s(run, program):
    """Its binaries are valid by the report's schema."""
    schema = json.loads(run("schema").out)
    binary = {"$defs": schema["$defs"], "$ref": "#/$defs/binary"}

    document = json.loads(run("inspect", program(), __file__, "--format", "json").out)

    assert ["elf", "text"] == [one["format"] for one in document["binaries"]]
    for one in document["binaries"]:
        Draft202012Validator(binary).validate(one)


@pytest.mark.parametrize("code", CODES)
def test_explain_tells_cause_and_remedy(run, code):
    """Every code that a report can hold is explained."""
    result = run("explain", code)

    assert (0, "") == (result.status, result.err)
    assert result.out.startswith(f"{code}: {CODES[code].title}\n")
    assert {"Cause:", "Says:", "Remedy:"} <= set(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_explain_takes_any_case(run):
    """A code is found however it is written."""
    assert run("explain", "version-missing") == run("explain", "VERSION-Missing")


def test_explain_lists_all_codes(run):
    """Without a code all are listed, one a line."""
    assert list(CODES) == [line.split()[0] for line in run("explain").out.splitlines()]


@pytest.mark.parametrize("name", ["report", "facts"])
def test_schema_is_a_schema(run, name):
    """What is printed is valid JSON Schema by its own dialect."""
    schema = json.loads(run("schema", name).out)

    Draft202012Validator.check_schema(schema)
    assert f"preflight.{name}/1" == schema["$id"]


@pytest.mark.parametrize("command", [check, probe], ids=["check", "probe"])
def test_every_option_has_its_variable(command):
    """An option reads PREFLIGHT_ and its long name; -i does it by way of the inventories."""
    for option in command.params:
        names = [name for name in option.opts if name.startswith("--")]
        if names and names != ["--inventory"]:
            assert option.envvar == "PREFLIGHT_" + names[0][2:].upper().replace("-", "_")


def test_options_by_the_environment(run, program, monkeypatch):
    """Flags, choices and lists of values can all be set by variables."""
    settings = {"LOCAL": "1", "FORMAT": "json names=r.txt", "ENV": "A=1 LD_LIBRARY_PATH=/x"}
    for name, value in settings.items():
        monkeypatch.setenv(f"PREFLIGHT_{name}", value)

    result = run("check", program(needed=["libnowhere.so.1"]), "--explain")

    library = json.loads(result.out)["verdicts"][0]["libraries"][0]
    assert ("libnowhere.so.1", "/x/") == (library["name"], library["tried"][0]["path"][:3])


def test_install_path_of_several_binaries_is_a_directory(run, program, inventory):
    """Each binary is judged under its own name in the directory."""
    inventory(here="transport: local")
    binaries = [program("one", needed=["libgone.so"]), program("two", needed=["libgone.so"])]

    report = json.loads(
        run("check", *binaries, "--install-path", "/opt/app", "--format", "json").out
    )

    lines = [one["predicted_error"].partition(":")[0] for one in report["verdicts"]]
    assert ["/opt/app/one", "/opt/app/two"] == lines


def test_local_working_directory_may_be_relative(run, program, tmp_path):
    """With --local, --cwd means a directory of this process's own."""
    (tmp_path / "sub").mkdir()
    program("sub/libhere.so", interpreter=None, soname="libhere.so")
    app = program(needed=["./libhere.so"])

    assert 3 == run("check", "--local", app).status
    assert 0 == run("check", "--local", app, "--cwd", "sub").status


def test_binary_named_twice_counts_once(run, program):
    """The same name twice is one binary."""
    app = program()

    for command in (["inspect"], ["check", "--local"]):
        document = json.loads(run(*command, app, app, "--format", "json").out)
        assert [str(app)] == [one["path"] for one in document["binaries"]]


def test_environment_of_the_shell_is_not_the_program_s(run, program, monkeypatch):
    """--local says that LD_LIBRARY_PATH of the shell is not used, unless --env gives it."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/my lib")
    option = "--env 'LD_LIBRARY_PATH=/opt/my lib'"

    silent = run("check", "--local", program(), "--env", "LD_LIBRARY_PATH=/x")
    hinted = run("check", "--local", program())

    hint = f"preflight: hint: the environment of this shell is not the program's; {option}\n"
    assert ("", hint) == (silent.err, hinted.err)


def test_explain_takes_a_pasted_message(run):
    """A message leads to its finding, with the names that stand in it."""
    message = "./app: /lib/libc.so.6: version `GLIBC_2.32' not found (required by ./app)"

    result = run("explain", message)

    assert result.status == 0
    assert "it needs GLIBC_2.32" in " ".join(result.out.split())
    assert "preflight explain version-missing" in result.out


def test_explain_says_what_it_does_not_know(run):
    """A message that nobody knows is one clear line, and shows nothing of itself."""
    result = run("explain", "all is \x1b[31mwell")

    assert result.status == 2
    assert "no line of this message is known" in result.err


def test_explain_takes_a_message_that_begins_like_an_option(run):
    """A log-in shell calls itself -bash."""
    result = run("explain", "-bash: ./app: cannot execute: required file not found")

    assert result.status == 0
    assert "interpreter-missing" in result.out

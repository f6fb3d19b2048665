"""What a project's file sets, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest


def write(text: str, name: str = "preflight.toml") -> None:
    """Write the project's file into the working directory."""
    Path(name).write_text(text)


def test_file_sets_options(run, program):
    """Keys are the long options; those of a command stand in its own table."""
    write('format = ["names"]\nforks = 3\n[check]\ninstall-path = "/opt/app"\n')

    assert run("check", "--local", program()) == (0, "localhost\n", "")


def test_one_text_stands_for_a_list_of_one(run, program):
    """What may be given several times is seldom given more than once."""
    write('format = "names"\nenv = "A=b"\n')

    assert run("check", "--local", program()) == (0, "localhost\n", "")


@pytest.mark.parametrize("order", ["option", "environment", "file"])
def test_option_beats_environment_beats_file(run, program, monkeypatch, order):
    """The nearer a setting is to the one who types, the more it counts."""
    write('format = ["jsonl"]\n')
    arguments = ["--format", "names"] if order == "option" else []
    if order != "file":
        monkeypatch.setenv("PREFLIGHT_FORMAT", "names" if order == "environment" else "json")

    result = run("check", "--local", program(), *arguments)

    assert result.out.startswith('{"type"' if order == "file" else "localhost\n")


def test_pyproject_has_a_table_for_it(run, program):
    """[tool.preflight] says the same; other tools' tables are not looked at."""
    write('[project]\nname = "x"\n[tool.preflight]\nformat = ["names"]\n', "pyproject.toml")

    assert run("check", "--local", program()).out == "localhost\n"


@pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "not toml at all ["])
def test_pyproject_of_others_is_no_matter(run, program, text):
    """Without that table, or in a file that others must complain of, there are no defaults."""
    write(text, "pyproject.toml")

    assert run("check", "--local", program()).status == 0


def test_inventory_of_the_file(run, monkeypatch):
    """It counts where nobody named one: after -i and PREFLIGHT_INVENTORY, before inventory.yaml."""
    write('inventory = "file,"\n')
    Path("inventory.yaml").write_text("hosts: {found: {}}\n")

    assert run("hosts", "--format", "names").out == "file\n"
    assert run("hosts", "--format", "names", "-i", "given,").out == "given\n"
    monkeypatch.setenv("PREFLIGHT_INVENTORY", "variable,")
    assert run("hosts", "--format", "names").out == "variable\n"


def test_inventory_of_the_file_does_not_contradict_local(run, program):
    """--local wins over it, as over the variable."""
    write('inventory = "file,"\n')

    assert run("check", "--local", program()).status == 0


@pytest.mark.parametrize(
    "key",
    [
        "password-command",
        "become-password-command",
        "ssh-option",
        "ssh-config",
        "executor",
        "host-key-checking",
        "password-fd",
        "become-password-fd",
    ],
)
@pytest.mark.parametrize("table", ["", "[check]\n"])
def test_file_may_not_run_or_weaken_anything(run, program, key, table):
    """What was checked out names no command, and nothing that decides who a host is."""
    write(f'{table}{key} = "touch pwned"\n')

    result = run("check", "--local", program())

    assert (result.status, result.out) == (2, "")
    assert f"preflight.toml: {key} may not stand in a project's file" in result.err
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("fork = 3\n", "fork is no option", "did you mean forks?"),
        ("[chekc]\nforks = 3\n", "[chekc] is no command", "did you mean check?"),
        ("[inspect]\nforks = 3\n", "forks is no option", "keys are the long options"),
        ("forks = \n", "Invalid value (at line 1, column 9)", "toml.io"),
        ("forks = true\n", "forks takes a text or a number", 'forks = "NUMBER"'),
        ('quiet = "yes"\n', "quiet takes a number, how often it is given", "quiet = 1"),
        ("quiet = true\n", "quiet takes a number, how often it is given", "quiet = 1"),
        ('local = "yes"\n', "local takes true or false, without quotes", "local = true"),
        ("limit = [true]\n", "limit takes a text or a list of them", 'limit = ["PATTERN"]'),
        ('env = {A="b"}\n', "env takes a text or a list of them", 'env = ["NAME=VALUE"]'),
        ('[check]\nenv.A = "b"\n', "env takes a text or a list of them", 'env = ["NAME=VALUE"]'),
        ('forks = "many"\n', "invalid value for forks in preflight.toml: 'many'", "--help"),
    ],
)
def test_mistakes_are_named(run, program, text, said, hint):
    """One line says which file and what in it."""
    write(text)

    result = run("check", "--local", program())

    assert result.status == 2
    assert f"error: {'' if 'invalid' in said else 'preflight.toml: '}{said}" in result.err
    assert hint in result.err


@pytest.mark.parametrize("what", [".", "preflight.toml"])
def test_file_that_others_may_write_is_ignored(run, program, what):
    """In a directory like /tmp anybody could have left it."""
    write('format = ["names"]\n')
    Path(what).chmod(0o777)

    result = run("check", "--local", program())

    assert "1 deployable" in result.out
    assert "warning: preflight.toml is ignored: " in result.err
    assert "is writable for everyone" in result.err

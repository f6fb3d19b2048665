"""Passwords, and becoming another user."""

from __future__ import annotations

from preflight.cli.options import option, several
from preflight.cli.options.inventory import InventoryOptions
from preflight.cli.options.values import number, user_name


class CredentialOptions(InventoryOptions):
    """The values of `credential_options`, and whether an inventory takes standard input."""

    ask_pass: bool
    password_fd: int | None
    password_command: str | None
    become: bool
    become_user: str
    ask_become_pass: bool
    become_password_fd: int | None
    become_password_command: str | None
    no_input: bool


credential_options = several(
    option("-k", "--ask-pass", is_flag=True, help="ask for the password to log in with"),
    option(
        "--password-fd",
        type=number(int, 0, 65535),
        metavar="NUMBER",
        help="read that password from an open file descriptor",
    ),
    option(
        "--password-command", metavar="COMMAND", help="run COMMAND, once, and take what it prints"
    ),
    option("-b", "--become", is_flag=True, help="ask each host as another user, through sudo"),
    option(
        "--become-user",
        callback=user_name,
        default="root",
        show_default=True,
        metavar="NAME",
        help="who to become where the inventory does not say",
    ),
    option("-K", "--ask-become-pass", is_flag=True, help="ask for the password that sudo wants"),
    option(
        "--become-password-fd",
        type=number(int, 0, 65535),
        metavar="NUMBER",
        help="read that password from an open file descriptor",
    ),
    option(
        "--become-password-command",
        metavar="COMMAND",
        help="run COMMAND, once, and take what it prints",
    ),
    option("--no-input", is_flag=True, help="never ask for anything on the terminal"),
)

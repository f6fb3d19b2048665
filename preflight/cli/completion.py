"""``preflight completion``: what a shell needs to complete commands, options, hosts and codes."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """
    Print the completion script for SHELL.

    bash: eval "$(preflight completion bash)" in ~/.bashrc; zsh: the same in
    ~/.zshrc; fish: preflight completion fish | source, in config.fish.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    from preflight.cli import COMPLETION, cli  # noqa: PLC0415

    if made := get_completion_class(shell):
        click.echo(made(cli, {}, "preflight", COMPLETION).source())

"""What all commands have in common that ask hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from preflight.cli.options import option, several
from preflight.cli.options.connection import ConnectionOptions, connection_options
from preflight.cli.options.credentials import CredentialOptions, credential_options
from preflight.cli.options.start import StartOptions

if TYPE_CHECKING:
    from preflight.cli.progress import Style


class FleetOptions(StartOptions, ConnectionOptions, CredentialOptions):
    """The values of `fleet_options`; a start has them from options that not all commands have."""

    local: bool
    progress: Style


class SurveyOptions(FleetOptions):
    """The values of all that audit and baseline have in common."""

    facts: tuple[str, ...]
    verbose: int


fleet_options = several(
    option(
        "--progress",
        type=click.Choice(["auto", "plain", "none"]),
        default="auto",
        show_default=True,
        help="how far the run is: a line that moves, or one now and then",
    ),
    connection_options,
    credential_options,
)

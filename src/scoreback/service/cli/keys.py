"""The command that prints or creates the API keys that a connection should have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show

if TYPE_CHECKING:
    from scoreback.connectors.doors.keys import Admin

PASSWORD = "SCOREBACK_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


def keys(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ],
    elastic: Annotated[
        bool, typer.Option("--elastic", help="API keys for Elasticsearch and Kibana.")
    ] = False,
    kibana_version: Annotated[
        str | None,
        typer.Option(
            help="Version of Kibana, as its privileges depend on it (else Kibana is asked).",
            metavar="VERSION",
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            help="When the service's key expires, such as 90d (else never).", metavar="DURATION"
        ),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create the keys, and write each into a file.")
    ] = False,
    admin: Annotated[
        str | None,
        typer.Option(
            help=f"User who may create keys; the password comes from {PASSWORD}, or is asked for.",
            metavar="USER",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the files (else the folder keys in the workspace).", metavar="FOLDER"
        ),
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Print the requests that create keys with least privileges, or create the keys.

    A key is never printed: --create writes it into a file that only its owner can read.
    """
    from json import dumps

    from scoreback.service.cli.usage import UsageError
    from scoreback.service.deploying import keys as service
    from scoreback.service.detectors.detector_files import read_detectors

    if not elastic:
        raise UsageError("no kind of key was given", hint="scoreback keys --elastic FILE...")
    if admin is None and create:
        raise UsageError("--create needs a user who may create keys", hint="add --admin USER")
    settings = options.settings(home)
    connection, maker = service.makes_keys(settings, "elastic")
    detectors = read_detectors(files)
    by = None if admin is None else _admin(admin)
    requests = maker.key_requests(
        connection.name, connection.settings,
        service.key_needs(connection.connector, detectors.values()),
        version=kibana_version, expires=expires, admin=by,
    )  # fmt: skip
    if create and by is not None:
        made: list[dict[str, str]] = []
        service.make_keys(
            connection, maker, requests, by, out or settings.home / "keys",
            lambda one, path: made.append(
                {"purpose": one.purpose, "about": one.about, "file": str(path)}
            ),
        )  # fmt: skip
        if json:
            show.as_json(made)
        else:
            for key in made:
                show.say(f"{key['file']}: {key['about']}")
        return
    if json:
        show.as_json([service.as_text(one) for one in requests])
        return
    for one in requests:
        show.say(f"# The key {one.purpose!r} {one.about}.")
        show.say(f"{one.method} {one.path}")
        show.say(dumps(one.body, indent=2))
        show.say()


def _admin(user: str) -> "Admin":
    """The user who creates keys; the password is never an argument, as others could see it."""
    import os
    import sys
    from getpass import getpass

    from scoreback.connectors.doors.keys import Admin
    from scoreback.errors import ConfigError

    password = os.environ.get(PASSWORD)
    if password is None:
        if not sys.stdin.isatty():
            raise ConfigError(
                f"the password of {user!r} is missing", hint=f"set {PASSWORD} in the environment"
            )
        password = getpass(f"Password of {user}: ")
    if not password:
        raise ConfigError(f"the password of {user!r} is empty", hint=f"set {PASSWORD}")
    return Admin(user=user, password=password)

"""Commands by which a person decides which version scores."""

from typing import Annotated

import typer

from scoreback.service.cli import options, show


def promote(
    file: options.DetectorFile,
    version: Annotated[
        str,
        typer.Argument(
            help=f"Version to promote{options.SHORT_VERSION}.",
            metavar="VERSION",
            show_default=False,
        ),
    ],
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Let it score beside the champion, without alerts."),
    ] = False,
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Let a version score and raise alerts from now on.

    If two people promote at the same time, one succeeds and the other gets an error.
    """
    from dataclasses import asdict

    from scoreback.service.cli.looking import existing
    from scoreback.service.deploying.promotion import promote as promote_version
    from scoreback.service.state.versions import Versions

    detector = options.detector(file)
    who = by or options.user()
    with existing(home) as app:
        versions = Versions(app.state)
        before = versions.champion(detector.name)
        wanted = versions.named(detector.name, version).version
        if shadow:
            made = versions.shadow(detector.name, wanted, by=who, at=options.now())
        else:
            made = promote_version(
                app, detector, wanted, by=who, at=options.now(), instead_of=before
            )
    if json:
        show.as_json(asdict(made))
    elif shadow:
        show.say(f"{made.version} of {detector.name} scores in shadow from now on.")
    elif before is not None and before.version == made.version:
        show.say(f"{made.version} of {detector.name} scores already; nothing has changed.")
    else:
        show.say(f"{made.version} of {detector.name} scores from now on.")


def retire(
    file: options.DetectorFile,
    version: Annotated[
        str,
        typer.Argument(
            help=f"Version to retire{options.SHORT_VERSION}.",
            metavar="VERSION",
            show_default=False,
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.", metavar="TEXT")] = "",
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Stop scoring and comparing a version that is a candidate or in shadow.

    The version that scores cannot be retired: promote another one, or roll back.
    """
    from dataclasses import asdict

    from scoreback.service.cli.looking import existing
    from scoreback.service.deploying.promotion import retire as retire_version
    from scoreback.service.state.versions import Versions

    detector = options.detector(file)
    with existing(home) as app:
        versions = Versions(app.state)
        wanted = versions.named(detector.name, version)
        made = retire_version(
            app, detector, wanted.version, by=by or options.user(), at=options.now(), reason=reason
        )
    if json:
        show.as_json(asdict(made))
    elif wanted.status == "retired":
        show.say(f"{made.version} of {detector.name} is already retired; nothing has changed.")
    else:
        show.say(f"{made.version} of {detector.name} is retired: it was {wanted.status}.")

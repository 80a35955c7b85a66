"""Findings of `check` about the objects that a connection needs in its SIEM."""

from collections.abc import Iterator

from scoreback.connectors.doors import ResourcesDoor
from scoreback.deployment import Standing
from scoreback.errors import SiemRefused
from scoreback.records import Finding


def resource_findings(door: ResourcesDoor) -> Iterator[Finding]:
    """Yield each object of *door* that is missing, outdated or changed, with its fix."""
    for wanted in door.wanted():
        what = f"{wanted.kind.replace('_', ' ')} {wanted.name}"
        try:
            found = door.standing(wanted)
        except SiemRefused as error:
            yield Finding(what=error.message, fix=error.hint, fatal=False)
            continue
        if found.standing == Standing.ABSENT:
            yield Finding(what=f"{what} does not exist", fix="run `scoreback apply`")
        elif found.standing == Standing.OUTDATED:
            yield Finding(what=f"{what} is outdated", fix="run `scoreback apply`", fatal=False)
        elif found.standing in (Standing.EDITED, Standing.FOREIGN):
            who = "was edited" if found.standing == Standing.EDITED else "was not made by Scoreback"
            yield Finding(
                what=f"{what} {who}: {'; '.join(found.differences[:3])}",
                fix="see `scoreback plan`; `scoreback apply --take-over` takes it over",
                fatal=False,
            )

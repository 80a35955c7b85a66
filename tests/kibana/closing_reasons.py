"""Which reasons an alert may be closed with, by version and by the space's advanced setting."""

from typing import Any

from tests.kibana.refusals import DetectionRefusal, Refusal
from tests.kibana.routing import Call
from tests.kibana.settings import Settings

REASONS = (
    "false_positive",
    "duplicate",
    "true_positive",
    "benign_positive",
    "automated_closure",
    "other",
)
_LONGEST = 1024


def checked(call: Call, given: dict[str, Any]) -> str | None:
    """The reason of a request for a status; None where there is none to be kept.

    Before 9.2 the field is unknown, and Kibana leaves unknown fields out without a word. With any
    other status than closed a reason is not an error, and is not kept either.

    Raises:
        Refusal: 400; the version or the space does not know the reason.
    """
    reason = given.get("reason")
    if not call.version.closing_reasons:
        if reason is not None:
            call.simulator.stripped.append((call.path, "reason"))
        return None
    if reason is None:
        return None
    if not call.version.custom_reasons:
        if reason not in REASONS:
            expected = " | ".join(f"'{one}'" for one in REASONS)
            raise Refusal(
                400,
                f"[request body]: reason: Invalid enum value. Expected {expected}, "
                f"received '{reason}'",
            )
    elif not isinstance(reason, str) or not 1 <= len(reason) <= _LONGEST:
        raise Refusal(400, "[request body]: reason: Invalid input: expected a text of 1 to 1024")
    if given.get("status") != "closed":
        return None
    if not known(call, str(reason)):
        raise DetectionRefusal(400, f"Invalid alert closing reason: {reason}")
    return str(reason)


def known(call: Call, reason: str) -> bool:
    """Whether the space's analysts may choose this reason."""
    if reason in REASONS:
        return True
    custom = call.kept(Settings).get("securitySolution:alertCloseReasons") or []
    return call.version.custom_reasons and reason in custom

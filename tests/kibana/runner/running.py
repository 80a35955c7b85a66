"""One run of a rule, from its privileges to the summary of how it went."""

from typing import TYPE_CHECKING

from tests.kibana import alerts_index, times
from tests.kibana.cluster import ClusterError
from tests.kibana.kql import KqlError
from tests.kibana.objects.store import SavedObjects
from tests.kibana.refusals import Refusal
from tests.kibana.rules.alerting_endpoints import silent
from tests.kibana.rules.store import Rule
from tests.kibana.runner.outcome import Run, alerts_alias
from tests.kibana.runner.query_rules import run_query
from tests.kibana.runner.threshold_rules import run_threshold

if TYPE_CHECKING:
    from tests.kibana.simulator import Simulator

DEFAULT_INDICES = (
    "apm-*-transaction*", "auditbeat-*", "endgame-*", "filebeat-*", "logs-*", "packetbeat-*",
    "traces-apm*", "winlogbeat-*",
)  # fmt: skip
SIMULATED = {"query": run_query, "threshold": run_threshold}
"""Types of rules that run; the others fail, and say that they are not simulated."""
_CATCH_UP = 4
"""Intervals that a late run makes good, beside its own span."""
_ALERTS_PER_RUN = 1000
"""The alerting framework's own limit (``xpack.alerting.rules.run.alerts.max``)."""
_NO_PRIVILEGE = (
    "security_exception: unable to authenticate with provided credentials and anonymous access is "
    "not allowed for this request"
)


def run_rule(simulator: "Simulator", space: str, rule: Rule) -> Run:
    """Run a rule now, and note how it went."""
    run = Run(simulator, space, rule, simulator.clock.now(), alerts_alias(space))
    fault = simulator.faults.take("rule_fails", rule_id=rule.rule_id)
    if fault is not None:
        run.errors.append(str(fault.get("text", "An error occurred during rule execution")))
    else:
        execute(run, previous=rule.previous_start)
    rule.previous_start = run.started
    rule.summary = run.summary()
    rule.history.append(
        {
            "at": run.started,
            "status": run.status,
            "message": run.message,
            "created": run.created,
            "suppressed": run.suppressed,
            "gap": run.gap,
        }
    )
    if rule.body["enabled"]:
        rule.next_run = run.started + times.duration(rule.body["interval"])
    if run.created and not silent(rule, run.started):
        simulator.actions += [
            {"rule_id": rule.rule_id, "action": one["id"], "alerts": run.created, "at": run.started}
            for one in rule.body["actions"]
        ]
    return run


def execute(run: Run, previous: float | None) -> None:
    """Search and write; what goes wrong is noted in the run."""
    try:
        if run.rule.run_as.invalidated:
            run.errors.append(_NO_PRIVILEGE)
            return
        kind = run.body["type"]
        if kind not in SIMULATED:
            run.errors.append(f"Rules of type {kind} are not simulated: they never run here")
            return
        alerts_index.make(run.simulator.cluster, run.space, run.simulator.version.line)
        if not _searchable(run):
            return
        for begin, end in _spans(run, previous):
            most = min(run.body["max_signals"], _ALERTS_PER_RUN)
            SIMULATED[kind](run, begin, end, most)
    except (ClusterError, KqlError, Refusal) as failed:
        run.errors.append(f'An error occurred during rule execution: message: "{failed}"')


def _spans(run: Run, previous: float | None) -> list[tuple[float, float]]:
    """The spans to search, oldest first.

    A run that comes late searches up to four intervals more than its own span. What is older is the
    gap: it is told, and not searched.
    """
    begin = times.date_math(run.body["from"], run.started)
    end = times.date_math(run.body["to"], run.started)
    spans = [(begin, end)]
    if previous is None:
        return spans
    interval = times.duration(run.body["interval"])
    missed = (run.started - previous) - (end - begin)
    if missed <= 0:
        return spans
    catch_up = min(-int(-missed // interval), _CATCH_UP)
    spans += [
        (begin - number * interval, end - number * interval) for number in range(1, catch_up + 1)
    ]
    remaining = missed - catch_up * interval
    if remaining > 0:
        run.gap = (previous, previous + remaining)
    return spans[::-1]


def _patterns(run: Run) -> list[str]:
    """The rule's index patterns, or those of its data view.

    Raises:
        Refusal: There is no such data view.
    """
    view = run.body.get("data_view_id")
    if not view:
        return run.body.get("index") or list(DEFAULT_INDICES)
    found = run.simulator.kept(SavedObjects, run.space).get("index-pattern", view)
    return found.title.split(",")


def _searchable(run: Run) -> bool:
    """Whether there is anything that the rule may search; what it may not is a warning."""
    patterns = _patterns(run)
    denied = [one for one in patterns if not run.rule.run_as.may_read(one)]
    if denied:
        names = ",".join(f'"{one}"' for one in denied)
        run.warn(
            "This rule may not have the required read privileges to the following index patterns: "
            f"[{names}]"
        )
    run.searched = [one for one in patterns if one not in denied]
    if not run.searched:
        return False
    primary, secondary = run.timestamps
    fields = ",".join(name for name in (primary, secondary) if name)
    path = (
        f"/{','.join(run.searched)}/_field_caps?fields={fields}&include_unmapped=true"
        "&ignore_unavailable=true&allow_no_indices=true"
    )
    found = run.simulator.cluster.asked("GET", path)
    if not found["indices"]:
        listed = ",".join(f'"{one}"' for one in run.searched)
        run.warn(
            "This rule is attempting to query data from Elasticsearch indices listed in the "
            '"Index patterns" section of the rule definition, however no index matching: '
            f"[{listed}] was found. This warning will continue to appear until a matching index is "
            "created or this rule is disabled."
        )
        return False
    known = found["fields"].get(primary)
    lacking = found["indices"]
    if known is not None:
        lacking = known["unmapped"].get("indices", lacking) if "unmapped" in known else []
    if lacking:
        names = ",".join(f'"{one}"' for one in lacking)
        kind = "timestamp override field" if primary != "@timestamp" else "timestamp field"
        run.warn(f'The following indices are missing the {kind} "{primary}": [{names}]')
    return True

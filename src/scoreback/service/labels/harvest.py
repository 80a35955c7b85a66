"""Fills the label ledger with the SIEM's verdicts, between trainings too, and looks for floods."""

from datetime import datetime

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.doubts import FLOOD
from scoreback.records import LabelQuery
from scoreback.service.app import App
from scoreback.service.labels.quarantine import Held, in_quarantine, note_held
from scoreback.service.state.label_ledger import LabelLedger, Synced


def harvest(app: App, detector: Detector, *, now: datetime) -> tuple[Synced, list[Held]] | None:
    """Take over verdicts from the SIEM; None where *detector* learns from none.

    The sooner a verdict is in the ledger, the surer is the time when it came: a SIEM forgets.

    Raises:
        SiemUnavailable: the SIEM did not answer; what was added stands.
        SiemRefused: the SIEM refused.
    """
    spec, door = detector.labels.verdicts, app.connector.labels
    if spec is None or door is None:
        return None
    query = LabelQuery(
        detector=detector.name,
        entity=detector.entity,
        since=now - detector.train.history,
        window=spec.window,
    )
    ledger = LabelLedger(app.state, app.connector.name)
    synced = ledger.sync(door.read, query, as_of=now, now=now)
    held = in_quarantine(app, detector, now)
    note_held(app, detector.name, held, [FLOOD])
    return synced, held

"""Keeps the state and the SIEM's own store of settings in sync: each gets what the other has newer.

A change that a service wrote into the store is known by the service's note there, and is adopted as
it stands: so a workspace on another machine finds all overrides again, and no service reads its own
change as news. A change that a person wrote by hand has no trustworthy author and time; it is dated
when it is seen, and noted in the store before it counts, so that only one of several services takes
it over. Every change is in the audit log.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from scoreback.connectors.doors.settings import Entry, Override, SettingsStore
from scoreback.errors import SiemRefused
from scoreback.models.detector.alerts import OVERRIDABLE
from scoreback.service.app import App
from scoreback.service.in_force.detector import InForce
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.state.deployed import is_deployed, note_deployed
from scoreback.times import MICROSECOND, micros

NOBODY = "unknown, by hand in the index of settings"
READ, OF_FILE, IN_FORCE, REFUSED = "read", "the file's own value", "in force", "refused"

_KIND, _READ_KIND = "setting", "setting, as read"  # kinds that the state remembers
_ROUNDS = 3  # of reading and writing, if somebody else writes at the same moment
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,62}")  # a detector's name, as in its file


def sync_store(
    app: App, store: SettingsStore, *, now: datetime, warn: Callable[[str], None]
) -> int:
    """Bring the state and *store* to the same overrides; return how many are new to the state.

    Args:
        app: the open workspace.
        store: the settings store of the connection.
        now: the time that changes made by hand get.
        warn: called with what cannot count, and why.

    Raises:
        SiemUnavailable: the SIEM did not answer; what was done stands.
        SiemRefused: the store may not be read.
    """
    new = 0
    for _ in range(_ROUNDS):
        identity = store.identity()
        if not identity:
            return new  # it was not applied yet
        sync = _Sync(app, store, identity, now, warn)
        sync.run()
        new += sync.new
        if not sync.lost:
            break
    return new


def tell_store(store: SettingsStore, name: str, now: InForce) -> None:
    """Record in *store* which settings of the detector called *name* are in force, and which not.

    Call it only where something changed: two services with different files of one detector would
    otherwise overwrite each other without end.

    Raises:
        SiemError: the store cannot be read.
    """
    said = {one.key: IN_FORCE for one in now.overrides}
    said |= {one.override.key: f"{REFUSED}: {one.reason}" for one in now.refused}
    for entry in store.entries() if store.writable and said else ():
        wanted = said.get(entry.key) if entry.detector == name and not entry.spare else None
        if wanted is not None and not entry.by_hand and entry.stands != wanted:
            with suppress(SiemRefused):  # `sync_store` says that it may not be written
                store.tell(entry, wanted)


@dataclass(slots=True)
class _Sync:
    """One round: reads everything there, and writes what is not as it should be."""

    app: App
    store: SettingsStore
    identity: str
    now: datetime
    warn: Callable[[str], None]
    new: int = 0
    lost: bool = False  # somebody else wrote meanwhile, so another round is needed
    writes: bool = True
    overrides: Overrides = field(init=False)
    latest: dict[tuple[str, str], Override] = field(init=False)

    def __post_init__(self) -> None:
        self.overrides = Overrides(self.app.state)
        self.latest = self.overrides.latest()
        self.writes = self.store.writable

    def run(self) -> None:
        """Take over what is new in the store, then write into it what is new in the state."""
        kept: dict[tuple[str, str], Entry] = {}
        spare: list[Entry] = []
        for entry in self.store.entries():
            why = _wrong(entry)
            if why:
                self._refuse(entry, why)
            elif entry.spare:
                spare.append(entry)
            else:
                kept[entry.detector, entry.key] = entry
        for entry in kept.values():
            if entry.by_hand:
                self._take_over(entry, entry)
            elif entry.noted is not None:
                self._adopt(entry.noted)
        for entry in sorted(spare, key=lambda one: (one.at or self.now, one.name)):
            self._from_spare(entry)
        found = {(entry.detector, entry.key) for entry in spare}
        for about, override in sorted(self.latest.items()):
            if about in kept:
                self._renew(kept[about], override)
            elif about not in found:
                self._restore(about, override)

    def _take_over(self, entry: Entry, over: Entry | None) -> bool:
        """Date what a person wrote, note it in the store, then adopt it; whether it was adopted."""
        dated = self._dated(entry)
        if not self._keep(dated, over):
            if self.writes or self._was_read(entry):
                return False
            self._remember(_READ_KIND, self._revision(entry))
        self._adopt(dated)
        return True

    def _dated(self, entry: Entry) -> Override:
        """The override that *entry* describes, with its author and time if these can be trusted."""
        before, known = entry.noted, self.latest.get((entry.detector, entry.key))
        new_author = before is None or entry.author != before.author
        new_reason = before is None or entry.reason != before.reason
        new_time = entry.at is not None and (before is None or entry.at != before.at)
        earliest = None if known is None else known.at
        at = self.now if earliest is None else max(self.now, earliest + MICROSECOND)
        if entry.at is not None and new_time and entry.at <= self.now:
            at = entry.at if earliest is None or earliest < entry.at else at
        return Override(
            detector=entry.detector,
            key=entry.key,
            value=entry.value,
            author=(entry.author if new_author else "") or NOBODY,
            at=at,
            reason=entry.reason if new_reason else "",
        )

    def _from_spare(self, entry: Entry) -> None:
        """Move what a person added under a name of its own to the document of its key."""
        about = (entry.detector, entry.key)
        there = self.store.entry(*about) if self.writes else None
        if there is not None and (there.detector, there.key) != about:
            there = None
        noted = None if there is None else there.noted
        if noted is None or (noted.value, noted.author) != (entry.value, entry.author or NOBODY):
            standing = self.latest.get(about)
            if entry.value is None and (standing is None or standing.value is None):
                self._refuse(entry, "it has no value, and there is no setting that it could remove")
                return
            if not self._take_over(entry, there):
                return
        if self.writes:
            self._try("remove a spare document", lambda: self.store.drop(entry))

    def _renew(self, entry: Entry, override: Override) -> None:
        """Write *override*, the latest of its key, over the older one in the store."""
        noted = entry.noted
        if noted is not None and not entry.by_hand and noted.at < override.at:
            self._keep(override, entry)

    def _restore(self, about: tuple[str, str], override: Override) -> None:
        """Write *override* into the store; if a person removed it there, adopt the removal."""
        if override.value is None:
            return
        there = self.store.entry(*about)  # a search may not show it yet
        if there is not None and (there.detector, there.key) == about:
            return
        if not self._is_remembered(_KIND, self._of(override)):
            self._keep(override, None)
            return
        after = max(self.now, override.at + MICROSECOND)
        self._adopt(
            replace(
                override, value=None, author=NOBODY, at=after, reason="its document was removed"
            )
        )

    def _adopt(self, override: Override) -> None:
        """Add *override*, which the store has, to the state; a second time changes nothing."""
        about = (override.detector, override.key)
        if not self.overrides.knows(override):
            self.new += self.overrides.add(override, source=self.app.connector.name)
        self._remember(_KIND, self._of(override))
        known = self.latest.get(about)
        if known is None or known.at <= override.at:
            self.latest[about] = override

    def _keep(self, override: Override, over: Entry | None) -> bool:
        """Write *override* into the store; False if somebody else wrote, or if that is refused."""
        stands = OF_FILE if override.value is None else READ
        done = self._try("keep it", lambda: self.store.keep(override, over, stands=stands))
        if done:
            self._remember(_KIND, self._of(override))
        return done

    def _try(self, what: str, write: Callable[[], bool]) -> bool:
        """Write into the store if that is allowed; False also if somebody else wrote."""
        if not self.writes:
            return False
        try:
            done = write()
        except SiemRefused as error:
            self.writes = False
            self.warn(f"the index of settings is read, but not written ({what}): {error.message}")
            return False
        self.lost = self.lost or not done
        return done

    def _refuse(self, entry: Entry, why: str) -> None:
        """Report once that *entry* cannot count."""
        said = f"{REFUSED}: {why}"
        if entry.stands == said or self._was_read(entry):
            return
        self._remember(_READ_KIND, self._revision(entry))
        self.warn(f"setting {entry.name!r} in the SIEM does not count: {why}")
        self._try("say that it does not count", lambda: self.store.tell(entry, said))

    def _was_read(self, entry: Entry) -> bool:
        return self._is_remembered(_READ_KIND, self._revision(entry))

    def _revision(self, entry: Entry) -> str:
        return f"{self.identity} {entry.name} {entry.revision}"

    def _of(self, override: Override) -> str:
        at = micros(override.at)
        return f"{self.identity} {override.detector}:{override.key} {at}"

    def _is_remembered(self, kind: str, name: str) -> bool:
        return is_deployed(self.app.state, self.app.connector.name, kind, name)

    def _remember(self, kind: str, name: str) -> None:
        note_deployed(self.app.state, self.app.connector.name, kind, name, self.now)


def _wrong(entry: Entry) -> str:
    """Why *entry* cannot count, whatever the detector's file says."""
    if entry.wrong:
        return entry.wrong
    if not _NAME.fullmatch(entry.detector):
        return f"{entry.detector!r} is not the name of a detector"
    if entry.key not in OVERRIDABLE:
        return f"{entry.key!r} is not a key that settings can change"
    return ""

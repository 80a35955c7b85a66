"""One search head: everything that a request can see."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulators.faults import Faults
from tests.splunkd.accounts import Accounts, Role
from tests.splunkd.clock import Clock
from tests.splunkd.confs import Confs
from tests.splunkd.kv.store import KVStore
from tests.splunkd.scheduling.alerts import Alerts
from tests.splunkd.store import EventStore

if TYPE_CHECKING:
    from tests.splunkd.cluster import Cluster

VERSION = "9.4.4"
CAPABILITY = "capability::"
_SYSTEM = {
    "limits": {
        "kvstore": {
            "max_documents_per_batch_save": "1000",
            "max_size_per_batch_save_mb": "50",
            "max_rows_per_query": "50000",
            "max_size_per_result_mb": "50",
            "max_queries_per_batch": "1000",
        },
        "restapi": {"maxresultrows": "50000"},
        "search": {"max_count": "500000", "ttl": "600", "base_max_searches": "6",
                   "max_searches_per_cpu": "1"},
        "scheduler": {"max_searches_perc": "50", "auto_summary_perc": "50"},
        "lookup": {"max_matches": "1000", "max_memtable_bytes": "25000000"},
    },
    "distsearch": {
        "replicationSettings": {"maxBundleSize": "2048", "concerningReplicatedFileSize": "500"},
    },
    "server": {"general": {"serverName": "simulator"}},
    "web": {"settings": {"mgmtHostPort": "127.0.0.1:8089"}},
    "props": {}, "transforms": {}, "macros": {}, "eventtypes": {}, "tags": {}, "savedsearches": {},
    "collections": {}, "commands": {}, "restmap": {}, "alert_actions": {}, "authorize": {},
    "app": {}, "indexes": {}, "inputs": {}, "workflow_actions": {}, "times": {}, "ui-prefs": {},
}  # fmt: skip


@dataclass
class App:
    """An installed app; *folder* is None for those that are part of Splunk."""

    name: str
    label: str
    version: str
    folder: Path | None
    visible: bool = True


@dataclass
class Index:
    """An index that events can be sent to."""

    name: str
    app: str = "search"
    settings: dict[str, str] | None = None
    disabled: bool = False


class Instance:
    """A search head. Members of a cluster share the store and the clock, and little else."""

    def __init__(
        self,
        clock: Clock,
        store: EventStore,
        faults: Faults,
        indexes: dict[str, Index],
        *,
        version: str = VERSION,
        name: str = "simulator",
    ) -> None:
        from tests.splunkd.jobs import Jobs

        self.clock = clock
        self.store = store
        self.faults = faults
        self.indexes = indexes
        self.version = version
        self.name = name
        self.instance_type = ""
        """``cloud`` in Splunk Cloud."""
        self.roles = ["search_head", "indexer", "kv_store"]
        self.down = False
        """A member that is down closes every connection."""
        self.cluster: Cluster | None = None
        self.enterprise_security = False
        self.confs = Confs()
        self.kv = KVStore(self.confs)
        self.accounts = Accounts(clock)
        self.jobs: Jobs = Jobs(self)
        self.url = ""
        """Where its management port answers."""
        self.lookup_files: dict[tuple[str, str], list[dict[str, str]]] = {}
        """Rows of CSV lookups by app and file name."""
        self.alerts = Alerts(clock)
        self.investigations: list[dict[str, Any]] = []
        """Of Enterprise Security."""
        self.passwords: dict[tuple[str, str, str], str] = {}
        """By app, realm and user."""
        self._apps = {
            app: App(app, label, version, None)
            for app, label in (
                ("search", "Search & Reporting"),
                ("launcher", "Home"),
                ("system", "system"),
            )
        }
        for conf, stanzas in _SYSTEM.items():
            self.confs.add_file(conf)
            for stanza, values in stanzas.items():
                self.confs.ship(conf, stanza, "system", values)

    def app(self, name: str) -> App | None:
        """An installed app."""
        return self._apps.get(name)

    def apps(self) -> list[App]:
        """All that can be seen."""
        return [app for app in self._apps.values() if app.name != "system"]

    def add_app(self, app: App) -> None:
        """Have an app without files."""
        self._apps[app.name] = app

    def remove_app(self, name: str) -> None:
        """Forget an app."""
        self._apps.pop(name, None)

    def install(self, folder: Path) -> App:
        """Install the app in a folder, by reading its configuration."""
        from tests.splunkd import conf_files

        about: conf_files.Conf = {
            "launcher": {},
            "ui": {},
            "package": {},
            "id": {},
        } | conf_files.parsed((folder / "default" / "app.conf").read_text())
        name = about["package"].get("id") or about["id"].get("name") or folder.name
        version = about["id"].get("version") or about["launcher"].get("version", "")
        visible = about["ui"].get("is_visible", "true").lower() in ("true", "1")
        app = App(name, about["ui"].get("label", name), version, folder.resolve(), visible)
        self.add_app(app)
        self.confs.install(name, folder)
        self._roles()
        for stanza in self.confs.stanzas("indexes", app=name):
            if stanza.app == name and not stanza.name.startswith(("default", "volume:")):
                self.indexes.setdefault(stanza.name, Index(stanza.name, name, stanza.values))
        return app

    def _roles(self) -> None:
        for stanza in self.confs.stanzas("authorize"):
            if stanza.name.startswith(CAPABILITY):
                self.accounts.known_capabilities.add(stanza.name.removeprefix(CAPABILITY))
            elif stanza.name.startswith("role_"):
                name = stanza.name.removeprefix("role_")
                role = self.accounts.roles.setdefault(name, Role(name))
                enabled = {k for k, v in stanza.values.items() if v == "enabled"}
                role.capabilities |= enabled
                imported = stanza.values.get("importRoles", "")
                role.imported += [r for r in imported.split(";") if r and r not in role.imported]

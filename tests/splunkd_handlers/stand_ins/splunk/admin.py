"""A stand-in for the base class of settings handlers: one request, one answer."""

from __future__ import annotations

from typing import Any

CONTEXT_NONE, CONTEXT_APP_ONLY, CONTEXT_APP_AND_USER = 1, 2, 3
ACTION_CREATE, ACTION_LIST, ACTION_EDIT, ACTION_REMOVE = 1, 2, 4, 8
EAI_ENTRY_ACL = "eai:acl"
_ACTIONS = {
    "create": ACTION_CREATE, "list": ACTION_LIST, "edit": ACTION_EDIT, "remove": ACTION_REMOVE,
}  # fmt: skip

asked: dict[str, Any] = {}  # by the runner
answered: dict[str, Any] = {}  # for the runner


class ConfigItem(dict[str, Any]):
    """One entity: its keys, and what belongs to the feed."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, Any] = {}

    def setMetadata(self, key: str, value: object) -> None:  # noqa: N802 - Splunk's name
        self.metadata[key] = value


class ConfigInfo(dict[str, ConfigItem]):
    """Entities by name, made when they are asked for."""

    def __missing__(self, name: str) -> ConfigItem:
        self[name] = item = ConfigItem()
        return item


class _Arguments:
    def __init__(self) -> None:
        self.id: str | None = None
        self.data: dict[str, list[str]] = {}


class _Supported:
    def __init__(self) -> None:
        self.required: list[str] = []
        self.optional: list[str] = []

    def addReqArg(self, name: str) -> None:  # noqa: N802
        self.required.append(name)

    def addOptArg(self, name: str) -> None:  # noqa: N802
        self.optional.append(name)


class MConfigHandler:
    """What a settings handler derives from."""

    def __init__(self, _mode: object = None, _context: object = None) -> None:
        self.requestedAction = _ACTIONS[asked["action"]]
        self.callerArgs = _Arguments()
        self.callerArgs.id = asked["name"]
        self.callerArgs.data = asked["given"]
        self.supportedArgs = _Supported()
        self.userName = asked["user"]
        self.appName = asked["app"]

    def getSessionKey(self) -> str:  # noqa: N802
        return str(asked["session_key"])

    def setup(self) -> None: ...


def init(handler: type, ctxInfo: int = CONTEXT_NONE) -> None:  # noqa: N803
    """Let *handler* answer what is asked."""
    made = handler(None, ctxInfo)
    made.setup()
    supported = made.supportedArgs
    wrong = _wrong(supported)
    if wrong:
        answered.update(status=400, message=wrong)
        return
    found = ConfigInfo()
    method = {
        ACTION_CREATE: "handleCreate", ACTION_LIST: "handleList",
        ACTION_EDIT: "handleEdit", ACTION_REMOVE: "handleRemove",
    }[made.requestedAction]  # fmt: skip
    try:
        getattr(made, method)(found)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its answer
        answered.update(status=int(getattr(error, "status", 500)), message=str(error))
        return
    answered["entries"] = [
        {"name": name, "content": dict(item), "acl": item.metadata.get(EAI_ENTRY_ACL, {})}
        for name, item in found.items()
    ]


def _wrong(supported: _Supported) -> str:
    """What splunkd itself refuses before it asks a handler to create or edit."""
    if asked["action"] not in ("create", "edit"):
        return ""
    given = asked["given"]
    for name in supported.required:
        if name not in given and asked["action"] == "create":
            return f"The following required arguments are missing: {name}."
    unknown = sorted(set(given) - {*supported.required, *supported.optional})
    if unknown:
        return f'Argument "{unknown[0]}" is not supported by this handler.'
    return ""

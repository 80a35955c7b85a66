"""Exports of two dozen tools, each with the same invented events, in the shape the tool writes.

`EXPORTS` names them; each maker gives the name of a file and its bytes. The shapes follow the
tools' documentation and what they are known to write; no tool made them.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

FIRST = datetime(2026, 2, 16, 10, 0, 0, 123000, tzinfo=UTC)
STEP = timedelta(minutes=7)
ROWS = 200
_MESSAGES = (
    'powershell.exe -enc "SQBFAFgA", then gone',
    "Zugriff verweigert: Büro; Köln",
    "4,624 logons\tin a row",
    "{not json}",
)
Made = tuple[str, bytes]


class Event(NamedTuple):
    """One invented event."""

    number: int
    at: datetime
    host: str
    user: str
    code: int
    message: str

    @property
    def iso(self) -> str:
        """Its time with milliseconds, in UTC."""
        return self.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.at.microsecond // 1000:03}Z"


def events() -> list[Event]:
    """The events of every export."""
    return [
        Event(n, FIRST + n * STEP, f"ws-{n % 17:03}", f"user{n % 5}", 4624 + n % 3,
              _MESSAGES[n % len(_MESSAGES)])
        for n in range(ROWS)
    ]  # fmt: skip


def _table(rows: Iterable[Sequence[object]], delimiter: str = ",", quoted: bool = False) -> str:
    out = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    table = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    table.writerows(rows)
    return out.getvalue()


def _lines(documents: Iterable[object]) -> bytes:
    return "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents).encode()


def _ecs(event: Event) -> dict[str, Any]:
    return {
        "@timestamp": event.iso,
        "host": {"name": event.host, "ip": ["10.0.0.1", "fe80::1"]},
        "user": {"name": event.user},
        "event": {"code": event.code},
        "message": event.message,
    }


def _hit(event: Event) -> dict[str, Any]:
    return {
        "_index": ".ds-logs-windows-2026.02.16-000001", "_id": f"id{event.number}", "_score": 1.0,
        "_source": _ecs(event),
    }  # fmt: skip


def _answer() -> dict[str, Any]:
    hits = {"total": {"value": ROWS, "relation": "eq"}, "max_score": 1.0,
            "hits": [_hit(event) for event in events()]}  # fmt: skip
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    return {"took": 3, "timed_out": False, "_shards": shards, "hits": hits}


def _splunk(event: Event) -> dict[str, str]:
    return {
        "_time": event.iso.replace("Z", "+0000"),
        "host": event.host, "user": event.user, "signature_id": str(event.code),
        "_raw": event.message,
    }  # fmt: skip


def splunk_csv() -> Made:
    """Splunk Web, export of a search as CSV."""
    rows = [_splunk(event) for event in events()]
    return "splunk.csv", _table([[*rows[0]], *[[*r.values()] for r in rows]], quoted=True).encode()


def splunk_json_lines() -> Made:
    """Splunk Web, export as JSON; the REST endpoint that exports writes the same."""
    found = [{"preview": False, "offset": n, "result": _splunk(e)} for n, e in enumerate(events())]
    found[-1]["lastrow"] = True
    return "splunk.json", _lines(found)


def splunk_json_array() -> Made:
    """Answer of a Splunk job's results in JSON."""
    answer = {"preview": False, "init_offset": 0, "messages": [], "fields": [{"name": "_time"}],
              "results": [_splunk(event) for event in events()]}  # fmt: skip
    return "results.json", json.dumps(answer).encode()


def _kibana_time(event: Event) -> str:
    day = event.at.strftime("%b %d, %Y").replace(" 0", " ")
    return f"{day} @ {event.at:%H:%M:%S}.{event.at.microsecond // 1000:03}"


def kibana_csv() -> Made:
    """Kibana's CSV report of a Discover session, with its numbers and times."""
    head = ("@timestamp", "host.name", "user.name", "event.code", "message")
    rows = [(_kibana_time(e), e.host, e.user, f"{e.code:,}", e.message) for e in events()]
    return "report.csv", _table([head, *rows], quoted=True).encode()


def discover_csv() -> Made:
    """The same of whole documents: id, index and lists among the columns."""
    head = ("@timestamp", "_id", "_index", "_score", "host.ip", "host.name", "message")
    rows = [(_kibana_time(e), f"id{e.number}", "logs-windows", "-", "10.0.0.1, fe80::1", e.host,
             e.message) for e in events()]  # fmt: skip
    return "discover.csv", _table([head, *rows], quoted=True).encode()


def search_one_line() -> Made:
    """Answer of Elasticsearch's `_search`."""
    return "search.json", json.dumps(_answer()).encode()


def search_pretty() -> Made:
    """The same with ``?pretty``."""
    return "pretty.json", json.dumps(_answer(), indent=2).encode()


def elasticdump() -> Made:
    """elasticdump, one hit a line."""
    return "dump.json", _lines(_hit(event) for event in events())


def bulk() -> Made:
    """Requests of Elasticsearch's `_bulk`: an action, then its document."""
    pairs = ((({"create": {"_index": "logs", "_id": f"id{e.number}"}}), _ecs(e)) for e in events())
    return "bulk.ndjson", _lines(line for pair in pairs for line in pair)


def sentinel_csv() -> Made:
    """Microsoft Sentinel, Logs: export to CSV."""
    head = ("TimeGenerated [UTC]", "Computer", "Account", "EventID", "Activity")
    rows = [(f"{e.at:%m/%d/%Y, %I:%M:%S}.{e.at.microsecond // 1000:03} {e.at:%p}", e.host, e.user,
             e.code, e.message) for e in events()]  # fmt: skip
    return "query_data.csv", b"\xef\xbb\xbf" + _table([head, *rows], quoted=True).encode()


def defender_csv() -> Made:
    """Microsoft Defender, advanced hunting: export to CSV."""
    head = ("Timestamp", "DeviceName", "AccountName", "ActionType", "AdditionalFields")
    rows = [(f"{e.at:%b} {e.at.day}, {e.at:%Y %I:%M:%S %p}", e.host, e.user, "LogonSuccess",
             json.dumps({"note": e.message})) for e in events()]  # fmt: skip
    return "hunting.csv", _table([head, *rows], quoted=True).encode()


def defender_answer() -> Made:
    """Answer of advanced hunting's API."""
    schema = [{"Name": "Timestamp", "Type": "DateTime"}, {"Name": "DeviceName", "Type": "String"}]
    found = [{"Timestamp": e.iso, "DeviceName": e.host, "Note": e.message} for e in events()]
    return "hunting.json", json.dumps({"Schema": schema, "Results": found}).encode()


def zeek_tsv() -> Made:
    """A log of Zeek as it writes them unless told otherwise."""
    head = (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
        "#open\t2026-02-16-10-00-00\n#fields\tts\tuid\tid.orig_h\tid.resp_p\tservice\ttunnel_parents\n"
        "#types\ttime\tstring\taddr\tport\tstring\tset[string]\n"
    )
    rows = "".join(
        f"{e.at.timestamp():.6f}\tC{e.number}\t10.0.0.{e.number % 9}\t443\t-\t(empty)\n"
        for e in events()
    )
    return "conn.log", (head + rows + "#close\t2026-02-17-10-00-00\n").encode()


def zeek_json() -> Made:
    """A log of Zeek with JSON switched on."""
    found = ({"ts": round(e.at.timestamp(), 6), "uid": f"C{e.number}", "id.orig_h": e.host}
             for e in events())  # fmt: skip
    return "conn.json.log", _lines(found)


def suricata() -> Made:
    """Suricata's eve.json."""
    found = ({"timestamp": e.at.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"), "flow_id": 10**15 + e.number,
              "event_type": "alert", "src_ip": "10.0.0.1",
              "alert": {"signature_id": e.code, "signature": e.message}}
             for e in events())  # fmt: skip
    return "eve.json", _lines(found)


def _evtx(event: Event) -> dict[str, Any]:
    system = {"Provider": {"#attributes": {"Name": "Security-Auditing"}}, "EventID": event.code,
              "TimeCreated": {"#attributes": {"SystemTime": event.iso.replace("Z", "000Z")}},
              "EventRecordID": event.number, "Computer": event.host}  # fmt: skip
    data = {"TargetUserName": event.user, "Note": event.message}
    xmlns = {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"}
    return {"Event": {"#attributes": xmlns, "EventData": data, "System": system}}


def evtx_lines() -> Made:
    """A Windows event log as JSON lines, as evtx_dump writes it."""
    return "security.jsonl", _lines(_evtx(event) for event in events())


def get_winevent() -> Made:
    """``Get-WinEvent | ConvertTo-Json > file`` of Windows PowerShell: UTF-16, /Date(...)/."""
    found = [{"Id": e.code, "RecordId": e.number, "MachineName": e.host, "Message": e.message,
              "TimeCreated": f"/Date({round(e.at.timestamp() * 1000)})/"}
             for e in events()]  # fmt: skip
    text = json.dumps(found, indent=4, ensure_ascii=False).replace("\n", "\r\n")
    return "events.json", b"\xff\xfe" + text.encode("utf-16-le")


def excel_csv() -> Made:
    """Excel's CSV with its line that says what separates."""
    head = ("time", "host", "user", "message")
    rows = [(e.iso, e.host, e.user, e.message) for e in events()]
    return "excel.csv", b"\xef\xbb\xbf" + ("sep=;\n" + _table([head, *rows], ";")).encode()


def pretty_array() -> Made:
    """One JSON array over many lines, as jq writes it."""
    return "array.json", json.dumps([_ecs(e) for e in events()], indent=2).encode()


def concatenated() -> Made:
    """Pretty objects one after the other, as jq writes a stream."""
    return "stream.json", "\n".join(json.dumps(_ecs(e), indent=2) for e in events()).encode()


def cloudtrail() -> Made:
    """A file of AWS CloudTrail, packed as it lies in the bucket."""
    found = [{"eventTime": f"{e.at:%Y-%m-%dT%H:%M:%SZ}", "eventName": "ConsoleLogin",
              "eventID": f"e{e.number}", "userIdentity": {"userName": e.user}}
             for e in events()]  # fmt: skip
    return "trail.json.gz", gzip.compress(json.dumps({"Records": found}).encode(), mtime=0)


def zipped_csv() -> Made:
    """A zip with one CSV in it."""
    rows = [("timestamp", "host"), *((e.iso, f"{e.host}-{e.number}") for e in events())]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("export.csv", _table(rows))
    return "export.zip", out.getvalue()


def workbook() -> Made:
    """An Excel workbook, which is refused: its remedy is to save the sheet as CSV."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("_rels/.rels", "<Relationships/>")
        packed.writestr("xl/workbook.xml", "<workbook/>")
        packed.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    return "export.xlsx", out.getvalue()


def workbook_saved_as_csv() -> Made:
    """What Excel writes of that workbook as "CSV UTF-8 (comma delimited)"."""
    head = ("time", "host", "user", "message")
    rows = [(e.iso, e.host, e.user, e.message) for e in events()]
    return "export.csv", b"\xef\xbb\xbf" + _table([head, *rows]).replace("\n", "\r\n").encode()


EXPORTS: dict[str, Callable[[], Made]] = {
    "Splunk CSV": splunk_csv,
    "Splunk JSON lines": splunk_json_lines,
    "Splunk JSON array": splunk_json_array,
    "Kibana CSV": kibana_csv,
    "Discover CSV": discover_csv,
    "_search, one line": search_one_line,
    "_search, pretty": search_pretty,
    "elasticdump": elasticdump,
    "_bulk": bulk,
    "Sentinel CSV": sentinel_csv,
    "Defender CSV": defender_csv,
    "Defender answer": defender_answer,
    "Zeek TSV": zeek_tsv,
    "Zeek JSON": zeek_json,
    "Suricata eve.json": suricata,
    "evtx as JSON lines": evtx_lines,
    "Get-WinEvent": get_winevent,
    "Excel CSV, sep=;": excel_csv,
    "pretty JSON array": pretty_array,
    "concatenated JSON": concatenated,
    "CloudTrail .gz": cloudtrail,
    "CSV in a zip": zipped_csv,
    "gz of CSV": lambda: ("splunk.csv.gz", gzip.compress(splunk_csv()[1], mtime=0)),
    "Excel workbook": workbook,
}

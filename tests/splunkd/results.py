"""Rows of a search in the formats that a client may ask for."""

import csv
import html
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from tests.splunkd.messages import JSON, XML, Refusal
from tests.splunkd.spl.engine import Shown

if TYPE_CHECKING:
    from tests.splunkd.jobs import Job

_encoded = msgspec.json.Encoder().encode
_CSV = "text/csv; charset=UTF-8"


def page(job: "Job", rows: list[Shown], mode: str, offset: int, preview: bool = False) -> Response:
    """Some rows of a job."""
    fields = job.fields
    messages = [{"type": kind, "text": text} for kind, text in job.messages]
    about: dict[str, Any] = {"preview": preview, "init_offset": offset, "messages": messages}
    named = [{"name": name} for name in fields]
    if mode == "json":
        body = {**about, "fields": named, "results": rows, "highlighted": {}}
    elif mode == "json_rows":
        body = {**about, "fields": fields, "rows": [[row.get(f) for f in fields] for row in rows]}
    elif mode == "json_cols":
        columns = [[row.get(field) for row in rows] for field in fields]
        body = {**about, "fields": named, "columns": columns}
    elif mode == "csv":
        return Response(as_csv(fields, rows), media_type=_CSV)
    elif mode == "xml":
        return Response(_as_xml(fields, rows, preview), media_type=XML)
    else:
        raise Refusal(400, f"Invalid output_mode: {mode}")
    return Response(json.dumps(body), media_type=JSON)


def as_csv(fields: list[str], rows: list[Shown]) -> str:
    """Rows as CSV; several values on lines of one cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        cells = (row.get(field, "") for field in fields)
        writer.writerow(["\n".join(c) if isinstance(c, list) else c for c in cells])
    return text.getvalue()


def _as_xml(fields: list[str], rows: list[Shown], preview: bool) -> str:
    named = "".join(f"<field>{html.escape(name)}</field>" for name in fields)
    lines = [
        f"<?xml version='1.0' encoding='UTF-8'?>\n<results preview='{int(preview)}'>",
        f"<meta><fieldOrder>{named}</fieldOrder></meta>",
    ]
    for number, row in enumerate(rows):
        cells = "".join(
            f"<field k='{html.escape(name)}'>"
            + "".join(
                f"<value><text>{html.escape(v)}</text></value>"
                for v in (value if isinstance(value, list) else [value])
            )
            + "</field>"
            for name, value in row.items()
        )
        lines.append(f"<result offset='{number}'>{cells}</result>")
    return "\n".join([*lines, "</results>"])


def export_lines(rows: Iterator[Shown], preview: bool = False) -> Iterator[bytes]:
    """One JSON document per row; the last says so."""
    ahead = next(rows, None)
    offset = 0
    while ahead is not None:
        row, ahead = ahead, next(rows, None)
        line: dict[str, Any] = {"preview": preview, "offset": offset}
        if ahead is None:
            line["lastrow"] = True
        line["result"] = row
        yield _encoded(line) + b"\n"
        offset += 1
    if offset == 0:
        yield _encoded({"preview": preview, "lastrow": True}) + b"\n"

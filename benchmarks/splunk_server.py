"""A stub that streams as Splunk does, in a process of its own: it searches nothing.

It knows the searches that the product makes and answers with made-up events, `PER_SECOND` for each
second of index time: rows of an export, or how many there are. Its collector takes whatever comes.

``python benchmarks/splunk_server.py`` prints its port.
"""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

PER_SECOND = 50
START = 1_780_000_000
BLOCK = 2_000  # rows that are sent at once
KINDS = 997  # of rows, before their id and times
_BOUNDS = re.compile(r"_index_earliest=(\d+) _index_latest=(\d+)")
_WIDTH = re.compile(r"floor\(\(_indextime-(\d+)\)/(\d+)\)")
_ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:s="http://dev.splunk.com/ns/rest">
<entry><title>server-info</title><content type="text/xml"><s:dict>
<s:key name="version">9.4.0</s:key><s:key name="product_type">enterprise</s:key>
</s:dict></content></entry></feed>"""
_INFO = {"entry": [{"name": "server-info", "content": {"version": "9.4.0"}}]}


def _kind(n: int) -> str:
    """What rows of one kind have in common: an alert of a network sensor."""
    fields = {
        "src": f"10.{n % 200}.{n % 7}.{n % 250}",
        "dest": f"192.0.2.{n % 250}",
        "src_port": str(1024 + n * 61 % 60_000),
        "dest_port": str((53, 80, 443, 445, 3389)[n % 5]),
        "signature_id": str(2_000_000 + n % 311),
        "signature": f"ET INFO something that was seen on the network, kind {n % 311}",
        "category": ("Misc activity", "Attempted Information Leak", "A Network Trojan")[n % 3],
        "severity": str(1 + n % 3),
        "app": ("tls", "http", "dns", "smb")[n % 4],
        "bytes_in": str(n * 7919 % 1_000_000),
        "bytes_out": str(n * 104_729 % 1_000_000),
        "http_user_agent": f"Mozilla/5.0 (X11; Linux x86_64; rv:{n % 40}) Gecko/20100101",
    }
    return json.dumps(fields)[1:-1]


_KINDS = [_kind(n) for n in range(KINDS)]


def _rows(since: int, until: int) -> Iterator[bytes]:
    """The lines of an export, some thousands at a time."""
    first, last = (since - START) * PER_SECOND, (until - START) * PER_SECOND
    for start in range(first, last, BLOCK):
        lines = []
        for n in range(start, min(start + BLOCK, last)):
            at = START + n // PER_SECOND
            lines.append(
                f'{{"preview":false,"offset":{n - first},"result":{{"scoreback_event_id":"e{n:09d}"'
                f',"scoreback_time":"{at - 2}.{n % 1_000_000:06d}","scoreback_arrival":"{at}"'
                f",{_KINDS[n % KINDS]}}}}}\n"
            )
        if start + BLOCK >= last:
            lines[-1] = lines[-1].replace('"result"', '"lastrow":true,"result"', 1)
        yield "".join(lines).encode()


def _counts(since: int, until: int, width: int) -> Iterator[bytes]:
    for bucket in range(-(-(until - since) // width)):
        a, b = since + bucket * width, min(since + (bucket + 1) * width, until)
        row = {"scoreback_bucket": str(bucket), "count": str((b - a) * PER_SECOND)}
        last = {"lastrow": True} if b == until else {}
        yield (
            json.dumps({"preview": False, "offset": bucket, **last, "result": row}) + "\n"
        ).encode()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Who is there."""
        if "output_mode=json" in self.path:
            self._answer(json.dumps(_INFO).encode())
        else:
            self._answer(_ATOM, "text/xml")

    def do_POST(self) -> None:
        """A login, an export, or events."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/services/collector"):
            self._answer(b'{"text":"Success","code":0}')
        elif "auth/login" in self.path:
            self._answer(b"<response><sessionKey>k</sessionKey></response>", "text/xml")
        else:
            self._export(parse_qs(body.decode())["search"][0])

    def _export(self, search: str) -> None:
        found = _BOUNDS.search(search)
        since, until = (int(found[1]), int(found[2])) if found else (START, START)
        if "BY scoreback_bucket" in search:
            width = _WIDTH.search(search)
            self._stream(_counts(since, until, int(width[2]) if width else 1))
        else:
            self._stream(_rows(since, until))

    def _answer(self, body: bytes, content: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", content)
        self.send_header("Connection", "Keep-Alive")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, blocks: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "Keep-Alive")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Nothing: it would be the slowest part."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()

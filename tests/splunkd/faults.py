"""Switches that make the simulator fail in ways that a healthy splunkd does not."""

KINDS = {
    "refuse": "any request is answered with `status` (503) and `text`, as is `retry_after`",
    "disconnect": "the connection is closed without an answer",
    "expire_sessions": "every session so far is forgotten when the request comes",
    "empty_export": "an export answers 200 with nothing",
    "truncate_export": "an export ends after `rows` rows; `abruptly`: the connection breaks",
    "duplicate_rows": "an export repeats each `every`-th row",
    "slow_stream": "an export waits `seconds` before each chunk of rows",
    "export_message": "an export carries a message of `severity` with `text` in its midst",
    "ack_never": "acknowledgements stay false",
    "hec": "HTTP Event Collector answers with `code`; `stored` events are stored all the same",
    "kv_off": "the KV store is not ready (503)",
    "kv_over_limit": "a batch_save is refused as over the limits",
    "queue_jobs": "jobs stay QUEUED until the switch is off",
    "search_quota": "a new search is refused: too many at once",
    "skip_scheduled": "the scheduler skips the run",
    "queue_scheduled": "the scheduler leaves the run for its next turn",
}

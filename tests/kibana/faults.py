"""Switches that make the simulator fail in ways that a healthy Kibana does not."""

KINDS = {
    "refuse": "a request is answered with `status` (503) and `text`; `html`: by a proxy's page",
    "disconnect": "the connection is closed before the request is obeyed",
    "answer_lost": "the connection is closed after the request was obeyed",
    "slow": "a request waits `seconds` before it is answered",
    "rate_limit": "a request is answered 429, with `retry_after` seconds (1) in Retry-After",
    "too_large": "a body of more than `bytes` is answered 413",
    "conflict": "a write is answered 409, as when another one came first",
    "alert_conflict": "`alerts` (1) of those that a request changes were changed by somebody else",
    "kibana_down": "Kibana answers every request 503 with `Kibana server is not ready yet`",
    "elasticsearch_down": "what needs Elasticsearch fails, and the status says so",
    "import_stops": "an import of rules ends with status 500 after `rules` rules were stored",
    "object_import_stops": "an import of saved objects fails (500) after `objects` (1) were made",
    "bulk_fails": "a bulk action fails for the rule `rule_id`, or for each without it",
    "rule_fails": "a run of the rule `rule_id`, or of each without it, fails with `text`",
    "skip_run": "the scheduler leaves out a run of the rule `rule_id`, or of each without it",
}

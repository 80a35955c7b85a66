"""The embedded SIEM's alerting: rules, alerts and verdicts in its ledger."""

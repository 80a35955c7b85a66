"""The embedded SIEM's alerts: rules, alerts and verdicts in its ledger."""

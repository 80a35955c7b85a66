"""The embedded SIEM on disk: a ledger, immutable segments, and DuckDB to query them."""

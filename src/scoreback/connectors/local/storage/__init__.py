"""The embedded SIEM on disk: ledger, immutable segments, the engine over them."""

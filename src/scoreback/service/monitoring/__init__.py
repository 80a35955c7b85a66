"""How detectors are doing: computed hourly, written to the SIEM, and shown by `scoreback health`.

Each module makes health documents of its kinds; `monitor` collects them. Names and units are
those of `scoreback.health` and docs/health.md.
"""

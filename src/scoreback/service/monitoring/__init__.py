"""How detectors are doing: computed every hour, told to the SIEM, and shown by `scoreback health`.

Each part makes health documents of its kinds; `monitor` puts them together. Names and units are
those of `scoreback.health` and docs/health.md.
"""

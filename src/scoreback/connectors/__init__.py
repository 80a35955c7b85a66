"""The doors: everything that speaks one SIEM's protocol, and nothing else."""

"""What Scoreback puts into the SIEM: plan and apply, promotion, alert rules, native models."""

"""What stands in the SIEM because of us: plan and apply, promotion."""

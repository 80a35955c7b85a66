"""What analysts said of Elastic Security's alerts, as labels."""

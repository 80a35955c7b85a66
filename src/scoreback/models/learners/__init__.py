"""The algorithms, and their winners as plain trees or coefficients."""

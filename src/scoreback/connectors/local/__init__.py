"""The embedded SIEM: Parquet segments and one SQLite file in a folder, DuckDB over them."""

"""The detector file: its keys, and how it is read and checked without the learning libraries."""

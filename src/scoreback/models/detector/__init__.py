"""The detector file: what it may say, read and checked without the learning libraries."""

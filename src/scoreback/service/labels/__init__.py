"""Labels that are collected, doubted and kept: quarantine, golden attacks, the harvest."""

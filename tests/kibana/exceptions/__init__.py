"""Exception lists and their items: what rules leave out."""

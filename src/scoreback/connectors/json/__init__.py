"""Converts between JSON documents and columns: text values, dotted and nested names alike."""

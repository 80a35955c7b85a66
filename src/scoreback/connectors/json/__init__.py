"""JSON documents to columns: values first as text, dotted and nested names alike."""

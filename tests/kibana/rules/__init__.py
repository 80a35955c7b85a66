"""Detection rules: what may be sent, what is kept, and the routes that Kibana has for them."""

"""What a connection needs in the cluster (templates, indices, privileges), and what is missing."""

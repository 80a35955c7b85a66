"""What a connection needs in the cluster: templates, indices, rights; and what is missing."""

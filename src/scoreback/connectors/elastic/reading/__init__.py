"""Events out of the cluster: selections, fields, slices, pages of hits."""

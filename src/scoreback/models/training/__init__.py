"""From a labelled dataset to a model that has earned its place, with its figures."""

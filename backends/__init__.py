"""The targets: one folder each."""

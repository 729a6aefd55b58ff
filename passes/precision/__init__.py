"""Passes that choose the dtypes that a target computes in."""

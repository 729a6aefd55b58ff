"""Passes that simplify a module without depending on any target: one normal form, less of everything."""

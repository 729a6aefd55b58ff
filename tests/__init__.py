"""The tests of glmc, laid out like the folders they test."""

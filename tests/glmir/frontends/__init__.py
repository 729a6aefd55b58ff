"""The tests of glmir/frontends."""

"""The tests of glmir/."""

"""The tests of glmir/frontends/aten."""

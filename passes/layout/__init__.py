"""Where channels stand: one optimisation problem for the whole function."""

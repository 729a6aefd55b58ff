"""What activations need of memory, and in which order of ops they need least."""

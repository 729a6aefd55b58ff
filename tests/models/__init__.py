"""Real models from released packages, fetched at test time and never committed."""

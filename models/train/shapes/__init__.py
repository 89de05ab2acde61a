"""Random models in the shape of well-known families."""

"""The embedded model: the file, its card, and what makes and measures it. Nothing here runs in the product."""

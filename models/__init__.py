"""The embedded model: the file, its card, and everything that makes and measures it. Nothing here runs in the product."""

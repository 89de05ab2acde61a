"""Which models there are, what they can do and in which format they fill in the middle. Runs no model."""

"""What packages are, where they come from, and under which licence."""

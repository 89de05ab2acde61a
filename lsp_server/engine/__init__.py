"""Turns a prompt into text, in a process of its own. Knows nothing of editors, files or repositories."""

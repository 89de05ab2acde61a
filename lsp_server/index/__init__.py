"""Knows the workspace's files, symbols and chunks. Knows nothing of prompts, models or the protocol."""

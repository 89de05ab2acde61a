"""The editor's open documents: their text and their incremental trees. Never reads the disk."""

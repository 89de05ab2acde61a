"""One file for each command: its options, what it needs of earlier stages, what it leaves."""

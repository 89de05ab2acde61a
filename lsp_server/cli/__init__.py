"""The commands, one thin file each; the only room that wires the parts together."""

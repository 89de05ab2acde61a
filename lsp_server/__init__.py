"""codehearth: inline completion from a model on the user's own workstation, as a language server.

The rooms and the direction in which they may import each other are described in ARCHITECTURE.md;
`tests/test_house.py` enforces them. Nothing in this package opens a connection to another machine.
"""

__version__ = "0.1.0"

"""Code actions: changes that a person asks for by name, each proven before it is offered.

The structure of a change comes from the syntax tree, its words from the model. Knows nothing of the protocol and
never writes a file.
"""

"""Languages, grammars and trees. The only room that imports tree_sitter; it knows no documents, files or models."""

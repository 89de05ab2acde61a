"""One inline completion, from the question to the text shown. Pure but for the engine it is handed."""

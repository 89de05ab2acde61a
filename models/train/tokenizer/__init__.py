"""Text as tokens: learning the vocabulary, and encoding with it."""

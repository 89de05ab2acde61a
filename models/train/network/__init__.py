"""What learns. The only room that knows PyTorch."""

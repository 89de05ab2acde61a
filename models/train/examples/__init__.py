"""What is learnt: the product's own prompts at holes in real files, with their answers."""

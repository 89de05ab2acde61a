"""The special tokens of our models: their names, in the order of their ids."""

SPECIALS = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
"""Token ids 0 to 6, named as Qwen2.5-Coder's."""

END = 0
"""`<|endoftext|>`"""

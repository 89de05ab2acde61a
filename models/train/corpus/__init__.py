"""From the files of packages to the text that may be learnt from, and back to where it is from."""

"""The trained model as a file: written, compared, cut into parts."""

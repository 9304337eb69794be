"""What thinks with nothing else installed: an encoder and what is fitted on it."""

"""A terminal taken over: whole screens painted on it, keys read from it, and given back as it was."""

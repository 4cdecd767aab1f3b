"""Samplers: each watches one process and is drained of chunks."""

"""Bytes: the chunk codec. FORMAT.md is the contract."""

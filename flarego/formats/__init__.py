"""Other people's formats: what is exported to them, what is imported from them. See FORMATS.md."""

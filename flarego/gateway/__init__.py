"""The gateway: keeps recent chunks, fans them out, and serves the dashboard."""

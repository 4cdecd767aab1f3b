"""The agent: finds processes, drains samplers and ships chunks."""

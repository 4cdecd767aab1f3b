"""Questions about what is kept: folded here, so that who asks needs no more than curl."""

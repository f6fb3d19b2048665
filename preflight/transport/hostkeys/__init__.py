"""Host keys: which key proves which host, and what to do with one that does not."""

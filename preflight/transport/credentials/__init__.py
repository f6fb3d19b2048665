"""Credentials: who we are to a host."""

"""Says before a rollout, for every host of a fleet, whether a binary will start there."""

__version__ = "0.1.0"

"""The state machine: the diagram in code, its boxes and its choices."""

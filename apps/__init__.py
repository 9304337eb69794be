"""The commands, the chat, the endpoint, and the one file that wires concrete parts together."""

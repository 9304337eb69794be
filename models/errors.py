"""What can go wrong with a model: what happened, to which value, and what to do."""

from ingest.errors import Trouble


class ModelUnavailable(Trouble):
    """A model that is needed cannot be had."""

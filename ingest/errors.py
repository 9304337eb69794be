"""What can go wrong with documents and their index: what happened, to which value, and what to do."""


class Trouble(Exception):
    """An error that says three things; the application prints them on one line."""

    def __init__(self, what: str, value: str | None = None, do: str | None = None) -> None:
        super().__init__(what)
        self.what, self.value, self.do = what, value, do


class UnreadableDocument(Trouble):
    """A file that cannot become passages."""


class IndexUnusable(Trouble):
    """The index is missing, damaged, held by another process, or made with another encoder."""

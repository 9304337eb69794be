"""Files to passages, passages to an index, an index to evidence."""

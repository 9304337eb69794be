"""Labels, and what they let out."""

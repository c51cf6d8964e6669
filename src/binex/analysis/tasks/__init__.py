"""Everything about one task."""

"""Exploring: many conversations as one, figures, SQL, and files for other programs."""

"""Profiles and vendors together: which combinations there are, what each needs, and a short day in each."""

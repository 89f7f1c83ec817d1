"""Lessons: drafted from what a practice exam shows, approved by a person or by `teach`, promoted into training."""

"""Unreal Blueprint graphs: text copied out of the Unreal Editor, and what it says."""

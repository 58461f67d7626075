"""Answers as frames: no input, no output."""

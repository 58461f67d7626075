"""Recordings that come with the package: `two-voices.mp3`, a service call, and its truth, `two-voices.json`."""

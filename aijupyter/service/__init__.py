"""The embedded AI service: the provider's HTTP contract, answered on this machine by real models.

It shares no code with `aijupyter.api`, so that their agreement is a real test.
"""

"""The embedded AI service: the provider's HTTP contract, answered on this machine by real models.

It shares no code with `aijupyter.api`, so that their agreement is a real test.

`python -m aijupyter.service` and `standalone.serve` run it for a person; `aijupyter.embedded` runs it as a child of the
kernel's process (`child`). Both are one `server`: `app` answers, `validation` looks at requests, `runner` takes jobs to
their end, `worker` calls the engine.
"""

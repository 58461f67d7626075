"""The embedded AI service: the provider's HTTP contract, answered on this machine by real models.

It shares no code with `aijupyter.api`, so that their agreement is a real test.

`python -m aijupyter.service` and `standalone.serve` run it for a person; `aijupyter.embedded` runs it as a child of the
kernel's process (`child`). Both are one `server`: `app` and `enrollments` answer what `door` lets in and `validation`
finds right, `store` keeps it, `runner` takes jobs to their end, `workers` call the engine. `reach` says whom it may
speak to, `limits` and `rehearsal` how it can make itself as hard to live with as the provider is.
"""

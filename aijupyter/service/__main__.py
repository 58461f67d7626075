"""`python -m aijupyter.service`: the service as the child of another process. For people there is `aijupyter serve`."""

from aijupyter.service.child import run_child

if __name__ == "__main__":
    run_child()

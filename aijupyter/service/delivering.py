"""Posting an answer to its webhook."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientTimeout

from aijupyter.service.answers import REQUEST_ID
from aijupyter.service.jobs import ServiceJob
from aijupyter.service.options import ServiceOptions
from aijupyter.service.reach import OutOfReachError, client_for, find_way

logger = logging.getLogger(__name__)


async def deliver(job: ServiceJob, options: ServiceOptions, *, named: bool = True) -> str:
    """One attempt, as the provider makes; "" or why there was none. The address is not logged: its path can be secret.

    Neither are redirects followed, nor hosts posted to that `options.fetch_from` does not allow.
    """
    host = urlsplit(job.webhook).hostname or ""
    body = job.envelope(named=named).encode()
    headers = {"Content-Type": "application/json"} | ({REQUEST_ID: job.request_id} if named else {})
    try:
        way = await find_way(job.webhook, options.fetch_from, friends=options.friends)
        async with (
            client_for(way, ClientTimeout(total=options.webhook_seconds)) as client,
            client.post(way.url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            logger.info("Job %s: the webhook at %s answered %d.", job.job_id, host, answer.status)
    except OutOfReachError as error:
        logger.warning("Job %s: nothing was posted to %s, which %s. %s", job.job_id, host, error.what, error.mend)
        return f"The answer of job {job.job_id} was not posted: {host} {error.what}."
    except (ClientError, OSError, TimeoutError, ValueError) as error:
        logger.warning("Job %s: the webhook at %s failed (%s).", job.job_id, host, type(error).__name__)
    return ""

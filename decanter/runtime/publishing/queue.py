"""The queue of a router: SQS keeps the rest of a broadcast until a Lambda function posts it.

router = Router(…, queue=Queue("broadcasts"))

@app.on_sqs_message(queue="broadcasts", batch_size=1)
def fan_out(event):
    return router.fan_out(event)
"""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from decanter.runtime.errors import ConfigurationError, DeclarationError, SettingError
from decanter.runtime.functions import check_derived, check_table, complete, name_of
from decanter.runtime.recipients import MOST_SEGMENTS

if TYPE_CHECKING:
    from decanter.runtime.publishing.item import Item
    from decanter.runtime.publishing.sqs import Send
    from decanter.runtime.settings import Settings
    from decanter.runtime.store.jobs import JobModel

LEAST_WORKERS = 2
"""The smallest MaximumConcurrency that Lambda accepts for an SQS event source."""

MOST_DELAY_SECONDS = 900
"""The maximum delay of a message in SQS."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


class Queue:
    """A queue for broadcasts. The template creates the queue and sets `DECANTER_QUEUE_URL`.

    Args:
        name: the queue's name in the template and in `@app.on_sqs_message`.
        jobs: the model of the job table; by default the model with `@job_table`.
        concurrency: the maximum number of function instances that post at the same time, 2 to 1000.
            Each instance has a share of `DECANTER_POSTS_PER_SECOND`, so all instances together
            never exceed this limit.

    Raises:
        DeclarationError: an argument is invalid.
    """

    @complete('Queue("broadcasts")')
    def __init__(
        self, name: str, *, jobs: "type[JobModel] | None" = None, concurrency: int = 2
    ) -> None:
        is_text = isinstance(name, str)
        if not is_text or not NAME.fullmatch(name):
            raise DeclarationError(
                f"Queue({name_of(name)}): a name has 1 to 80 letters, digits, hyphens and "
                "underscores"
            )
        if type(concurrency) is not int or not LEAST_WORKERS <= concurrency <= MOST_SEGMENTS:
            raise DeclarationError(
                f"Queue({name!r}): concurrency={concurrency!r} is not from {LEAST_WORKERS} to "
                f"{MOST_SEGMENTS}, which Lambda allows"
            )
        if jobs is not None:
            from decanter.runtime.store.jobs import JobModel

            check_derived(f"Queue({name!r}): jobs", jobs, JobModel)
            check_table(f"Queue({name!r}): jobs", jobs, "@job_table")
        self.name = name
        self.jobs = jobs
        self.concurrency = concurrency


def job_table_of(queue: Queue) -> "type[JobModel]":
    """Return the model of the job table.

    Raises:
        ConfigurationError: the app has no job table.
    """
    from decanter.runtime.store.jobs import JobModel
    from decanter.runtime.store.tables import declared

    models = [queue.jobs, *(model for model, _ in reversed(declared))]
    for model in models:
        if isinstance(model, type) and issubclass(model, JobModel):
            return model
    raise ConfigurationError(
        "the queue needs a job table: declare one, as @job_table() on class Job(JobModel)"
    )


def declaration_of(queue: Queue) -> dict[str, Any]:
    """Return the declaration for the tool."""
    return {
        "name": queue.name,
        "environment": "DECANTER_QUEUE_URL",
        "dead_letter_environment": "DECANTER_DEAD_LETTER_QUEUE_URL",
        "concurrency": queue.concurrency,
    }


class Sender:
    """Puts items into the router's queue, as `fanout.outbox.Rest` requires.

    Attributes:
        share: the number of posts that each instance of the queue's Lambda function may start per
            second.

    Raises:
        SettingError: the URL is not set, or the rate limit is too low for the number of instances.
    """

    def __init__(self, settings: "Settings", send: "Send", segments: int) -> None:
        if settings.queue_url is None:
            raise SettingError(
                "DECANTER_QUEUE_URL",
                None,
                "set it to the queue's URL. `decanter package` sets it for an app with a Queue",
            )
        pace = settings.posts_per_second
        if pace < segments:
            raise SettingError(
                "DECANTER_POSTS_PER_SECOND",
                f"{pace:g}",
                f"set it to {segments} or more, because {segments} instances of the queue's "
                "function share it, or lower the concurrency of the Queue",
            )
        self.share = pace // segments
        self.inline = settings.inline_recipients
        self.segments = segments
        self._url = settings.queue_url
        self._dead_letters_url = settings.dead_letter_queue_url
        self._send = send

    def put(self, text: str, after: str, exclude: Collection[str], channel: str = "") -> str:
        """Queue a frame for all connections, or all members of a channel, after a cursor.

        Return the item's id.
        """
        from decanter.runtime.publishing.item import Item

        job = uuid4().hex
        others = tuple(sorted(exclude))
        self.queue(Item(job, text, exclude=others, cursor=after, channel=channel))
        return job

    def queue(self, item: "Item", delay_seconds: int = 0) -> None:
        """Queue an item with a delay of at most 15 minutes."""
        self._send(self._url, item.body(), min(delay_seconds, MOST_DELAY_SECONDS))

    def bury(self, item: "Item") -> bool:
        """Send an item to the dead-letter queue. Return False if its URL is not set."""
        if self._dead_letters_url is None:
            return False
        self._send(self._dead_letters_url, item.body())
        return True

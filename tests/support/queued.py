"""An app whose router has a queue, with its job table and its function."""

from tests.support.apps import FRAMEWORK

WORKER = """

@app.on_sqs_message(queue="broadcasts", batch_size=1)
def fan_out(event):
    return router.fan_out(event)
"""
JOBS = """

@job_table(env="JOBS_TABLE")
class Job(JobModel):
    pass
"""


def queued(*parts: str, queue: str = 'Queue("broadcasts", concurrency=4)') -> str:
    """Return the source of the app with these parts."""
    names = "from decanter import ConnectionModel, JobModel, Queue, Router"
    source = FRAMEWORK.replace("from decanter import ConnectionModel, Router", names)
    source = source.replace("connection_table\n", "connection_table, job_table, uses\n", 1)
    return source.replace("connections=Connection)", f"connections=Connection, queue={queue})") + (
        "".join(parts)
    )


APP = queued(JOBS, WORKER)

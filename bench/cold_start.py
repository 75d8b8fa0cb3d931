"""One cold start, as on Lambda: from the start of the process to the end of the first broadcast.

python cold_start.py PROJECT ENDPOINT      prints the milliseconds of CPU time
"""

import json
import resource
import sys

sys.path.insert(0, sys.argv[1])

import app

app.app.websocket_api._endpoint = sys.argv[2]


class Context:
    """Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time, 28 seconds."""
        return 28_000


said = sys.stdout
sys.stdout = sys.stderr
app.message(
    {
        "requestContext": {
            "routeKey": "$default",
            "eventType": "MESSAGE",
            "connectionId": "L0SM0000000cIhw=",
            "requestId": "bench",
            "connectedAt": 1_700_000_000_000,
            "apiId": "bench",
            "stage": "v1",
            "domainName": "localhost",
        },
        "body": json.dumps({"message": "sendmessage", "data": "x"}),
        "isBase64Encoded": False,
    },
    Context(),
)
use = resource.getrusage(resource.RUSAGE_SELF)
said.write(str((use.ru_utime + use.ru_stime) * 1000))

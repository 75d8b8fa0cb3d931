"""The JSON that API Gateway itself writes: error frames and refusals."""

from decanter.local.responses import phrase

REFUSALS = {403: "Forbidden", 502: "Internal server error", 504: "Endpoint request timed out"}


def error_frame(message: str, connection_id: str, request_id: str) -> str:
    """An error frame, with the spacing seen in published transcripts: loose, then tight."""
    ids = f'"connectionId":"{connection_id}", "requestId":"{request_id}"'
    return f'{{"message": "{message}", {ids}}}'


def refusal(status: int, connection_id: str, request_id: str) -> dict[str, str]:
    """The JSON body of a refused handshake (our choice: none is published)."""
    text = REFUSALS.get(status) or phrase(status)
    return {"message": text, "connectionId": connection_id, "requestId": request_id}

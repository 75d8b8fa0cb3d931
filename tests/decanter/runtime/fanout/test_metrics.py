from decanter.runtime.fanout.metrics import METRICS, measure
from decanter.runtime.fanout.report import Report
from tests.support.fixtures import LogLines

REPORT = Report(
    sent=5,
    gone=4,
    pending=3,
    failed=2,
    left_over=1,
    left_over_exact=True,
    cursor="c",
    milliseconds=7,
)


def test_a_report_is_one_line_in_the_embedded_metric_format(log_lines: LogLines) -> None:
    measure(REPORT, "Decanter/prod", 1_700_000_000_000)
    (line,) = log_lines()
    directive = line.pop("_aws")
    assert line == {
        "level": "INFO",
        "event": "broadcast",
        "sent": 5,
        "gone": 4,
        "pending": 3,
        "failed": 2,
        "left_over": 1,
        "milliseconds": 7,
    }
    assert directive["Timestamp"] == 1_700_000_000_000
    (metrics,) = directive["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Decanter/prod", [[]])
    assert {each["Name"]: each["Unit"] for each in metrics["Metrics"]} == METRICS


def test_every_metric_is_a_member_of_the_line_and_a_number(log_lines: LogLines) -> None:
    """CloudWatch ignores a line whose directive names a missing member."""
    measure(REPORT, "Decanter", 0)
    (line,) = log_lines()
    assert all(isinstance(line[name], int) for name in METRICS)


def test_without_a_namespace_there_is_no_line(log_lines: LogLines) -> None:
    measure(REPORT, None, 0)
    assert log_lines() == []

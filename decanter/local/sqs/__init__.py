"""The embedded SQS, and the events that functions get from its queues."""

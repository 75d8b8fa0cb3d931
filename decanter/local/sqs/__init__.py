"""The local SQS, and the events that functions get from its queues."""

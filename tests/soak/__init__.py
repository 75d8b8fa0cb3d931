"""Random faults in large numbers: peers, tables, threads, messages, forks and clocks."""

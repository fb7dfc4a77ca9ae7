"""From methods and seeds to records: plan, worker, executors."""

"""What everything stands on: errors, texts, canonical JSON, environment, configuration, cache."""

"""Looking at runs: a record's predictions and training curves, several records side by side."""

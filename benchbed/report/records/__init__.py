"""Which records make up a table, and which of them make up a row: nothing is ever mixed."""

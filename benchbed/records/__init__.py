"""What runs leave in a results folder, and how it is read and written."""

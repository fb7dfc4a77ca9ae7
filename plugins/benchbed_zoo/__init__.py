"""First-party plugins of benchbed, registered through the same entry point as anyone's."""

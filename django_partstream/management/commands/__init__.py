"""Each module is a command, as Django finds them."""

"""What goes wrong while a module is imported."""

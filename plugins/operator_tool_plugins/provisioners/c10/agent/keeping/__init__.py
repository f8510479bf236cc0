"""What is kept and what goes; the ways back; what consumers say; the log of all of it."""

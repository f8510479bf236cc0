"""What the workstation sends: pictures and files, taken in, checked, and kept over drops, kills and reboots."""

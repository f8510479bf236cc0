"""Services on the loopback that answer as a check scripts them, and remember what they were asked."""

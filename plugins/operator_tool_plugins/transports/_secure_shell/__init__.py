"""What both transports over SSH share: which algorithms they use, what they say, and when they try again."""

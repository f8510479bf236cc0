"""Whose caches this companion takes: its lists of keys, the form of a signature, and how a key comes to be there."""

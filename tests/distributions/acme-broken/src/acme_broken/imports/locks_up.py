"""Locks twice what can be locked once, in C: no signal ends that wait."""

import ctypes

mutex = ctypes.create_string_buffer(128)
libc = ctypes.CDLL(None)
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)

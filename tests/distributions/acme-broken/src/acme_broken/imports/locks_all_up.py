"""The same, and lets no other thread of Python run meanwhile."""

import ctypes

mutex = ctypes.create_string_buffer(128)
libc = ctypes.PyDLL(None)
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)

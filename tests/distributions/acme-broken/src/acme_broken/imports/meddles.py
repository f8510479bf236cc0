"""Changes of the process what a module may change without a thought, and works well otherwise."""

import locale
import os
import signal
import sys
import tempfile
import threading

from acme_broken.tiles import plugin

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.alarm(1)
os.chdir(tempfile.gettempdir())
os.umask(0)
os.environ["OPERATOR_TOOL_C10_CACHE_ROOT"] = "/nowhere"
os.environ["OPERATOR_TOOL_LISTENERS"] = "nobody"
sys.stdout = sys.stderr = open(os.devnull, "w")
locale.setlocale(locale.LC_ALL, "C")
threading.Thread(target=threading.Event().wait, daemon=True).start()

meddles = plugin()

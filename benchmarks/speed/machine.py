"""What was measured on, without what would tell whose it is."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path


def description() -> dict[str, str]:
    """Describe the computer and the programs that the figures hang on."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    nginx = subprocess.run([shutil.which("nginx") or "nginx", "-v"], capture_output=True, text=True, check=False).stderr
    return {
        "Processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} of its cores",
        "Memory": f"{int(memory[1]) / 1024 / 1024:.1f} GiB" if memory else "unknown",
        # The rest of a kernel's name may be the computer's owner's.
        "Linux": ".".join(re.findall(r"\d+", os.uname().release)[:2]),
        "Python": platform.python_version(),
        "nginx": nginx.strip().rpartition("/")[2] or "unknown",
    }

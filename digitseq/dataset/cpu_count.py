"""The number of processes that can run at once."""

import os
from contextlib import suppress
from math import ceil, inf
from pathlib import Path


def cores(groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> int:
    """
    Count the cores that this process may use, within the quota of its container.

    Args:
        groups: the file that lists the control groups of this process (Linux).
        mounted: the folder with their settings.

    Returns:
        The number of cores, rounded up; at least 1.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        usable = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return max(1, ceil(min(usable, _quota(groups, mounted))))


def _quota(groups: Path, mounted: Path) -> float:
    """Return the cores that control groups grant, infinite if they set no limit. Source: cgroups(7)."""
    quotas = [inf]
    with suppress(OSError, ValueError):
        for line in groups.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds and "cpu" not in kinds.split(","):
                continue
            # cgroup v2 has a single tree and lists no controllers; v1 has a tree for each controller.
            root = mounted / "cpu" if kinds else mounted
            # In a container, the path may be the host's; the container's own group is then the root.
            group = root / path.lstrip("/")
            quotas += [_quota_of(above) for above in (group, *group.parents) if above.is_relative_to(root)]
    return min(quotas)


def _quota_of(group: Path) -> float:
    with suppress(OSError, ValueError):
        if (limit := group / "cpu.max").is_file():  # cgroup v2
            quota, period = limit.read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        if quota != "max" and int(quota) > 0:
            return int(quota) / int(period)
    return inf

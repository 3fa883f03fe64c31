"""What the processes of a test are doing, for who reads its logs after a wait that was in vain."""

from pathlib import Path

ACTIVITY = "activity"  # the log


def read(path):
    try:
        return path.read_text(errors="replace").strip()
    except OSError:  # it has ended meanwhile, or this is not for us
        return ""


def thread_line(task):
    """Name, state, ticks of the processor in user and system mode, and where it waits in the kernel."""
    after_name = read(task / "stat").rpartition(")")[2].split()
    state, user, system = (after_name[field] for field in (0, 11, 12)) if len(after_name) > 12 else "???"
    waits = [line.split()[-1].partition("+")[0] for line in read(task / "stack").splitlines()[:3]]
    return f"    {task.name:>8} {read(task / 'comm'):<16} {state} user {user} system {system}  {' < '.join(waits)}"


def process_lines(process):
    if not process.running():
        return [f"{process.name}: has ended"]
    tasks = sorted(Path(f"/proc/{process.pid}/task").glob("*"), key=lambda task: int(task.name))
    return [f"{process.name}: process {process.pid}", *map(thread_line, tasks)]


def write_activity(workspace, why):
    """One more time, behind what the log has."""
    lines = [why, f"machine: load {read(Path('/proc/loadavg'))}"]
    for process in workspace.processes:
        lines += process_lines(process)
    with open(workspace.log(ACTIVITY), "a", encoding="utf-8") as log:
        log.write("\n".join(lines) + "\n\n")

"""What makes a backup every six hours: lines for systemd or cron, printed, not installed. No daemon of our own."""

from __future__ import annotations

import shlex
from pathlib import Path

from bluebook.backups.manifest import COPIES

HOURS = 6

LINES = """\
# systemd: ~/.config/systemd/user/{name}.service
[Unit]
Description=Back up {title} to its second drive

[Service]
Type=oneshot
WorkingDirectory={root}
ExecStart={command} backup run
Nice=10
IOSchedulingClass=idle

# systemd: ~/.config/systemd/user/{name}.timer
[Unit]
Description=Back up {title} every {hours} hours

[Timer]
OnCalendar=*-*-* 00/{hours}:00:00
Persistent=true
RandomizedDelaySec=300

[Install]
WantedBy=timers.target

# then: systemctl --user daemon-reload && systemctl --user enable --now {name}.timer
# what it did: journalctl --user -u {name}, and {log}

# or cron, by `crontab -e`:
0 */{hours} * * * cd {quoted_root} && mkdir -p {folder} && {quoted_command} backup run >> {folder}/watchdog.log 2>&1
"""


def lines(root: Path, command: Path) -> str:
    """The lines for the repository at `root`, both paths absolute; a percent sign is one to systemd and cron."""
    return LINES.format(
        name=f"bluebook-backup-{_plain(root.name)}",
        title=root.name,
        root=str(root).replace("%", "%%"),
        command=_systemd(str(command)),
        quoted_root=shlex.quote(str(root)).replace("%", "\\%"),
        quoted_command=shlex.quote(str(command)).replace("%", "\\%"),
        folder=COPIES.as_posix(),
        log=(COPIES / "log.jsonl").as_posix(),
        hours=HOURS,
    )


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name) or "project"


def _systemd(path: str) -> str:
    quoted = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{quoted}"' if any(letter in path for letter in ' "\\;') else quoted

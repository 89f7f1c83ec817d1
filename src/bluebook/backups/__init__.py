"""The second drive: what is trained here lies there too, proven by its hashes, and comes back with one command.

    FOLDER/                         on another drive
      bluebook.json                 whose drive it is; without it nothing is written: a mount point stays empty
      files/md5/  runs/             DVC's remote as DVC lays it out: `dvc pull` and `dvc push` work from any clone
      git/*.bundle                  every branch and tag
      rest/                         what neither holds: settings without secrets, logs, checkpoints, uncommitted work
      backups/LABEL/backup_manifest.json   sha256 of every file that the backup needs
      backups/log.jsonl  README.txt

Every file is named by its content or written once, so a second backup of the same bytes costs nothing. A file is
written aside, brought to the disk, and renamed. What is in its place is whole.
"""

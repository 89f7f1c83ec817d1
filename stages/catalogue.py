"""The node types of Unreal graphs: the declared ones, and what exports show of further ones.

The catalogue is code that the subject `ue5` runs on, so it lies in the package and in Git; this stage makes it
again when the declared entries or the exports change. `catalogue.exports` in params.yaml names the folder: put
your own there and the engine functions, events and macros that they use become node types.

python stages/catalogue.py
"""

from __future__ import annotations

from pathlib import Path

from bluebook import params
from bluebook.artifacts import atomic_writer
from bluebook.errors import DataError
from bluebook.stage import run
from bluebook.steps import step
from bluebook.subjects.ue5.building import encode, learn
from bluebook.subjects.ue5.catalogue import load

PACKAGE = Path("src/bluebook/subjects/ue5")


def main() -> None:
    folder = Path(params.load().catalogue.exports)
    if not folder.is_dir():
        raise DataError(
            folder, None, "not found; `catalogue.exports` in params.yaml names a folder of exports"
        )
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    with step("1.0", f"Learn node types from {folder}") as running:
        declared = load(PACKAGE / "declared.json")
        learned = learn(declared, files)
        with atomic_writer(PACKAGE / "catalogue.json") as out:
            out.write(encode(learned.catalogue))
        new = len(learned.catalogue.nodes) - len(declared.nodes)
        running.note(f"{len(declared.nodes)} declared, {new} learned from {learned.read} exports")
        for file, reason in learned.left_out:
            running.say("LEFT OUT", f"{file.name}: {reason}")


if __name__ == "__main__":
    run(main)

"""The secret behind the probes, kept with the gradebook: a regrade asks the same, and nobody else can tell what."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def secret_beside(gradebook: Path) -> bytes:
    """The secret behind the probes, from the file beside the gradebook; made where there is none.

    Only its owner can read the file. With another secret the same submission is asked other questions.
    """
    path = gradebook.with_suffix(".secret")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        if len(found) != SECRET_BYTES:
            raise ValueError(f"{path} is no secret of {SECRET_BYTES} bytes: restore it, or remove it.") from None
        return found
    made = secrets.token_bytes(SECRET_BYTES)
    with open(descriptor, "wb") as file:
        file.write(made)
    return made

"""Disks of their own for PostgreSQL, NATS and the store: small file systems in files, which become full, slow or stand
still without anybody else of this machine noticing. Needs root of a Linux machine with loop devices.
"""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

#: Bytes of each: more than any of them writes here.
SIZE = 4 * 2**30
PARTS = ("postgres", "nats", "store")
THROTTLES = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device")
#: Writes a second of a slow disk: an old one, or a virtual one that others wear out.
SLOW = 25
FILLING = "filling"


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)


def can_be_had():
    """Whether this machine lets us mount a file: it is tried, since root of a container may not."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists() or shutil.which("mkfs.ext4") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder) / "image", Path(folder) / "place"
        try:
            _mount(image, place, 2**22)
        except (OSError, subprocess.CalledProcessError):
            return False
        _run("umount", str(place))
    return True


def throttles_can_be_had():
    """Whether this machine lets us say how often a device is written to."""
    return os.access(THROTTLES, os.W_OK)


def _mount(image, place, size):
    with image.open("wb") as file:
        file.truncate(size)
    place.mkdir()
    _run("mkfs.ext4", "-q", "-m", "0", str(image))
    _run("mount", "-o", "loop", str(image), str(place))


@contextmanager
def mounted(data):
    """Below `data`, while the block runs."""
    images = data / "disks"
    images.mkdir()
    done = []
    try:
        for part in PARTS:
            folder = data / part
            _mount(images / part, folder, SIZE)
            done.append(folder)
            (folder / "lost+found").rmdir()  # initdb wants an empty folder
        yield
    finally:
        for folder in done:
            _run("umount", "--lazy", str(folder))
        shutil.rmtree(images)


class Disk:
    """The one below a folder; `there` when it is a mount of `mounted`."""

    def __init__(self, folder):
        self._folder = folder
        self.there = folder.is_mount()

    @contextmanager
    def full(self):
        """Not a byte is left."""
        filling = self._folder / FILLING
        with filling.open("wb") as file:
            left = os.statvfs(self._folder)
            blocks = left.f_bfree
            while blocks:  # what the file system takes for itself meanwhile is tried again with less
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), blocks * left.f_frsize)
                except OSError:
                    blocks //= 2
                blocks = min(blocks, os.statvfs(self._folder).f_bfree)
        try:
            yield
        finally:
            filling.unlink()

    @contextmanager
    def slow(self):
        """SLOW writes a second, for whoever writes."""
        device = self._folder.stat().st_dev
        name = f"{os.major(device)}:{os.minor(device)}"
        THROTTLES.write_text(f"{name} {SLOW}")
        try:
            yield
        finally:
            THROTTLES.write_text(f"{name} 0")

    @contextmanager
    def still(self):
        """Whoever writes waits, as for a disk array that fails over."""
        _run("fsfreeze", "--freeze", str(self._folder))
        try:
            yield
        finally:
            _run("fsfreeze", "--unfreeze", str(self._folder))

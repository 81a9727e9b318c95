"""File systems of their own for a server's data folder, on loop devices: small ones, and ones whose power can be cut.

Needs root and a kernel with loop devices and ext4; tests that use one ask for the fixture `needs_volumes`, which skips where there are none."""
import contextlib
import fcntl
import functools
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import pytest

# ext4 forgets everything that no fsync asked it to keep: dirty pages are dropped and the journal is not written out.
# This is how the kernel's own file system tests cut the power.
EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSHING_THE_JOURNAL = 2


class Volume:
    """An ext4 file system in a file. `folder` is where it is mounted."""

    def __init__(self, home, size_mib):
        self.image, self.folder = home / "volume.img", home / "volume"
        self.folder.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(size_mib << 20)
        self.run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self.is_mounted = False
        self.mount()

    @staticmethod
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"))
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    def mount(self):
        self.run("mount", "-o", "loop", str(self.image), str(self.folder))
        self.is_mounted = True

    def unmount(self):
        if self.is_mounted:
            self.run("umount", str(self.folder))
            self.is_mounted = False

    def cut_power(self):
        """From this moment nothing reaches the disk any more. Mounting again is switching the machine on."""
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_JOURNAL))
        finally:
            os.close(folder)

    def free_bytes(self):
        stat = os.statvfs(self.folder)
        return stat.f_bavail * stat.f_frsize


@contextlib.contextmanager
def volume(home, size_mib):
    made = Volume(home, size_mib)
    try:
        yield made
    finally:
        made.unmount()


@functools.cache
def why_there_are_none():
    """Empty if a volume can be made and its power cut here (it tries), else the reason why not."""
    if os.geteuid() != 0:
        return "only root can mount file systems"
    with tempfile.TemporaryDirectory(prefix="hearth-volume-") as home:
        try:
            with volume(pathlib.Path(home), 8) as disk:
                disk.cut_power()
        except (AssertionError, OSError) as missing:
            return str(missing)
    return ""


@pytest.fixture
def needs_volumes():
    if reason := why_there_are_none():
        pytest.skip(f"no disk of its own can be made here: {reason}")

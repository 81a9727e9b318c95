"""Root file systems and container images for tests of image import, made from the host's static busybox."""
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

BUSYBOX = pathlib.Path("/bin/busybox")


def tar_of(files=(), links=(), folders=()):
    """A tar file of (name, bytes, mode), (name, target) and folder names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in folders:
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for name, content, mode in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def busybox_root(release="tiny"):
    """A tar file of the smallest root file system that a person could work in."""
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    return tar_of(folders=["bin", "etc", "root", "tmp"],
                  files=[("bin/busybox", BUSYBOX.read_bytes(), 0o755), ("etc/release", release.encode() + b"\n", 0o644),
                         ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)],
                  links=[(f"bin/{applet}", "busybox") for applet in applets if applet != "busybox"])


def oci_archive(layers, environment=()):
    """An OCI image layout as a tar file, as `skopeo copy … oci-archive:` writes it; layers are tar files, lowest first."""
    blobs = {}

    def blob(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def document(value, media_type):
        return blob(json.dumps(value).encode(), media_type)

    config = document({"architecture": "amd64", "os": "linux", "config": {"Env": list(environment), "Cmd": ["/bin/sh"]},
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}},
                      "application/vnd.oci.image.config.v1+json")
    manifest = document({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                         "layers": [blob(gzip.compress(layer, 1), "application/vnd.oci.image.layer.v1.tar+gzip") for layer in layers]},
                        "application/vnd.oci.image.manifest.v1+json")
    manifest["platform"] = {"architecture": "amd64", "os": "linux"}
    index = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    return tar_of(folders=["blobs", "blobs/sha256"],
                  files=[("oci-layout", b'{"imageLayoutVersion": "1.0.0"}', 0o644), ("index.json", index, 0o644),
                         *((f"blobs/sha256/{digest}", content, 0o644) for digest, content in blobs.items())])

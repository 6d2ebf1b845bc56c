"""Images for `tests/offline/real`: how they are made in a registry, and what of them is in one, or in an offline bundle."""

import gzip, hashlib, io, json, random, re, struct, tarfile

import registry
from registry import Failed, ask

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Images:
    """Images in a registry, made of small tar files."""

    def __init__(self, address, seed):
        self.address, self.random = address, random.Random(seed)

    def blob(self, repository, kind, data):
        digest = sha(data)
        _, headers, _ = ask(f"http://{self.address}/v2/{repository}/blobs/uploads/", "POST", b"")
        status, _, text = ask(headers["Location"] + "&digest=" + digest, "PUT", data, Content_Type="application/octet-stream")
        if status != 201:
            raise Failed(f"a blob of {repository} was not taken: {status} {text}")
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def manifest(self, repository, manifest, tag=None):
        data = json.dumps(manifest).encode()
        kind = manifest["mediaType"]
        digest = sha(data)
        status, _, text = ask(f"http://{self.address}/v2/{repository}/manifests/{tag or digest}", "PUT", data, Content_Type=kind)
        if status != 201:
            raise Failed(f"a manifest of {repository} was not taken: {status} {text}")
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def tar(self, size):
        """A layer: one file of noise."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            entry = tarfile.TarInfo("noise")
            entry.size = size
            archive.addfile(entry, io.BytesIO(self.random.randbytes(size)))
        return out.getvalue()

    def platform(self, repository, architecture, layers, docker=False):
        """One platform; layers are (media type, bytes that are sent, bytes of the tar)."""
        config = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [sha(tar) for *_, tar in layers]}}
        described = self.blob(repository, DOCKER + "container.image.v1+json" if docker else OCI + "config.v1+json", json.dumps(config).encode())
        found = self.manifest(repository, {"schemaVersion": 2, "mediaType": DOCKER + "distribution.manifest.v2+json" if docker else OCI + "manifest.v1+json",
                                           "config": described, "layers": [self.blob(repository, kind, sent) for kind, sent, _ in layers]})
        return {**found, "platform": {"architecture": architecture, "os": "linux"}}

    def attestation(self, repository, subject):
        """As buildkit writes it: a manifest of an unknown platform beside what it is about."""
        statement = self.blob(repository, "application/vnd.in-toto+json", json.dumps({"_type": "statement", "subject": subject["digest"]}).encode())
        config = self.blob(repository, OCI + "config.v1+json", json.dumps({"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]}}).encode())
        found = self.manifest(repository, {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": [statement]})
        return {**found, "platform": {"architecture": "unknown", "os": "unknown"},
                "annotations": {"vnd.docker.reference.digest": subject["digest"], "vnd.docker.reference.type": "attestation-manifest"}}

    def signature(self, repository, subject, end=None):
        """By cosign's tag where there is an end for it, else an OCI 1.1 referrer with the tag that stands in for a list."""
        payload = self.blob(repository, "application/vnd.dev.cosign.simplesigning.v1+json", json.dumps({"of": subject["digest"], "end": end}).encode())
        config = self.blob(repository, "application/vnd.oci.empty.v1+json", b"{}")
        manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": [payload]}
        tag = subject["digest"].replace(":", "-")
        if end:
            return self.manifest(repository, manifest, f"{tag}.{end}")
        plain = {key: subject[key] for key in ("mediaType", "digest", "size")}
        found = self.manifest(repository, {**manifest, "artifactType": "application/vnd.example.signature", "subject": plain})
        return self.manifest(repository, {"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                                          "manifests": [{**found, "artifactType": "application/vnd.example.signature"}]}, tag)

    def all(self, large):
        """The four images; `large` is the bytes of the largest layer."""
        def oci(size):
            tar = self.tar(size)
            return OCI + "layer.v1.tar+gzip", gzip.compress(tar, 1, mtime=0), tar

        def docker(size):
            tar = self.tar(size)
            return DOCKER + "image.rootfs.diff.tar.gzip", gzip.compress(tar, 1, mtime=0), tar

        def zstd(size):
            tar = self.tar(size)
            return OCI + "layer.v1.tar+zstd", zstandard(tar), tar

        shared = oci(large // 8)
        platforms = [self.platform("x/multi", architecture, [shared, oci(size)]) for architecture, size in (("amd64", large), ("arm64", large // 2))]
        index = self.manifest("x/multi", {"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                                          "manifests": platforms + [self.attestation("x/multi", one) for one in platforms]}, "1")
        self.signature("x/multi", index, "sig")
        self.signature("x/multi", platforms[0], "att")
        self.signature("x/multi", platforms[0])
        platforms = [self.platform("x/zstd", architecture, [shared, zstd(large // 4)]) for architecture in ("amd64", "arm64")]
        self.manifest("x/zstd", {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": platforms}, "1")
        both = docker(large // 4)
        platforms = [self.platform("y/list", architecture, [both, docker(large // 8)], docker=True) for architecture in ("amd64", "arm64")]
        self.manifest("y/list", {"schemaVersion": 2, "mediaType": DOCKER + "distribution.manifest.list.v2+json", "manifests": platforms}, "1")
        plain = self.platform("y/docker", "amd64", [both], docker=True)
        _, _, data = ask(f"http://{self.address}/v2/y/docker/manifests/{plain['digest']}", Accept=registry.ACCEPT)
        self.manifest("y/docker", json.loads(data), "2")


def zstandard(data):
    """A frame of Zstandard with blocks as they are: packed by nobody, read by everybody."""
    frame = io.BytesIO()
    frame.write(struct.pack("<IBI", 0xFD2FB528, 0xA0, len(data)))
    for at in range(0, len(data), 1 << 17):
        block = data[at:at + (1 << 17)]
        frame.write(struct.pack("<I", (len(block) << 3) | (at + len(block) >= len(data)))[:3] + block)
    return frame.getvalue()


# --- what is in a registry or in an offline bundle

def pulled(address, repository, reference, seen=None):
    """The digests of everything that a reference names, each pulled and hashed. Fails where bytes are wrong or missing."""
    seen = {} if seen is None else seen
    status, headers, data = ask(f"http://{address}/v2/{repository}/manifests/{reference}", Accept=registry.ACCEPT)
    if status != 200:
        raise Failed(f"{address}/{repository} does not give {reference}: {status}")
    digest = sha(data)
    if headers["Docker-Content-Digest"] != digest or (reference.startswith("sha256:") and reference != digest):
        raise Failed(f"{address}/{repository} gives other bytes for {reference}: {digest}")
    seen[digest] = len(data)
    found = json.loads(data)
    for child in found.get("manifests", []):
        if child["digest"] not in seen:
            pulled(address, repository, child["digest"], seen)
    for blob in [*found.get("layers", []), *([found["config"]] if "config" in found else [])]:
        if blob["digest"] in seen:
            continue
        status, _, data = ask(f"http://{address}/v2/{repository}/blobs/{blob['digest']}")
        if status != 200 or sha(data) != blob["digest"]:
            raise Failed(f"{address}/{repository} gives {status} and other bytes for {blob['digest']}")
        seen[blob["digest"]] = len(data)
    return seen


def tags(address, repository):
    status, _, data = ask(f"http://{address}/v2/{repository}/tags/list")
    return (json.loads(data).get("tags") or []) if status == 200 else []


def path_of(name):
    """Repository and tag of a locked image."""
    repository, tag = name.split("/", 1)[1].rsplit(":", 1)
    return repository, tag


def entries(path):
    """Offset and size of each file in a bundle, by name."""
    with tarfile.open(path) as archive:
        return {entry.name: (entry.offset_data, entry.size) for entry in archive}


def locked(path):
    """Of an offline bundle's lock: the digest of each image."""
    with tarfile.open(path) as archive:
        text = archive.extractfile("images.lock").read().decode()
    found, name = {}, None
    for line in text.splitlines():
        image = re.match(r"  (\S+/\S+):$", line)
        name = image[1] if image else name
        digest = re.match(r"      digest: (sha256:[0-9a-f]{64})$", line)
        if digest and name not in found:
            found[name] = digest[1]
    return found

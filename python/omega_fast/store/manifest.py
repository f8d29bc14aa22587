"""The manifest of a run: its configuration, and how far each segment of its log reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson

from omega_fast.errors import RunConflictError, StoreDamagedError, StoreError
from omega_fast.store.base import FORMAT_VERSION, SegmentReach
from omega_fast.store.files import FileSystem, naming, write_atomically
from omega_fast.store.lines import encode_json

__all__ = ["Configuration", "Manifest", "package_version", "read_manifest", "write_manifest"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a run was asked to do; JSON values only.

    Attributes:
        identity: What makes its labels what they are. It cannot change.
        extensible: What may grow from one start to the next: budgets, questions.
        operational: What changes how fast it goes and nothing else: engines, concurrency, display.
        fingerprints: Digests of what it depends on, by name: policy, verifier, input. A name may be added
            later; what is recorded under it cannot change.
    """

    identity: Mapping[str, Any] = field(default_factory=dict)
    extensible: Mapping[str, Any] = field(default_factory=dict)
    operational: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: Mapping[str, Any] = field(default_factory=dict)

    def normalised(self) -> Configuration:
        """The same as it reads back from JSON. Raises `InputError` if it is not JSON."""
        data = encode_json(
            {name: getattr(self, name) for name in Configuration.__slots__}, what="the configuration"
        )
        return Configuration(**orjson.loads(data))

    def succeed(self, wanted: Configuration) -> tuple[Configuration, list[str]]:
        """The configuration with which this run goes on as `wanted`, and the changes in words.

        Raises:
            RunConflictError: If the identity or a fingerprint known to both differs; each field is named.
        """
        known = {name: value for name, value in wanted.fingerprints.items() if name in self.fingerprints}
        recorded = {name: self.fingerprints[name] for name in known}
        conflicts = [
            *_differences(self.identity, wanted.identity),
            *_differences(recorded, known, "fingerprints"),
        ]
        if conflicts:
            raise RunConflictError(
                "this run was started with another configuration\n  " + "\n  ".join(conflicts),
                hint="ask for what the run has, or write to a new folder",
            )
        added = {name: value for name, value in wanted.fingerprints.items() if name not in known}
        changes = [
            *_differences(self.extensible, wanted.extensible),
            *_differences(self.operational, wanted.operational),
            *_differences({}, added, "fingerprints"),
        ]
        return replace(wanted, fingerprints={**self.fingerprints, **added}), changes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says.

    Attributes:
        configuration: What the run was asked to do.
        segments: How far each segment of the log reaches at least; a closed one exactly.
        package: Version of this package that last wrote it.
        format: Version of the layout.
    """

    configuration: Configuration
    segments: tuple[SegmentReach, ...] = ()
    package: str = ""
    format: int = FORMAT_VERSION

    @property
    def promised(self) -> dict[int, SegmentReach]:
        """The segments by number."""
        return {reach.index: reach for reach in self.segments}

    def with_defaults(self, defaults: Mapping[str, Any]) -> Manifest:
        """The same with an identity that names these settings too, by their values here where it did not."""
        identity = {**defaults, **self.configuration.identity}
        return replace(self, configuration=replace(self.configuration, identity=identity))

    def with_segments(self, segments: Sequence[SegmentReach]) -> Manifest:
        """The same with other segments."""
        return replace(self, segments=tuple(segments))


def package_version() -> str:
    """The installed version of this package, or `unknown` where it is run from its sources."""
    try:
        return metadata.version("omega_fast")
    except metadata.PackageNotFoundError:
        return "unknown"


def write_manifest(files: FileSystem, path: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step. Raises `StoreError`."""
    data = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_atomically(files, path, data)


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`.

    Raises:
        StoreError: If it is missing, or of a later format.
        StoreDamagedError: If it is not a manifest.
    """
    with naming(path, "read"):
        data = path.read_bytes()
    try:
        content = orjson.loads(data)
        version = int(content["format"])
        if version <= FORMAT_VERSION:
            configuration = Configuration(**content.pop("configuration"))
            segments = tuple(SegmentReach(**reach) for reach in content.pop("segments"))
            return Manifest(configuration, segments, **content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreDamagedError(
            f"{path} is not a manifest: {error}",
            hint="delete it: it is rebuilt from the log when the run is opened",
        ) from error
    raise StoreError(
        f"{path} has format {version}, this version knows {FORMAT_VERSION}", hint="update omega_fast"
    )


_ABSENT = object()


def _differences(has: object, wants: object, place: str = "") -> Iterator[str]:
    if isinstance(has, Mapping) and isinstance(wants, Mapping):
        for key in [*has, *(key for key in wants if key not in has)]:
            where = f"{place}.{key}" if place else str(key)
            yield from _differences(has.get(key, _ABSENT), wants.get(key, _ABSENT), where)
    elif has != wants or isinstance(has, bool) != isinstance(wants, bool):
        yield f"{place}: run has {_shown(has)}, you asked for {_shown(wants)}"


def _shown(value: object) -> str:
    return "nothing" if value is _ABSENT else orjson.dumps(value).decode()

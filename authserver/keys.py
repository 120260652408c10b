"""The signing keys in use: which one signs, which ones are published, and when they change.

Kubernetes fetches the key set again only when its `Cache-Control` runs out, never for an unknown
key id. So a new key is published longer before its first use than that, and an old one is kept
until its last token has ended.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from authserver import keyfiles, secretfile
from authserver.clock import Clock
from authserver.keyfiles import KeyFile, KeyFileError
from authserver.tokens import SigningKey, VerificationKey

MAX_AGE: Final = 300
"""Seconds that a fetched key set may be used: the `max-age` of `/jwks`."""
SHORTEST_PUBLICATION: Final = 330
"""Seconds between publishing a key and signing with it."""
KEPT_AFTER: Final = 60
"""Seconds beyond the life of its last token that a key stays published."""
RELOAD_SECONDS: Final = 10
"""How often a server looks at its key directory."""

_DAY: Final = 86400


class KeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the keys are, and when they are replaced. `mounted`: a read-only Kubernetes Secret."""

    directory: str = "keys"
    algorithm: Literal["ES256", "RS256"] = "ES256"
    rotate_days: Annotated[float, Meta(gt=0)] = 30.0
    publish_seconds: Annotated[int, Meta(ge=SHORTEST_PUBLICATION)] = 360
    mounted: bool = False


class Keyring:
    """The keys of a directory. `keys` and `jwks` are read by requests and never touch the disk.

    Only a keyring that `publishes`, which is a running server's, changes anything on disk: a key
    may be started by nobody else than who shows it to the world from then on.
    """

    def __init__(
        self,
        directory: Path,
        settings: KeySettings,
        clock: Clock,
        token_life: int,
        *,
        publishes: bool,
    ) -> None:
        self._publishes = publishes
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._token_life = token_life
        self._usable: list[KeyFile] = []
        self.keys: dict[str, VerificationKey] = {}
        self.jwks = b""
        self.reload()

    def reload(self) -> None:
        """Read the directory again, start pending keys and let go of those whose time is over.

        Raises KeyFileError or InsecureFile; what was loaded before stays in use then.
        """
        files = keyfiles.read_all(self._directory, mounted=self._settings.mounted)
        if self._publishes and not self._settings.mounted:
            files = self._upkeep(files)
        published = [file for file in files if not self._is_over(file, files)]
        usable = [file for file in published if file.not_before is not None]
        if not usable:
            raise KeyFileError(f"{self._directory}: holds no signing key")
        self._usable = usable
        # Changed in place: verifiers hold on to this mapping.
        fresh = {file.signing.kid: _verification(file.signing) for file in published}
        for kid in self.keys.keys() - fresh.keys():
            del self.keys[kid]
        self.keys.update(fresh)
        entries = [keyfiles.jwk(file.signing) for file in published]
        self.jwks = json.dumps({"keys": entries}, separators=(",", ":")).encode()

    def _upkeep(self, files: list[KeyFile]) -> list[KeyFile]:
        now = int(self._clock())
        usable = [file for file in files if file.not_before is not None]
        pending = [file for file in files if file.not_before is None]
        over = [file for file in usable if self._is_over(file, files)]
        age = now - max((file.not_before or 0 for file in usable), default=now)
        due = age >= self._settings.rotate_days * _DAY and not pending
        if not (pending or over or due):
            return files
        with keyfiles.locked(self._directory):
            if due and self._newest_on_disk() == max(file.not_before or 0 for file in usable):
                keyfiles.generate(self._directory, self._settings.algorithm, None)
            for file in keyfiles.read_all(self._directory):
                if file.not_before is None:
                    # The very first key has no predecessor whose tokens anybody could hold.
                    lead = self._settings.publish_seconds if usable else 0
                    keyfiles.start(file, now + lead)
            for file in over:
                file.path.unlink(missing_ok=True)
        return keyfiles.read_all(self._directory)

    def _newest_on_disk(self) -> int:
        files = keyfiles.read_all(self._directory)
        return max(_FAR if file.not_before is None else file.not_before for file in files)

    def _is_over(self, file: KeyFile, files: list[KeyFile]) -> bool:
        """Say whether the last token signed with this key ended long enough ago."""
        if file.not_before is None:
            return False
        later = [
            other.not_before
            for other in files
            if other.not_before is not None and other.not_before > file.not_before
        ]
        return bool(later) and self._clock() > min(later) + self._token_life + KEPT_AFTER

    def signing_key(self) -> SigningKey:
        """Return the newest key whose time has come."""
        now = self._clock()
        ready = [file for file in self._usable if (file.not_before or 0) <= now]
        # With a clock that was set back none may be ready: the oldest has been published longest.
        return (ready[-1] if ready else self._usable[0]).signing

    @property
    def files(self) -> list[KeyFile]:
        """The keys that sign now or later, oldest first."""
        return list(self._usable)


_FAR: Final = 1 << 62


def _verification(signing: SigningKey) -> VerificationKey:
    return VerificationKey(signing.key.public_key(), signing.algorithm)


def discovery(issuer: str, reached: str, algorithms: Mapping[str, VerificationKey]) -> bytes:
    """Return the OpenID provider metadata (OpenID Connect Discovery 1.0 §3).

    `reached` is the issuer as this client reaches it: where it finds the keys.
    """
    document = {
        "issuer": issuer,
        "jwks_uri": f"{reached}/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(
            {key.algorithm for key in algorithms.values()}
        ),
        "claims_supported": ["iss", "aud", "sub", "groups", "iat", "nbf", "exp", "jti", "sid"],
        "introspection_endpoint": f"{reached}/verify",
    }
    return json.dumps(document, separators=(",", ":")).encode()


def initial(directory: Path, settings: KeySettings, now: int) -> Path:
    """Make the directory and its first key, which signs at once."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = keyfiles.generate(directory, settings.algorithm, now)
    secretfile.sync_directory(directory)
    return path

"""A bucket as an object store, at any S3; imported only where one is configured."""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from central_mdm.platform.errors import Busy, Malformed
from central_mdm.platform.objects import Named, tenant_of

SIGNED_SECONDS: Final = 300
_WAIT_SECONDS: Final = 5
_AT_ONCE: Final = 16
_OPTIONS: Final = frozenset({"endpoint", "region", "public"})
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class Bucket:
    """Objects in a bucket; what has its name there is whole, for S3 shows no half objects."""

    is_near = False

    def __init__(self, address: str) -> None:
        """Read `s3://bucket?endpoint=URL&region=R&public=URL`; credentials are in the environment.

        `public`: where apps reach the same bucket by themselves; they are then sent there for what
        they read, with an address that is good for one object and five minutes. Raises Malformed.
        """
        parts = urlsplit(address)
        told = parse_qs(parts.query)
        if parts.scheme != "s3" or not parts.netloc or parts.path or set(told) - _OPTIONS:
            raise Malformed("objects", "It reads s3://bucket?endpoint=URL&region=R&public=URL.")
        if lacks := [name for name in _KEYS if not os.environ.get(name)]:
            raise Malformed("objects", f"The environment lacks {' and '.join(lacks)}.")
        region = told.get("region", ["us-east-1"])[0]
        self._store = _store(parts.netloc, told.get("endpoint", [""])[0], region)
        public = told.get("public", [""])[0]
        self._public = _store(parts.netloc, public, region) if public else None

    async def keep(self, school: str, name: str, content: bytes) -> None:
        await self._put(_path(school, name), content)

    async def read(self, school: str, name: str) -> bytes | None:
        try:
            found = await self._store.get_async(_path(school, name))
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except BaseError:
            raise Busy("objects-away", _WAIT_SECONDS) from None

    async def absent(self, school: str, names: Sequence[str]) -> set[str]:
        found = set[str]()
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            here = await asyncio.gather(*(self._has(_path(school, name)) for name in some))
            found |= {name for name, has in zip(some, here, strict=True) if not has}
        return found

    async def remove(self, school: str, name: str) -> None:
        try:
            await self._store.delete_async(_path(school, name))
        except FileNotFoundError:
            return
        except BaseError:
            raise Busy("objects-away", _WAIT_SECONDS) from None

    async def forget(self, school: str, before: int, parts_before: int, named: Named) -> int:
        """Look for nothing: what was put again since it was listed would go as well."""
        del school, before, parts_before, named
        return 0

    async def addresses(self, school: str, names: Sequence[str]) -> tuple[str, ...]:
        if self._public is None or not names:
            return ()
        lasts = timedelta(seconds=SIGNED_SECONDS)
        paths = [_path(school, name) for name in names]
        return tuple(await obstore.sign_async(self._public, "GET", paths, lasts))

    async def _has(self, path: str) -> bool:
        try:
            await self._store.head_async(path)
        except FileNotFoundError:
            return False
        except BaseError:
            raise Busy("objects-away", _WAIT_SECONDS) from None
        return True

    async def _put(self, path: str, content: bytes) -> None:
        try:
            await self._store.put_async(path, content, use_multipart=False)
        except BaseError:
            raise Busy("objects-away", _WAIT_SECONDS) from None


def _store(bucket: str, endpoint: str, region: str) -> S3Store:
    key, secret = (os.environ[name] for name in _KEYS)
    return S3Store(
        bucket,
        endpoint=endpoint or f"https://s3.{region}.amazonaws.com",
        region=region,
        access_key_id=key,
        secret_access_key=secret,
        # A chunk's name is its hash, which was looked at: SHA-256 over it once more tells nothing.
        unsigned_payload=True,
        client_options={"allow_http": endpoint.startswith("http://"), "timeout": "60s"},
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
    )


def _path(school: str, name: str) -> str:
    return f"{tenant_of(school)}/{name}"

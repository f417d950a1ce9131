"""Signing in, and the papers that come with it."""

from typing import Annotated

from msgspec import Meta, Struct

from central_mdm.contract.grants import LIST_CHARS_MAX
from central_mdm.contract.names import CSR_MAX, TEXT, Count, DiscoveryKey, Id, Name, OptionalId
from central_mdm.contract.second_factor import Needed
from central_mdm.contract.succession import Epoch, OptionalThumbprint, Successions

Login = Annotated[str, Meta(min_length=1, max_length=128, pattern=TEXT)]


class SignIn(Struct, frozen=True):
    """POST /api/sign-in. `csr`: PKCS#10 in PEM by the teacher's own Ed25519 key, or empty.

    `code`: the second factor of who needs one, or empty. `teacher`: whose store it is for, where it
    is somebody's: anybody else is refused ("another-teacher") and given nothing.
    """

    school: Id
    login: Login
    password: Annotated[str, Meta(min_length=1, max_length=1024)]
    csr: Annotated[str, Meta(max_length=8192)] = ""
    code: Annotated[str, Meta(max_length=32, pattern=r"^[A-Za-z0-9 -]*(?!\n)$")] = ""
    teacher: OptionalId = ""


class SignedIn(Struct, frozen=True):
    """`token` is a bearer token, short-lived; `refresh` buys the next one, once.

    `certificate` is empty where no `csr` came, or a second factor is lacking; `root` is the
    school's root, PEM. Until what `second_factor` names was given, `token` opens nothing else.
    """

    token: str
    token_seconds: Count
    refresh: str
    teacher: Id
    teacher_name: Name
    school: Id
    school_name: Name
    root: str
    certificate: str = ""
    standby: OptionalThumbprint = ""
    epoch: Epoch = 0
    second_factor: Needed = ""


class Refresh(Struct, frozen=True):
    """POST /api/refresh -> SignedIn (without certificate)."""

    refresh: Annotated[str, Meta(min_length=1, max_length=256)]


class Renew(Struct, frozen=True):
    """POST /api/renewals: a certificate comes to its end.

    `csr` is by the key that it is of: the asking teacher's own, or that of a device of the school,
    which the teacher's app carries here.
    """

    csr: Annotated[str, Meta(min_length=1, max_length=CSR_MAX)]


class Renewed(Struct, frozen=True):
    """The new certificate, PEM, of the same key and name."""

    certificate: str


class GrantIssued(Struct, frozen=True):
    """POST /api/grants?key=: the signed grant for the signed-in teacher's classes and key.

    `key`: the thumbprint of the key that is here, for a teacher has one on each computer; without
    it the grant is for the key that was certified last, wherever that is.
    `deny_list`: the school's newest, signed, without which a device may not honour the grant.
    `discovery`: by it the app knows the school's devices by their names of the day.
    """

    grant: str
    ends_at: Count
    deny_list: str = ""
    discovery: DiscoveryKey = ""


class Trust(Struct, frozen=True):
    """GET /api/trust?deny_list=&epoch=: what is signed for everybody since those numbers.

    `lost_list`: the asker's list is none of ours: we were set back to a copy. Bring it.
    """

    deny_list: str = ""
    successions: Successions = ()
    lost_list: bool = False


class ListBrought(Struct, frozen=True):
    """POST /api/trust: a deny list that this school has signed and does not know any more."""

    deny_list: Annotated[str, Meta(min_length=1, max_length=LIST_CHARS_MAX)]


class Problem(Struct, frozen=True):
    """Body of every answer that is not a success: RFC 9457, with a word for programs, `code`.

    `type` is always "about:blank", so `title` is the status in words; both are of no use to us.
    """

    code: Annotated[str, Meta(max_length=64)]
    detail: Annotated[str, Meta(max_length=500)] = ""
    status: Annotated[int, Meta(ge=0, le=599)] = 0
    title: Annotated[str, Meta(max_length=64)] = ""
    type: Annotated[str, Meta(max_length=64)] = "about:blank"

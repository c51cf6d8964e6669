"""The token that opens the page, and the cookie that stands for it from then on."""

import hashlib
import hmac
import secrets
from typing import Final

from binex.errors import InputError

LONGEST: Final = 512
_SHORTEST: Final = 16
_BYTES: Final = 32


class Keys:
    """Knows who may ask. The cookie follows from the token, so that a page stays open over a restart with the same."""

    def __init__(self, token: str | None, port: int) -> None:
        """Use *token*, or make one.

        Raises:
            InputError: it is too short to be a secret, or cannot stand in an address.
        """
        if token is not None and not (_SHORTEST <= len(token) <= LONGEST and token.isascii() and token.isprintable()):
            raise InputError(
                f"a token needs {_SHORTEST} to {LONGEST} printable ASCII characters", fix="leave it out: one is made"
            )
        self.token = token or secrets.token_urlsafe(_BYTES)
        self.cookie_name = f"binex-{port}"
        self._cookie = hmac.new(self.token.encode(), b"the cookie of the Binex page", hashlib.sha256).hexdigest()

    @property
    def set_cookie(self) -> str:
        """What gives the cookie to a browser: no script reads it, and no other site's request brings it along."""
        return f"{self.cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    def is_token(self, said: str) -> bool:
        """Whether that is the token."""
        return hmac.compare_digest(said.encode("utf-8", "replace"), self.token.encode())

    def is_known(self, cookies: list[bytes]) -> bool:
        """Whether one of the ``Cookie`` headers has the cookie."""
        wanted = self.cookie_name.encode()
        for header in cookies:
            for pair in header.split(b";"):
                name, _, value = pair.strip().partition(b"=")
                if name == wanted and hmac.compare_digest(value, self._cookie.encode()):
                    return True
        return False

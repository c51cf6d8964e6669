"""Whether an agent card was signed by who should have signed it.

Imports the A2A library, and is imported only where a workflow has a key.
"""

from collections.abc import Mapping
from typing import Final

from a2a.types.a2a_pb2 import AgentCard
from pydantic import JsonValue

from binex.errors import AgentError, RemoteError

_ALGORITHMS: Final = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]
"""None with a shared secret: whoever can check those could also sign."""


def verify(card: AgentCard, key: str | Mapping[str, JsonValue], host: str) -> None:
    """Check the card's signatures against *key*: a JWK, a JWKS, or a public key as PEM text.

    Raises:
        RemoteError: no signature is valid.
        AgentError: the key cannot be read, or the library that reads it is missing.
    """
    try:
        from a2a.utils import signing
        from jwt import PyJWK, PyJWKSet
        from jwt.exceptions import InvalidKeyError, PyJWTError
    except ImportError as error:
        raise AgentError(
            f"config.card_key needs a library that is not installed: {error.name}",
            fix="pip install 'a2a-sdk[signing]' cryptography",
            is_retryable=False,
        ) from error

    def find(kid: str | None, _jku: str | None) -> "PyJWK | str":
        # The address of a key set in the card is not asked: the card would vouch for itself.
        if isinstance(key, str):
            return key
        if "keys" not in key:
            return PyJWK.from_dict(dict(key))
        keys = PyJWKSet.from_dict(dict(key)).keys
        found = next((one for one in keys if one.key_id == kid), keys[0] if len(keys) == 1 else None)
        if found is None:
            raise InvalidKeyError(f"no key '{kid}'")
        return found

    try:
        if isinstance(key, Mapping):
            PyJWKSet.from_dict(dict(key)) if "keys" in key else PyJWK.from_dict(dict(key))
    except (PyJWTError, ValueError, TypeError) as error:
        raise AgentError(f"config.card_key cannot be read: {error}", fix="give a JWK", is_retryable=False) from error
    try:
        signing.create_signature_verifier(find, _ALGORITHMS)(card)
    except (signing.SignatureVerificationError, PyJWTError, ValueError, TypeError) as error:
        raise RemoteError(
            f"refused: the agent card of {host} is not signed with config.card_key ({error})",
            fix="ask whoever runs the agent for its public key",
            host=host,
            is_retryable=False,
        ) from error

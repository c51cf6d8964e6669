"""How to show a key to an agent: what its card asks for, and what ``config`` has."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import JsonValue

from binex.adapters.a2a.message import Json
from binex.adapters.a2a.settings import Secret, Settings
from binex.errors import AuthenticationError


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to send along with each request."""

    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def for_card(cls, card: Json, settings: Settings, host: str) -> Self:
        """The first way in that the card offers and *settings* has everything for.

        Raises:
            AuthenticationError: the card asks for what is not there.
        """
        schemes = _mapping(card.get("securitySchemes"))
        ways = [_mapping(_mapping(way).get("schemes")) for way in _list(card.get("securityRequirements"))]
        if not ways:
            token = settings.token
            return cls() if token is None else cls({"Authorization": f"Bearer {token}"})
        for way in ways:
            shown = [_shown(name, _mapping(schemes.get(name)), settings) for name in way]
            found = [one for one in shown if one is not None]
            if len(found) == len(shown):
                return cls(
                    {name: value for one in found for name, value in one.headers.items()},
                    {name: value for one in found for name, value in one.params.items()},
                    {name: value for one in found for name, value in one.cookies.items()},
                )
        if settings.headers:
            return cls()  # the key is in there, as far as anyone can know
        wanted = " or ".join(
            " and ".join(_described(name, _mapping(schemes.get(name))) for name in way) for way in ways
        )
        first = next(iter(ways[0]), "scheme")
        raise AuthenticationError(
            f"{host} wants to be shown {wanted:.400}; the node has nothing that fits",
            fix=f"config.auth: {{{first}: '${{secret.NAME}}'}}",
            host=host,
            is_retryable=False,
        )

    @property
    def secrets(self) -> list[str]:
        """The values as they are sent."""
        return [*self.headers.values(), *self.params.values(), *self.cookies.values()]


def _shown(name: str, scheme: Json, settings: Settings) -> Credentials | None:
    """One scheme with its secret filled in; None where there is none, or the scheme is not known."""
    secret = settings.auth.get(name, settings.token)
    if secret is None:
        return None
    match scheme:
        case {"apiKeySecurityScheme": {"name": str(key), "location": str(place)}} if isinstance(secret, str):
            return _placed(place.lower(), key, secret)
        case {"httpAuthSecurityScheme": {"scheme": str(kind)}} if kind.lower() == "basic":
            return Credentials(headers={"Authorization": f"Basic {_login(secret)}"})
        case {"httpAuthSecurityScheme": {"scheme": str(kind)}} if isinstance(secret, str):
            return Credentials(headers={"Authorization": f"{kind.capitalize()} {secret}"})
        case {"oauth2SecurityScheme": _} | {"openIdConnectSecurityScheme": _} if isinstance(secret, str):
            return Credentials(headers={"Authorization": f"Bearer {secret}"})
    return None


def _placed(place: str, key: str, secret: str) -> Credentials | None:
    match place:
        case "header":
            return Credentials(headers={key: secret})
        case "query":
            return Credentials(params={key: secret})
        case "cookie":
            return Credentials(cookies={key: secret})
    return None


def _login(secret: Secret) -> str:
    text = secret if isinstance(secret, str) else f"{secret['username']}:{secret['password']}"
    return base64.b64encode(text.encode()).decode()


def _described(name: str, scheme: Json) -> str:
    match scheme:
        case {"apiKeySecurityScheme": {"name": str(key), "location": str(place)}}:
            return f"'{name}' (a key in the {place.lower()} '{key}')"
        case {"httpAuthSecurityScheme": {"scheme": str(kind)}}:
            return f"'{name}' (HTTP {kind})"
        case {"oauth2SecurityScheme": _} | {"openIdConnectSecurityScheme": _}:
            return f"'{name}' (an OAuth token)"
    return f"'{name}'"


def _mapping(value: JsonValue) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

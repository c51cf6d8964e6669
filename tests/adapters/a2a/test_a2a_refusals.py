"""Where an agent's card or the network leads elsewhere, nobody follows."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from binex.adapters.a2a.address import AddressRule, AgentAddress
from binex.adapters.a2a.wire import CheckedBackend
from binex.errors import RemoteError
from tests.a2a_server import AgentServer, RawServer, Request, http, raw_card, serving, serving_raw
from tests.adapters.a2a.talk import Talk, talking


def _pointing_to(url: str) -> RawServer:
    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        interface = {"url": url.replace("PORT", str(server.port)), "protocolBinding": "JSONRPC"}
        yield http(raw_card(server, supportedInterfaces=[interface]))

    return RawServer(answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/rpc",
        "http://[fd00::1]/rpc",
        "http://evil.example/rpc",
        "https://127.0.0.1.evil.example/rpc",
        "http://0.0.0.0:PORT/rpc",
        "http://user:pass@127.0.0.1:PORT/rpc",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://[",
        "",
    ],
)
async def test_a_card_that_points_elsewhere_is_refused(url: str) -> None:
    with (
        serving_raw(_pointing_to(url)) as server,
        pytest.raises(RemoteError, match="refused: the agent card") as caught,
    ):
        await Talk(server).say()
    assert not caught.value.is_retryable
    assert not server.rpcs


async def test_the_names_of_this_machine_are_one_host() -> None:
    with talking() as (talk, server):
        assert await talk.say(agent=f"a2a://localhost:{server.port}") == "hello world"


async def test_an_allowed_host_is_still_not_connected_to_where_it_is_private() -> None:
    wanted = pytest.raises(RemoteError, match=r"its address 169\.254\.169\.254 is not a public one")
    with serving_raw(_pointing_to("http://169.254.169.254:PORT/rpc")) as server, wanted as caught:
        await Talk(server).say(config={"allow_hosts": ["169.254.169.254"]})
    assert not caught.value.is_retryable


async def test_keys_are_not_sent_to_an_allowed_host() -> None:
    wanted = pytest.raises(RemoteError, match=r"points to other\.example, which must not see its keys")
    with serving_raw(_pointing_to("http://other.example:PORT/rpc")) as server, wanted:
        await Talk(server).say(config={"allow_hosts": ["other.example"], "token": "abcdef"})
    assert not server.rpcs


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        place = f"http://127.0.0.1:{server.port}/elsewhere"
        yield http(raw_card(server)) if request.method == "GET" else http("", status, Location=place)

    with (
        serving_raw(RawServer(answer)) as server,
        pytest.raises(RemoteError, match="redirects to http://127") as caught,
    ):
        await Talk(server).say()
    assert (caught.value.status, caught.value.is_retryable) == (status, False)
    assert "/elsewhere" not in [request.path for request in server.requests]


async def test_the_card_itself_is_not_fetched_from_elsewhere() -> None:
    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        yield http("", 302, Location="http://169.254.169.254/")

    with serving_raw(RawServer(answer)) as server, pytest.raises(RemoteError, match="are not followed"):
        await Talk(server).say()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd12::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "ff02::1",
    ],
)
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    rule = AddressRule.of(AgentAddress.of("a2a://agents.example.com"))
    assert not rule.is_allowed("agents.example.com", address)
    assert AddressRule.of(AgentAddress.of("a2a://x.example"), is_private_allowed=True).is_allowed("x.example", address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressRule.of(AgentAddress.of("a2a://agents.example.com")).is_allowed("agents.example.com", address)


@pytest.mark.parametrize(
    ("agent", "host", "address", "is_allowed"),
    [
        ("a2a://127.0.0.1:1", "127.0.0.1", "127.0.0.1", True),
        ("a2a://localhost:1", "localhost", "::1", True),
        ("a2a://[::1]:1", "::1", "::1", True),
        ("a2a://10.0.0.7", "10.0.0.7", "10.0.0.7", True),
        ("a2a://[fd00::7]", "fd00::7", "fd00::7", True),
        ("a2a://localhost:1", "localhost", "10.0.0.7", False),
        ("a2a://10.0.0.7", "10.0.0.8", "10.0.0.8", False),
        ("a2a://169.254.169.254", "169.254.169.254", "169.254.169.254", False),
        ("a2a://0.0.0.0", "0.0.0.0", "0.0.0.0", False),
        ("a2a://100.64.0.1", "100.64.0.1", "100.64.0.1", False),
    ],
)
def test_a_private_address_has_to_be_written_down(agent: str, host: str, address: str, is_allowed: bool) -> None:
    assert AddressRule.of(AgentAddress.of(agent)).is_allowed(host, address) == is_allowed


async def test_what_a_name_resolves_to_is_checked_and_then_connected_to() -> None:
    name = socket.gethostname()
    rule = AddressRule.of(AgentAddress.of(f"a2a://{name}"))
    found = {str(info[4][0]) for info in socket.getaddrinfo(name, 1, type=socket.SOCK_STREAM)}
    if all(rule.is_allowed(name, address) for address in found):
        pytest.skip("this machine has a public address")
    with pytest.raises(RemoteError, match="is not a public one"):
        await CheckedBackend(rule).connect_tcp(name, 1, timeout=5)


def _certificate(folder: Path, host: str) -> Path:
    """A certificate for *host*, an address, and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "agents")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / f"{host}.pem"
    file.write_bytes(secret + certificate.public_bytes(pem))
    return file


@pytest.mark.parametrize(
    ("host", "is_known", "said"),
    [
        ("127.0.0.1", True, "ok Greeter 2.1, A2A 1.0 over JSONRPC"),
        ("127.0.0.1", False, "unreachable cannot connect to 127.0.0.1"),
        ("127.0.0.2", True, "unreachable cannot connect to 127.0.0.1"),
    ],
)
def test_the_certificate_has_to_be_for_the_host_and_from_a_known_authority(
    tmp_path: Path, host: str, is_known: bool, said: str
) -> None:
    certificate = _certificate(tmp_path, host)
    script = """
import asyncio, sys
from binex.adapters.a2a.adapter import A2AAdapter
found = asyncio.run(A2AAdapter().health(sys.argv[1]))
print(found.status.value, found.detail)
"""
    environment = {**os.environ, **({"SSL_CERT_FILE": str(certificate)} if is_known else {})}
    with serving(AgentServer(scheme="https"), certificate) as server:
        command = [sys.executable, "-c", script, f"a2a://https://127.0.0.1:{server.port}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(said)
    assert ("certificate" in done.stdout) == (not said.startswith("ok"))

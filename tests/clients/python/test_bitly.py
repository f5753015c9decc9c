"""Clients of Bitly's API: pyshorteners and bitlyshortener."""

import pyshorteners
import pytest
import requests
from bitlyshortener import Shortener, config, exc
from pyshorteners.exceptions import ShorteningErrorException


@pytest.fixture
def bitly(shortener):
    return pyshorteners.Shortener(api_key="dev", api_url=f"{shortener}/v4").bitly


def test_pyshorteners_shortens_and_expands(bitly, shortener):
    short = bitly.short("https://example.com/py/1")
    assert short.startswith(f"{shortener}/")
    assert bitly.short("https://example.com/py/1") == short
    assert bitly.expand(short) == "https://example.com/py/1"
    answer = requests.get(short, allow_redirects=False)
    assert answer.headers["location"] == "https://example.com/py/1"


def test_pyshorteners_counts_clicks(bitly, until):
    short = bitly.short("https://example.com/py/2")
    assert bitly.total_clicks(short) == 0
    for _ in range(3):
        requests.get(short, allow_redirects=False)
    assert until(lambda: bitly.total_clicks(short) == 3)


def test_pyshorteners_is_told_what_is_wrong(bitly, shortener):
    with pytest.raises(ShorteningErrorException, match="INVALID_ARG_LONG_URL"):
        bitly.short("https://127.0.0.1/private")
    stranger = pyshorteners.Shortener(api_key="wrong", api_url=f"{shortener}/v4").bitly
    with pytest.raises(ShorteningErrorException, match="FORBIDDEN"):
        stranger.short("https://example.com/py/3")


def test_bitlyshortener_shortens_many_at_once(shortener, monkeypatch):
    monkeypatch.setattr(config, "API_URL_BITLINKS", f"{shortener}/v4/bitlinks")
    monkeypatch.setattr(config, "API_URL_SHORTEN", f"{shortener}/v4/shorten")
    client = Shortener(tokens=["dev"])
    targets = [f"https://example.com/many/{number}" for number in range(20)]
    shorts = client.shorten_urls(targets)
    # This client writes https whatever the server says.
    assert len(set(shorts)) == 20
    location = requests.get(
        shorts[7].replace("https://", "http://"), allow_redirects=False
    ).headers["location"]
    assert location == targets[7]
    with pytest.raises(exc.RequestError):
        client.shorten_urls(["https://127.0.0.1/private"])

"""Clients of YOURLS: yourls and pyourls3."""

import pytest
import requests
from pyourls3 import Yourls, exceptions as pyourls3_errors
from yourls import YOURLSClient
from yourls.exceptions import (
    YOURLSHTTPError,
    YOURLSKeywordExistsError,
    YOURLSNoURLError,
    YOURLSURLExistsError,
)


@pytest.fixture
def client(shortener):
    return YOURLSClient(f"{shortener}/yourls-api.php", signature="dev")


def test_yourls_shortens(client, shortener):
    made = client.shorten("https://example.com/y/1", keyword="y-one", title="One")
    assert made.shorturl == f"{shortener}/y-one"
    assert (made.keyword, made.title, made.url) == ("y-one", "One", "https://example.com/y/1")
    assert client.expand("y-one") == "https://example.com/y/1"
    assert client.expand(made.shorturl) == "https://example.com/y/1"
    with pytest.raises(YOURLSKeywordExistsError) as taken:
        client.shorten("https://example.com/y/other", keyword="y-one")
    assert taken.value.keyword == "y-one"


def test_yourls_finds_what_was_shortened(client):
    made = client.shorten("https://example.com/y/2")
    with pytest.raises(YOURLSURLExistsError) as existing:
        client.shorten("https://example.com/y/2")
    assert existing.value.url.shorturl == made.shorturl


def test_yourls_counts(client, until):
    made = client.shorten("https://example.com/y/3", keyword="y-three")
    requests.get(made.shorturl, allow_redirects=False)
    assert until(lambda: client.url_stats("y-three").clicks == 1)
    links, totals = client.stats(filter="top", limit=1)
    assert links[0].clicks >= 1 and totals.total_links >= 1
    assert client.db_stats().total_clicks >= 1
    for order in ["last", "bottom", "rand"]:
        assert len(client.stats(filter=order, limit=1)[0]) == 1


def test_yourls_is_told_what_is_wrong(client, shortener):
    with pytest.raises(YOURLSNoURLError):
        client.shorten("")
    with pytest.raises(YOURLSHTTPError, match="not found"):
        client.expand("nobody-made-this")
    stranger = YOURLSClient(f"{shortener}/yourls-api.php", signature="wrong")
    with pytest.raises(YOURLSHTTPError, match="log in"):
        stranger.db_stats()


def test_pyourls3(shortener):
    # Any name with a token as the password, as everywhere.
    client = Yourls(addr=shortener, user="anybody", passwd="dev")
    made = client.shorten("https://example.com/y/4", keyword="y-four", title="Four")
    assert made["shorturl"] == f"{shortener}/y-four"
    assert client.expand("y-four") == "https://example.com/y/4"
    assert client.url_stats("y-four")["title"] == "Four"
    assert int(client.stats()["total_links"]) >= 1
    client.shorten("https://example.com/y/5")
    with pytest.raises(pyourls3_errors.Pyourls3URLAlreadyExistsError):
        client.shorten("https://example.com/y/5")
    with pytest.raises(pyourls3_errors.Pyourls3APIError):
        client.shorten("https://example.com/y/6", keyword="y-four")
    with pytest.raises(pyourls3_errors.Pyourls3APIError):
        Yourls(addr=shortener, key="wrong")

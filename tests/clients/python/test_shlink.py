"""The PyPI package `shlink`, which speaks version 1 of Shlink's API."""

import requests
from shlink import Shlink


def test_shlink_lists_and_shows(shortener):
    client = Shlink(api_key="dev", url=shortener)
    # Its way of making one sends a form with the word "None" as a date, which Shlink refuses too.
    requests.post(
        f"{shortener}/rest/v1/short-urls",
        json={"longUrl": "https://example.com/p/1", "customSlug": "p-one", "tags": ["p"]},
        headers={"X-Api-Key": "dev"},
    ).raise_for_status()
    listed = client.list_short_urls()
    assert "p-one" in [link.short_code for link in listed.data]
    assert listed.pagination.current_page == 1
    link = client.get_short_url("p-one")
    assert (link.long_url, link.tags) == ("https://example.com/p/1", ["p"])

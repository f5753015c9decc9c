"""The tools of Apache Kafka, as the scripts of its distribution start them."""

import json
import os
import pathlib
import subprocess

LOGGING = pathlib.Path(__file__).parents[4] / "support" / "kafka" / "log4j2.properties"


def command(main, *arguments):
    """What starts a tool: `tools.TopicCommand` is below `org.apache.kafka`."""
    return [
        # Small and quick to start rather than quick in the long run.
        "java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp", os.environ["KAFKA_JARS"] + "/*",
        f"org.apache.kafka.{main}", *map(str, arguments),
    ]


def run(main, *arguments, given="", fails=False):
    """What a tool prints, on both its outputs when it is to fail."""
    ran = subprocess.run(
        command(main, *arguments), input=given, capture_output=True, text=True, timeout=50,
        check=False,
    )
    said = f"{ran.stdout}\n{ran.stderr}"
    assert (ran.returncode != 0) == fails, said
    return said if fails else ran.stdout


def events(printed):
    """The JSON lines of a verifiable producer or consumer, by their names."""
    found = {}
    for line in printed.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            found.setdefault(event["name"], []).append(event)
    return found

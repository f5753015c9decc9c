"""Prints how many tests passed and failed by the closing lines of a log's test runners."""

import re
import sys

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# cargo test; node's runner; vitest; pytest.
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed")
NODE = re.compile(r"^[#ℹ] (pass|fail) (\d+)")
VITEST = re.compile(r"^\s*Tests\s+(?:(\d+) failed \| )?(\d+) passed")
PYTEST = re.compile(r"^(?:=+ )?(?:(\d+) failed, )?(\d+) passed\b.* in [\d.]+s")
PYTEST_ALL_FAILED = re.compile(r"^(?:=+ )?(\d+) failed in [\d.]+s")

# What a suite of ours prints when it counts by itself.
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$")


def count(lines):
    passed = failed = 0
    for line in lines:
        line = ANSI.sub("", line.rstrip())
        if match := CARGO.match(line) or PLAIN.match(line):
            passed, failed = passed + int(match[1]), failed + int(match[2])
        elif match := NODE.match(line):
            if match[1] == "pass":
                passed += int(match[2])
            else:
                failed += int(match[2])
        elif match := VITEST.match(line):
            passed, failed = passed + int(match[2]), failed + int(match[1] or 0)
        elif match := PYTEST.match(line):
            passed, failed = passed + int(match[2]), failed + int(match[1] or 0)
        elif match := PYTEST_ALL_FAILED.match(line):
            failed += int(match[1])
    return passed, failed


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print(*count(log))

"""`python -m tests.faults.checker BOOTSTRAP STREAM`: check a stream that is there; exit status 1 if it is not clean."""

import json
import sys

from tests.faults.checker.check import check


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    report = check(*arguments)
    print(json.dumps(report.document(), indent=2))
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

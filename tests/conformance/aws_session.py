"""Runs the unmodified aws-cli command after command in one process, because starting it takes longer than most calls.

Reads one JSON array of arguments per line; answers one JSON object per line: rc, stdout, stderr. What runs is what the
`aws` program itself runs: awscli.clidriver.
"""
import contextlib
import io
import json
import sys

from awscli.clidriver import create_clidriver


class Captured(io.TextIOWrapper):
    """Like a terminal's stream to the command line: text, and the bytes below."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self):
        return self.buffer.getvalue().decode(errors="replace")


def main():
    driver = create_clidriver()
    for line in sys.stdin:
        out, err = Captured(), Captured()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            rc = driver.main(json.loads(line))
        print(json.dumps({"rc": rc, "stdout": out.text(), "stderr": err.text()}), flush=True)


if __name__ == "__main__":
    main()

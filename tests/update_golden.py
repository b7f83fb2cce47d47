"""Writes tests/golden/ anew: `make golden`. Look at the difference before you commit it."""

from tests.golden_cases import CASES, GOLDEN, rendered


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for stale in {path.stem for path in GOLDEN.glob("*.yaml")} - CASES.keys():
        (GOLDEN / f"{stale}.yaml").unlink()
    for case in CASES:
        (GOLDEN / f"{case}.yaml").write_text(rendered(case))


if __name__ == "__main__":
    main()

"""What the kubelet makes of values and commands, written after third_party/forked/golang/expansion/expand.go of Kubernetes."""

from collections.abc import Mapping


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the variable's value if there is one, `$$` becomes `$`, and any other `$` stays."""
    result, position = "", 0
    while position < len(text):
        if text[position] != "$" or position + 1 == len(text):
            result, position = result + text[position], position + 1
            continue
        piece, length = _operator(text[position + 1 :], variables)
        result, position = result + piece, position + 1 + length
    return result


def _operator(rest: str, variables: Mapping[str, str]) -> tuple[str, int]:
    """What stands for a `$` and the text behind it, and how much of that text is used up."""
    if rest[0] == "$":
        return "$", 1
    if rest[0] == "(" and ")" in rest:
        name = rest[1 : rest.index(")")]
        return variables.get(name, f"$({name})"), len(name) + 2
    return f"${rest[0]}", 1

"""placeholder"""


def tidy(latex):
    return latex if isinstance(latex, str) else " ".join(latex)
